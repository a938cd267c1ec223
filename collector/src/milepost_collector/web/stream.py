"""The feed as it grows, as server-sent events (HTML Living Standard, section 9.2).

A message without data sets the id that a browser resumes from, and tells its page nothing: so the
stream says where it begins, and goes on past events that were not asked for. A reader that does not
read keeps its connection and one page of events, not more.
"""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from milepost_collector.store.connection import LOST
from milepost_collector.store.feed import Cursor, FeedEvent
from milepost_collector.store.feed_pages import Choice
from milepost_collector.store.pool import BUSY
from milepost_collector.web.answers import Gone
from milepost_collector.web.endpoint import Asked, Endpoint
from milepost_collector.web.events import AFTER, TYPES, VEHICLES, choice_of
from milepost_collector.web.parameters import In, PlaceInFeed
from milepost_collector.web.places import next_page, resolved
from milepost_collector.web.reply import to_json
from milepost_schemas.event import TYPE_PREFIX

# Some 60 kB: as much as the server's buffer takes before it waits for the reader.
_PAGE = 100

# Something is said so often: it keeps proxies from cutting a quiet stream, shows that the link
# lives, and lets the reader's cursor follow.
_SILENCE_MAX_S = 3.0

_LAST_EVENT_ID = PlaceInFeed(
    "Last-Event-ID",
    "The id of the last message of a stream that was cut; goes before `after`.",
    In.HEADER,
)
_MEDIA_TYPE = "text/event-stream"


async def _stream_events(asked: Asked) -> Response:
    choice, place = choice_of(asked), asked[AFTER]
    last_id = asked[_LAST_EVENT_ID]
    async with asked.pool.lend() as database:
        after = await resolved(database, place if last_id is None else last_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if asked.head_only:
        return Response(media_type=_MEDIA_TYPE, headers=headers)
    return StreamingResponse(
        _messages(asked, after, choice), media_type=_MEDIA_TYPE, headers=headers
    )


async def _messages(asked: Asked, after: Cursor, choice: Choice) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n" + _place(after)
    clock, tail = asked.clock, asked.tail
    told, told_s = after, clock.monotonic_s()
    # Where the stream ends here, the client comes again with its cursor and is told why.
    while not tail.is_foreign(after):
        try:
            page = await next_page(asked.pool, tail, after, _PAGE, choice)
        except (*LOST, BUSY):
            return
        after = page.next
        if page.events:
            yield b"".join(map(_framed, page.events))
            told, told_s = page.events[-1].cursor, clock.monotonic_s()
        elif page.is_last:
            left_s = told_s + _SILENCE_MAX_S - clock.monotonic_s()
            if left_s > 0 and await tail.wait_beyond(after, left_s):
                continue
        if not page.events:
            yield b": alive\n\n" if told == after else _place(after)
            told, told_s = after, clock.monotonic_s()


def _place(cursor: Cursor) -> bytes:
    return b"id: %s\n\n" % str(cursor).encode()


def _framed(found: FeedEvent) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        str(found.cursor).encode(),
        (TYPE_PREFIX + found.event.type).encode(),
        to_json(found.as_cloud_event()),
    )


STREAM = Endpoint(
    "/v1/events/stream",
    _stream_events,
    "Events as they come",
    str,
    description="Server-sent events: `id` is the cursor, `event` the type, `data` the event. A "
    "browser resumes by itself; others give the last `id` as `Last-Event-ID`. Messages without "
    "data carry the cursor past events that were not asked for.",
    media_type=_MEDIA_TYPE,
    parameters=(_LAST_EVENT_ID, AFTER, TYPES, VEHICLES),
    refuses={410: Gone},
)
