"""The real web program on a port, over a database."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.collector.programs import running, settings, wait_until
from tests.fixtures.servers import FreshDatabase


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def web_program(
    folder: Path, database: FreshDatabase, port: int | None = None
) -> Iterator[tuple[str, psutil.Process]]:
    """Run it until the end of the `with` block; give its address and its process."""
    port = free_port() if port is None else port
    more = {**settings(database.dsn), "MILEPOST_WEB__PORT": str(port)}
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    place = folder / "web"
    place.mkdir(exist_ok=True)
    with running(place, "web", more=more) as program:
        program.line()
        wait_until(answers, "an answer")
        yield url, psutil.Process(program.process.pid)
