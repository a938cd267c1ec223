"""Notices on their way to people: a consumer of the feed, and the calls of providers.

In flow events of the feed and rules; out flow messages, each at most once (`store.notices`), and
events of notices for webhooks.
"""
