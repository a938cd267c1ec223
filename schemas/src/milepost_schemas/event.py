"""Events: what fixes mean, in the form in which everybody hears of them (CloudEvents 1.0).

The same cause gives the same id, whenever and however often it is worked out: an id is a UUIDv5 of
device, deciding instant, type and subject of the cause.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from milepost_schemas.fix import instant

TYPE_PREFIX = "org.milepost."
SOURCE = "milepost"

# RFC 9562, 5.5: the namespace of our names; a random UUID, fixed for ever.
_NAMESPACE = uuid.UUID("5a0f6a0e-6f0b-4f5e-9d6c-0f3b7e2c41d8")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a vehicle.

    Attributes:
        id: The same for the same cause.
        type: `fence.entered` and the like, without the prefix of the product.
        device: The unit whose fixes decided it.
        subject: The vehicle.
        time_ms: When it happened in GPS time, milliseconds since 1970; interpolated at a crossing.
        data: What is to be known of it; JSON values only.
    """

    id: uuid.UUID
    type: str
    device: str
    subject: str
    time_ms: int
    data: Mapping[str, Any] = field(default_factory=dict)


def event_id(device: str, decided_ms: int, kind: str, cause: str, ordinal: int = 0) -> uuid.UUID:
    """Return the id of an event.

    Args:
        device: The device's id.
        decided_ms: GPS time of the fix that decided it, milliseconds since 1970.
        kind: The event's type, without prefix.
        cause: The id of the fence, stop or rule; empty where there is none.
        ordinal: Its number among equals at that fix, from 0.
    """
    return uuid.uuid5(_NAMESPACE, f"{device}|{decided_ms}|{kind}|{cause}|{ordinal}")


def rfc3339(time_ms: int) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds."""
    return instant(time_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cloud_event(
    event: Event, *, recorded_ms: int | None = None, cursor: str | None = None
) -> dict[str, Any]:
    """Write an event as CloudEvents 1.0, structured mode (JSON format 1.0).

    Args:
        event: The event.
        recorded_ms: When we stored it, milliseconds since 1970 (extension `recordedat`); None: it
            is not stored, and that is left out.
        cursor: Its place in the feed (extension `cursor`); None likewise.
    """
    recorded = {} if recorded_ms is None else {"recordedat": rfc3339(recorded_ms)}
    placed = {} if cursor is None else {"cursor": cursor}
    return {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"{SOURCE}/{event.device}",
        "type": TYPE_PREFIX + event.type,
        "subject": event.subject,
        "time": rfc3339(event.time_ms),
        **recorded,
        **placed,
        "datacontenttype": "application/json",
        "data": dict(event.data),
    }
