"""What a request brings with it: JSON up to a size, of the form that its endpoint describes."""

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request

from milepost_collector.web.reply import RequestError

_JSON = "application/json"

MOST_BYTES = 1_000_000

# A client that is told only after it has said all hears us: up to here we listen on.
_HEARD_OUT_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Body:
    """A body that an endpoint takes.

    Attributes:
        description: For those who read the API's document; CommonMark.
        schema: JSON Schema of it, which names those of `parts`.
        parts: More schemas, by name: components of the API's document.
    """

    description: str
    schema: dict[str, Any]
    parts: dict[str, dict[str, Any]]

    async def read(self, request: Request) -> "Brought":
        """Read what a request brings.

        Raises:
            RequestError: 400, it is no JSON; 413, it is too large; 415, it says it is no JSON.
        """
        said = request.headers.get("content-type", "")
        kind, _, parameters = said.partition(";")
        charset = parameters.replace(" ", "").lower().removeprefix("charset=").strip('"')
        if kind.strip().lower() != _JSON or charset not in ("", "utf-8"):
            raise RequestError(415, f"Content-Type {said[:100]!r} is not {_JSON}, in UTF-8")
        data = await _read(request)
        try:
            return Brought(data, msgspec.json.decode(data))
        except (ValueError, RecursionError) as error:
            raise RequestError(400, f"the body is no JSON: {error}") from None


@dataclass(frozen=True, slots=True)
class Brought:
    """What a request has brought: the bytes, and what they say."""

    data: bytes
    value: Any


async def _read(request: Request) -> bytes:
    parts: list[bytes] = []
    heard = 0
    async for part in request.stream():
        heard += len(part)
        if heard <= MOST_BYTES:
            parts.append(part)
        elif heard > _HEARD_OUT_BYTES:
            break
    if heard > MOST_BYTES:
        raise RequestError(413, f"the body is larger than {MOST_BYTES} bytes")
    return b"".join(parts)
