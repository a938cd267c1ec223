"""The feed in pages that are chosen by type and vehicle.

A page says up to where it has looked, so that whoever reads on never looks at the same again, also
when nothing there was for him. A range of numbers is looked at at a time, in the index alone.
"""

from dataclasses import dataclass

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.feed import Cursor, FeedEvent

# Numbers that one question looks at: 20 ms for those that are in memory.
_RANGE = 100_000


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events somebody wants.

    Attributes:
        types: Without prefix; none: all of them.
        vehicles: None: all of them.
    """

    types: frozenset[str] = frozenset()
    vehicles: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        """Whether every event is wanted."""
        return not (self.types or self.vehicles)

    def takes(self, found: FeedEvent) -> bool:
        """Whether an event is wanted."""
        event = found.event
        return (not self.types or event.type in self.types) and (
            not self.vehicles or event.subject in self.vehicles
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some events.

    Attributes:
        events: In the order of the feed.
        next: The cursor to read on from: everything before it has been looked at.
        is_last: Whether the feed ended there.
    """

    events: list[FeedEvent]
    next: Cursor
    is_last: bool


async def read_page(connection: AsyncDatabase, after: Cursor, limit: int, choice: Choice) -> Page:
    """Read a page behind a checked cursor.

    It may be empty and not the last one: there is more to look at.

    Args:
        connection: Open.
        after: From `feed.checked`, `beginning`, `end` or `at_time`, or a page before.
        limit: The most events, 1 or more.
        choice: Which.
    """
    end = await feed.end(connection)
    last = max(end.number, after.number)
    if choice.is_all:
        until = last
        events = await feed.read(connection, after, limit)
    else:
        until = min(after.number + _RANGE, last)
        numbers = await _chosen(connection, (after.number, until), limit, choice)
        events = await feed.read_some(connection, after.feed, numbers)
    if len(events) == limit:
        until = events[-1].cursor.number
    elif events:
        until = max(until, events[-1].cursor.number)  # the feed has grown meanwhile
    return Page(events, Cursor(after.feed, until), until >= last)


async def read_newest(connection: AsyncDatabase, count: int, choice: Choice) -> Page:
    """Read those of the newest `count` events that are chosen."""
    end = await feed.end(connection)
    before = Cursor(end.feed, max(0, end.number - count))
    page = await read_page(connection, before, count, Choice())
    return Page([each for each in page.events if choice.takes(each)], page.next, page.is_last)


async def _chosen(
    connection: AsyncDatabase, within: tuple[int, int], limit: int, choice: Choice
) -> list[int]:
    cursor = await connection.execute(
        "SELECT number FROM event WHERE number > %(after)s AND number <= %(until)s "
        "AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s)) "
        "AND (%(vehicles)s::text[] IS NULL OR subject = ANY(%(vehicles)s)) "
        "ORDER BY number LIMIT %(limit)s",
        {
            "after": within[0],
            "until": within[1],
            "types": sorted(choice.types) or None,
            "vehicles": sorted(choice.vehicles) or None,
            "limit": limit,
        },
    )
    return [number for (number,) in await cursor.fetchall()]
