"""What people and programs read: pages, the API, and the live feed.

An `endpoint` is a route with all that is known of it; `events`, `stream` and `vehicles` hold those
that there are, `app` serves them and `openapi` describes them. `parameters` is what requests may
say, `answers` and `reply` what they are answered, `places` the way from a cursor into the feed, and
`process` the program.
"""
