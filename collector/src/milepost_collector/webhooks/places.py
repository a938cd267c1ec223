"""From a word on the command line to a place in the feed."""

from datetime import UTC, datetime

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.feed import Cursor, CursorError, ForeignCursorError


class PlaceError(ValueError):
    """A place in the feed cannot be meant; the message says by which word."""


async def place_of(database: AsyncDatabase, text: str) -> Cursor:
    """Return the place that somebody means: `beginning`, a time, or an event's cursor.

    Raises:
        PlaceError: It is none of these, or a cursor of another feed.
    """
    if text == "beginning":
        return await feed.beginning(database)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return await feed.at_time(database, time if time.tzinfo else time.replace(tzinfo=UTC))
    try:
        return await feed.checked(database, Cursor.parse(text))
    except CursorError:
        raise PlaceError(f"--from {text!r} is no time, no cursor, and not `beginning`") from None
    except ForeignCursorError as error:
        raise PlaceError(f"--from: {error}; go on from {error.resume_from}") from None
