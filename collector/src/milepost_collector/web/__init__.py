"""What people and programs read: pages, the API, and the live feed.

`app` holds the routes, `events` and `vehicles` answer them, `tail` keeps the newest events at hand
for all who listen, `reply` is the form of answers, `process` is the program.
"""
