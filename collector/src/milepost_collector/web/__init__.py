"""What people and programs read: pages, the API, and the live feed.

`app` holds the routes, `events` and `vehicles` answer them, `reply` is the form of answers, and
`process` is the program.
"""
