"""The form of answers: JSON by msgspec, and errors that say what was wrong."""

from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from milepost_collector.web.answers import Conflict, Gone, Problems, Refusal

_encoder = msgspec.json.Encoder()


class RequestError(Exception):
    """A request that cannot be answered as it is.

    Attributes:
        status: HTTP status, 4xx or 503.
        body: What the answer says.
    """

    def __init__(
        self,
        status: int,
        error: str,
        *,
        resume_from: datetime | None = None,
        body: Refusal | Problems | Conflict | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.body = Gone(error, resume_from) if resume_from else body or Refusal(error)


def to_json(value: Any) -> bytes:
    """Write JSON; datetimes become RFC 3339."""
    return _encoder.encode(value)


def reply(value: Any, status: int = 200) -> Response:
    """Answer with JSON that nobody keeps; bytes are JSON already."""
    written = value if isinstance(value, bytes) else to_json(value)
    return Response(written, status, {"Cache-Control": "no-store"}, media_type="application/json")
