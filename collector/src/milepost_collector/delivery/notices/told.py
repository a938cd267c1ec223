"""What events say that people are told of, read from their data: `collector/docs/desk.md`.

An event whose data is not of that form is told to nobody.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from milepost_schemas.event import Event
from milepost_schemas.fix import milliseconds

WITHDRAWN = "event.withdrawn"

# Fits where it is stored.
_MOST_ATTEMPTS = 32_767


@dataclass(frozen=True, slots=True)
class Span:
    """When somebody is expected, UTC milliseconds since 1970.

    Attributes:
        from_ms: Hardly before; not after `to_ms`.
        to_ms: Hardly after.
        eta_ms: As likely earlier as later.
    """

    from_ms: int
    to_ms: int
    eta_ms: int


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a stop or an order.

    Attributes:
        event: Its id.
        type: Without the prefix of the product.
        time_ms: When it happened, UTC milliseconds since 1970.
        plan: Whose stop it is; `stop`: which. Of an event of an order None: where it is brought.
        order: The only one that it is of; None: all that are brought to the stop.
        span: When the vehicle is expected there; None: nothing is said of it.
        cause: What went wrong; None: nothing is said of it.
        attempt: Which attempt it is of; None: the one that is due.
        was_ms: When the vehicle was expected before, as `Span.eta_ms`; None: nothing is said of it.
    """

    event: uuid.UUID
    type: str
    time_ms: int
    plan: str | None
    stop: str | None
    order: str | None
    span: Span | None = None
    cause: str | None = None
    attempt: int | None = None
    was_ms: int | None = None


def happening_of(event: Event) -> Happening | None:
    """Return what an event says; None: it is of no stop and no order."""
    plan, stop = _word(event.data, "plan"), _word(event.data, "stop")
    order = _word(event.data, "order")
    if order is None and (plan is None or stop is None):
        return None
    return Happening(
        event.id,
        event.type,
        event.time_ms,
        plan,
        stop,
        order,
        _span(event.data),
        _word(event.data, "incident"),
        _count(event.data, "attempt"),
        _instant(event.data.get("was_at")),
    )


def withdrawn_by(event: Event) -> uuid.UUID | None:
    """Return the event that this one takes back; None: it takes none back."""
    try:
        return uuid.UUID(str(event.data.get("withdraws"))) if event.type == WITHDRAWN else None
    except ValueError:
        return None


def _word(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def _count(data: Mapping[str, Any], name: str) -> int | None:
    value = data.get(name)
    return value if type(value) is int and 0 < value <= _MOST_ATTEMPTS else None


def _span(data: Mapping[str, Any]) -> Span | None:
    names = ("earliest_at", "latest_at", "eta_at")
    begin, end, eta = (_instant(data.get(name)) for name in names)
    if begin is None or end is None or eta is None or begin > end:
        return None
    return Span(begin, end, eta)


def _instant(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if time.tzinfo is None else milliseconds(time)
