"""The routes, and what holds for every answer."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.feed.following import following
from milepost_collector.feed.tail import Tail
from milepost_collector.planning.geocoder import geocoder_of
from milepost_collector.store.connection import LOST
from milepost_collector.store.pool import BUSY, Pool
from milepost_collector.web.answers import Alive, Refusal
from milepost_collector.web.days import DAYS
from milepost_collector.web.endpoint import Asked, Endpoint, routes
from milepost_collector.web.events import EVENTS
from milepost_collector.web.openapi import document
from milepost_collector.web.orders import ORDERS
from milepost_collector.web.plans import PLANS
from milepost_collector.web.reply import RequestError, reply
from milepost_collector.web.stream import STREAM
from milepost_collector.web.taps import TAPS
from milepost_collector.web.vehicles import FENCES, TRACK, VEHICLES

_log = structlog.get_logger(__name__)

_STATIC = Path(__file__).parent / "static"

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked again each time, so that an upgrade never mixes old modules with a new page.
    "Cache-Control": "no-cache",
}


def make_app(config: CollectorConfig, clock: Clock, on_ready: Callable[[], None]) -> Starlette:
    """Make the web application.

    Args:
        config: Where the database is, and who is told of events.
        clock: Our time.
        on_ready: Called once requests can be answered.
    """
    dsn = config.database.dsn
    pool, tail = Pool(dsn), Tail(dsn)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await pool.open()
        async with _running(tail.run(), *following(config, tail)):
            on_ready()
            yield
        await pool.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            *routes(ENDPOINTS),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        lifespan=lifespan,
        middleware=[Middleware(_EveryAnswer)],
        exception_handlers={
            RequestError: _refuse,
            HTTPException: _refuse_http,
            BUSY: _busy,
            **dict.fromkeys(LOST, _busy),
        },
    )
    app.state.pool, app.state.tail, app.state.clock = pool, tail, clock
    app.state.geocoder = geocoder_of(config.geocoder)
    return app


@asynccontextmanager
async def _running(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Keep works running beside the block; one that fails ends the program."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(_end_when_broken)
    yield
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


def _end_when_broken(task: asyncio.Task[None]) -> None:
    """End the program by a fault of ours, so that it is started anew: pages alone hide it."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        _log.error("A part of the program failed; ending it.", exc_info=fault)
        signal.raise_signal(signal.SIGTERM)


async def _page(_request: Request) -> Response:
    return FileResponse(_STATIC / "index.html")


async def _health(_asked: Asked) -> Response:
    return reply(Alive(alive=True))


async def _openapi(_asked: Asked) -> Response:
    return reply(document(ENDPOINTS))


ENDPOINTS = (
    Endpoint("/healthz", _health, "Whether the program runs", Alive, asks_database=False),
    EVENTS,
    STREAM,
    VEHICLES,
    TRACK,
    FENCES,
    *PLANS,
    *ORDERS,
    *DAYS,
    *TAPS,
    Endpoint("/v1/openapi.json", _openapi, "This description", dict, asks_database=False),
)


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101 - registered for it alone
    return reply(error.body, error.status)


async def _refuse_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    answer = reply(Refusal(error.detail), error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _busy(_request: Request, _error: Exception) -> Response:
    return reply(Refusal("the database is away; try again"), 503)


class _EveryAnswer:
    """Adds the headers that every answer carries, without holding up streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
