"""From what a consumer brings to a place in this feed, and on from there page by page."""

from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.feed import Cursor, ForeignCursorError
from milepost_collector.store.feed_pages import Choice, Page, read_page
from milepost_collector.store.pool import Pool
from milepost_collector.web.parameters import Edge, Place
from milepost_collector.web.reply import RequestError

# Ranges of numbers that are looked through for one page, at most 1,000,000 numbers, some 0.3 s.
_RANGES = 10


async def resolved(database: AsyncDatabase, place: Place | None) -> Cursor:
    """Return the cursor of a place; without one that of the beginning.

    Raises:
        RequestError: 410, it is not of this feed.
    """
    if place is None or place is Edge.BEGINNING:
        return await feed.beginning(database)
    if place is Edge.END:
        return await feed.end(database)
    if not isinstance(place, Cursor):
        return await feed.at_time(database, place)
    try:
        return await feed.checked(database, place)
    except ForeignCursorError as error:
        raise RequestError(410, str(error), resume_from=error.resume_from) from None


async def next_page(pool: Pool, tail: Tail, after: Cursor, limit: int, choice: Choice) -> Page:
    """Return the page behind a cursor: from memory near the end, else from the database.

    No connection is held any longer than one question takes.
    """
    events = tail.after(after)
    if events is not None:
        chosen = [each for each in events if choice.takes(each)]
        if len(chosen) > limit:
            return Page(chosen[:limit], chosen[limit - 1].cursor, is_last=False)
        return Page(chosen, events[-1].cursor if events else after, is_last=True)
    page = Page([], after, is_last=False)
    for _ in range(_RANGES):
        async with pool.lend() as database:
            page = await read_page(database, page.next, limit, choice)
        if page.events or page.is_last:
            break
    return page
