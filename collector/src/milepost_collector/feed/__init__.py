"""The feed on its way to those who consume it: committed, numbered events, each a cursor further.

`tail` keeps the newest events at hand for all who listen, `following` runs those who carry them out
of the house.
"""
