"""Desks at work: what happens, what is planned and what time brings, put into their logs.

`office` is the loop: new versions of plans, track events from the feed, and time that is due;
`silence` watches who is not heard, `forecasts` tells when vehicles will be where. `delivery.desk`
decides, `store.desks` writes; people's taps come through `web`.
"""
