"""The events over HTTP: pages of the feed by cursor, and the feed as it grows (SSE).

A cursor stands behind an event. Reading on from the cursor of the last event seen never skips one.
"""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed
from milepost_collector.store.connection import LOST, AsyncDatabase
from milepost_collector.store.feed import Cursor, CursorError, FeedEvent, ForeignCursorError
from milepost_collector.store.pool import BUSY, Pool
from milepost_collector.web.reply import (
    RequestError,
    reply,
    text_parameters,
    to_json,
    whole_parameter,
)
from milepost_schemas.event import TYPE_PREFIX

_MAX_PAGE = 1_000
_STREAM_PAGE = 500

# A comment so often keeps proxies from cutting a quiet stream, and shows that the link lives.
_HEARTBEAT_S = 3.0

BEGINNING = "beginning"
END = "end"


async def list_events(request: Request) -> Response:
    """Answer `GET /v1/events?after=&type=&vehicle=&limit=` or `?last=`."""
    pool: Pool = request.app.state.pool
    limit = whole_parameter(request, "limit", 100, 1, _MAX_PAGE)
    last = whole_parameter(request, "last", 0, 0, _MAX_PAGE)
    types = [name.removeprefix(TYPE_PREFIX) for name in text_parameters(request, "type")]
    vehicles = text_parameters(request, "vehicle")
    async with pool.lend() as database:
        if last:
            events = await feed.read_last(database, last)
            after = events[-1].cursor if events else await feed.end(database)
        else:
            after = await _cursor(database, request.query_params.get("after"))
            events = await feed.read(
                database,
                after,
                limit,
                types=types or None,
                subject=vehicles[-1] if vehicles else None,
            )
    next_cursor = events[-1].cursor if events else after
    return reply({"events": [e.as_cloud_event() for e in events], "next": str(next_cursor)})


async def stream_events(request: Request) -> Response:
    """Answer `GET /v1/events/stream?after=` with server-sent events; `Last-Event-ID` resumes."""
    pool: Pool = request.app.state.pool
    wanted = request.headers.get("last-event-id") or request.query_params.get("after")
    async with pool.lend() as database:
        after = await _cursor(database, wanted)
    return StreamingResponse(
        _stream(pool, request.app.state.tail, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(pool: Pool, tail: Tail, after: Cursor) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    # Where the stream ends here, the client comes again with its cursor and is told why.
    while not tail.is_foreign(after):
        events = tail.after(after)
        if events is None:
            try:
                async with pool.lend() as database:
                    events = await feed.read(database, after, _STREAM_PAGE)
            except (*LOST, BUSY):
                return
        if events:
            after = events[-1].cursor
            yield b"".join(map(_framed, events))
        elif not await tail.wait_beyond(after, _HEARTBEAT_S):
            yield b": alive\n\n"


def _framed(event: FeedEvent) -> bytes:
    body = to_json(event.as_cloud_event())
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        str(event.cursor).encode(),
        (TYPE_PREFIX + event.event.type).encode(),
        body,
    )


async def _cursor(database: AsyncDatabase, text: str | None) -> Cursor:
    if not text or text == BEGINNING:
        return await feed.beginning(database)
    if text == END:
        return await feed.end(database)
    try:
        return await feed.checked(database, Cursor.parse(text))
    except CursorError as error:
        raise RequestError(400, str(error)) from None
    except ForeignCursorError as error:
        raise RequestError(410, str(error), resume_from=error.resume_from) from None
