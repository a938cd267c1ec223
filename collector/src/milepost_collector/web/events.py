"""The events over HTTP: pages of the feed by cursor, at once or as soon as there are any.

A cursor stands behind an event. Reading on from the cursor of the last event seen, or from a page's
`next`, never skips one.
"""

from typing import cast

from starlette.responses import Response

from milepost_collector.store.feed_pages import Choice, Page, read_newest
from milepost_collector.web.answers import CloudEvent, EventPage, Gone
from milepost_collector.web.endpoint import Asked, Endpoint
from milepost_collector.web.parameters import Names, PlaceInFeed, Whole
from milepost_collector.web.places import next_page, resolved
from milepost_collector.web.reply import reply
from milepost_schemas.event import TYPE_PREFIX

_MAX_PAGE = 1_000

AFTER = PlaceInFeed(
    "after",
    "Where to begin: behind a cursor (`next` of a page, `cursor` of an event; its form is ours "
    "alone), at the `beginning` or the `end` of the feed, or at a time (RFC 3339, of `recordedat`):"
    " then before the first event that was recorded at that time or later, in the order of the "
    "feed. Nothing recorded since is skipped; a few events recorded before, committed later, may "
    "stand between. Absent or empty: the beginning.",
)
TYPES = Names(
    "type",
    "Only events of this type, with or without `org.milepost.`; may be given several times.",
    pattern=r"^(org\.milepost\.)?[a-z_]+(\.[a-z_]+)*$",
    right="a type of event, as fence.entered is",
    prefix=TYPE_PREFIX,
)
VEHICLES = Names(
    "vehicle",
    "Only events of this vehicle; may be given several times.",
    pattern="^[^\\u0000]+$",
    right="a name of a vehicle",
)
_LIMIT = Whole("limit", "The most events of a page.", low=1, high=_MAX_PAGE, default=100)
_WAIT = Whole(
    "wait",
    "Seconds to wait where there is no event yet. The answer comes with the first one, else then "
    "with an empty page.",
    low=0,
    high=60,
)
_LAST = Whole(
    "last",
    "Look at the newest so many events alone; `after`, `limit` and `wait` then say nothing.",
    low=1,
    high=_MAX_PAGE,
)


def choice_of(asked: Asked) -> Choice:
    """Return which events are asked for."""
    return Choice(asked[TYPES], asked[VEHICLES])


async def _list_events(asked: Asked) -> Response:
    choice = choice_of(asked)
    place, limit, wait_s, last = asked[AFTER], asked[_LIMIT], asked[_WAIT], asked[_LAST]
    async with asked.pool.lend() as database:
        if last:
            return _paged(await read_newest(database, last, choice))
        after = await resolved(database, place)
    until_s = asked.clock.monotonic_s() + wait_s
    page = await next_page(asked.pool, asked.tail, after, limit, choice)
    while page.is_last and not page.events:
        left_s = until_s - asked.clock.monotonic_s()
        if left_s <= 0 or not await asked.tail.wait_beyond(page.next, left_s):
            break
        if asked.tail.is_foreign(page.next):  # restored meanwhile
            async with asked.pool.lend() as database:
                await resolved(database, page.next)
            break
        page = await next_page(asked.pool, asked.tail, page.next, limit, choice)
    return _paged(page)


def _paged(page: Page) -> Response:
    events = [cast(CloudEvent, each.as_cloud_event()) for each in page.events]
    return reply(EventPage(events, str(page.next)))


EVENTS = Endpoint(
    "/v1/events",
    _list_events,
    "Events, page by page",
    EventPage,
    description="In the one order of the feed, in which nothing is ever inserted. Read on with "
    "`after` = `next`. With `type` or `vehicle` a page may be short, even empty, though there is "
    "more: `next` still moves on, behind all that was looked at. `next` that is equal to `after`, "
    "or an answer after `wait`, is the end for now.",
    parameters=(AFTER, TYPES, VEHICLES, _LIMIT, _WAIT, _LAST),
    refuses={410: Gone},
)
