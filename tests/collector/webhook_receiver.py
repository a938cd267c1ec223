"""A real HTTP server that takes webhooks and answers as a test wants."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.collector.programs import wait_until


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float

    @property
    def cloud(self) -> dict[str, Any]:
        """Its CloudEvent."""
        return dict(json.loads(self.body))

    @property
    def name(self) -> str:
        """The fence of its event."""
        return str(self.cloud["data"]["fence"])

    @property
    def vehicle(self) -> str:
        """The vehicle of its event."""
        return str(self.cloud["subject"])


@dataclass(frozen=True)
class Reply:
    """How to answer."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """What came, and how it is answered.

    Attributes:
        answer: Says how; may take its time.
        url: Where it listens.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Request], Reply] = lambda _: Reply()
        self.url = ""
        self._requests: list[Request] = []
        self._taken: list[Request] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()

    @property
    def requests(self) -> list[Request]:
        """All requests, in the order in which they came."""
        with self._lock:
            return list(self._requests)

    @property
    def taken(self) -> list[Request]:
        """Those that were answered 2xx, in that order."""
        with self._lock:
            return list(self._taken)

    def names(self, vehicle: str | None = None) -> list[str]:
        """Return the events that were taken, of a vehicle or all."""
        return [each.name for each in self.taken if vehicle in (None, each.vehicle)]

    def wait_taken(self, count: int, timeout_s: float = 60.0) -> float:
        """Wait until so many were taken."""
        return wait_until(lambda: len(self.taken) >= count, f"{count} events taken", timeout_s)

    def handle(self, request: Request) -> Reply:
        """Note a request and say how to answer."""
        with self._lock:
            self._requests.append(request)
        reply = self.answer(request)
        if 200 <= reply.status < 300:
            with self._lock:
                self._taken.append(request)
        return reply

    def hang(self, timeout_s: float = 30.0) -> Reply:
        """Answer only when the test is over, or after so long."""
        self.ended.wait(timeout_s)
        return Reply(503)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """Return what answers a connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the sender was stopped in the middle
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.handle(Request(self.path, headers, body, time.monotonic()))
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
            except (BrokenPipeError, ConnectionResetError):  # the sender did not wait
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    return Handler


@contextmanager
def receiving(host: str = "127.0.0.1", port: int = 0) -> Iterator[Receiver]:
    """Listen until the end of the block."""
    receiver = Receiver()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a sender that was killed

    server = Server((host, port), _handler(receiver))
    receiver.url = f"http://{host}:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
