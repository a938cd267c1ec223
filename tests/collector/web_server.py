"""The web application served by a real uvicorn on a free port, inside a test's event loop."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig, DatabaseConfig, GeocoderConfig
from milepost_collector.web.app import make_app

DEADLINE_S = 60.0


@asynccontextmanager
async def served(
    dsn: str, *, geocoder: GeocoderConfig | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a database; give a client whose requests may name paths alone."""
    ready = asyncio.Event()
    changed = {"database": DatabaseConfig(dsn=dsn), "geocoder": geocoder or GeocoderConfig()}
    settings = CollectorConfig().model_copy(update=changed)
    app = make_app(settings, Clock(), ready.set)
    config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait_for(ready.wait(), DEADLINE_S)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S, trust_env=False
        ) as client:
            yield client
        server.should_exit = True
        await asyncio.wait_for(serving, DEADLINE_S)


async def streamed(
    client: httpx.AsyncClient, path: str, last_id: str | None = None
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Give the id and the event of each message of a stream."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                found = json.loads(fields["data"])
                assert fields["event"] == found["type"]
                assert fields["id"] == found["cursor"]
                yield fields["id"], found
            fields = {}
