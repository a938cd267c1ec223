"""Webhooks: events pushed to the servers of others, signed, in order, until they are taken.

In: the feed, and subscriptions in the database. Out: a POST an event.

Invariants:
- An event is queued as a row before its place in the feed is passed, and its row goes after the
  receiver has taken it: at least once, whatever dies in between.
- Of one vehicle one event at a time is sent to one receiver, in the order of the feed.
- Each receiver has its own queue, connections and workers: none waits for another.
- A connection is made only to an address that was checked just before.
"""
