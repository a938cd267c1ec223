"""Reading the server as any client does: vehicles when asked, events as they come."""

import contextlib
import json
import threading
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import httpx

_TIMEOUT_S = 10.0


class Watch:
    """A client of the server.

    Attributes:
        newest: The newest events, newest last.
        counts: Events so far, by type.
    """

    def __init__(self, url: str) -> None:
        self.newest: deque[dict[str, Any]] = deque(maxlen=200)
        self.counts: Counter[str] = Counter()
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S)
        self._begin = self._client.get("/v1/events", params={"after": "end"}).json()["next"]
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._closed = False

    def listen(self) -> None:
        """Follow the event stream in the background."""
        self._listener.start()

    def vehicles(self) -> dict[str, Any]:
        """Return the server's time and its vehicles."""
        answer: dict[str, Any] = self._client.get("/v1/vehicles").raise_for_status().json()
        return answer

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield every event since this watch began, by cursor, page after page."""
        after = self._begin
        while True:
            page = self._client.get("/v1/events", params={"after": after, "limit": 1000}).json()
            if not page["events"]:
                return
            yield from page["events"]
            after = page["next"]

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._client.close()

    def _listen(self) -> None:
        after = self._begin
        while not self._closed:
            with contextlib.suppress(httpx.HTTPError, RuntimeError):
                for event in self._stream(after):
                    after = event["cursor"]
                    self.newest.append(event)
                    self.counts[event["type"]] += 1

    def _stream(self, after: str) -> Iterator[dict[str, Any]]:
        with self._client.stream("GET", "/v1/events/stream", params={"after": after}) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))
