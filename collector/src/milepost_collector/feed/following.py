"""Those who carry events out of the house, each behind a cursor of its own."""

from collections.abc import Coroutine

from milepost_collector.config import CollectorConfig
from milepost_collector.feed.tail import Tail


def following(config: CollectorConfig, tail: Tail) -> list[Coroutine[None, None, None]]:
    """Return what is to run beside the pages: each for ever, until it is cancelled.

    Args:
        config: What is configured runs.
        tail: The end of the feed, which is followed already.
    """
    return []
