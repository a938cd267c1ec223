"""The form of answers: JSON by msgspec, and errors that say what was wrong."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_encoder = msgspec.json.Encoder()


class RequestError(Exception):
    """A request that cannot be answered as it is.

    Attributes:
        status: HTTP status, 4xx or 503.
        body: What the answer says; `error` is for people.
    """

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **more}


def to_json(value: Any) -> bytes:
    """Write JSON; datetimes become RFC 3339."""
    return _encoder.encode(value)


def reply(value: Any, status: int = 200) -> Response:
    """Answer with JSON that nobody keeps."""
    return Response(
        to_json(value), status, {"Cache-Control": "no-store"}, media_type="application/json"
    )


def text_parameters(request: Request, name: str) -> list[str]:
    """Read a query parameter that may come any number of times.

    Raises:
        RequestError: It holds NUL, which no text of PostgreSQL does.
    """
    texts = request.query_params.getlist(name)
    for text in texts:
        if "\0" in text:
            raise RequestError(400, f"{name}={text!r} holds a character that no name has")
    return texts


def whole_parameter(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Read a query parameter that is a whole number from `low` to `high`.

    Raises:
        RequestError: It is not.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise RequestError(400, f"{name}={text!r} is not a whole number from {low} to {high}")
    return int(text)
