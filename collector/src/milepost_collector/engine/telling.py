"""What a call has to tell of one device: collected in any order, told in one that never changes.

Events of one deciding fix are ordered by when it happened, what it is and its cause, so the order,
and with it the number among equals that is part of an id, does not depend on how batches are cut.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from milepost_collector.engine.tracks import short_way
from milepost_schemas.event import Event, event_id, rfc3339


class Kind(IntEnum):
    """The types of track events, in the order in which those of one fix are told."""

    GAP = 0
    EXITED = 1
    DEPARTED = 2
    DEVIATED = 3
    MOVED = 4
    TRIP_STARTED = 5
    SPEEDING = 6
    REJOINED = 7
    ENTERED = 8
    DWELLED = 9
    ARRIVED = 10
    STOPPED = 11
    IDLING = 12
    TRIP_ENDED = 13

    @property
    def type(self) -> str:
        """The type of the event, without the prefix of the product."""
        return _TYPES[self]


_TYPES = {
    Kind.GAP: "vehicle.gap",
    Kind.EXITED: "fence.exited",
    Kind.DEPARTED: "stop.departed",
    Kind.DEVIATED: "route.deviated",
    Kind.MOVED: "vehicle.moved",
    Kind.TRIP_STARTED: "trip.started",
    Kind.SPEEDING: "vehicle.speeding",
    Kind.REJOINED: "route.rejoined",
    Kind.ENTERED: "fence.entered",
    Kind.DWELLED: "fence.dwelled",
    Kind.ARRIVED: "stop.arrived",
    Kind.STOPPED: "vehicle.stopped",
    Kind.IDLING: "vehicle.idling",
    Kind.TRIP_ENDED: "trip.ended",
}

TYPES = tuple(_TYPES.values())


@dataclass(slots=True)
class Telling:
    """Collects what is to be told of one device.

    Attributes:
        device: Its id.
        subject: Its vehicle.
    """

    device: str
    subject: str
    _told: list[tuple[int, int, int, str, dict[str, Any]]] = field(default_factory=list)

    def tell(
        self, kind: Kind, time_ms: int, decided_ms: int, data: dict[str, Any], cause: str = ""
    ) -> None:
        """Take something in.

        Args:
            kind: What it is.
            time_ms: When it happened, GPS milliseconds since 1970.
            decided_ms: GPS time of the fix that decided it.
            data: What is to be known of it.
            cause: The id of the fence; empty where there is none.
        """
        self._told.append((decided_ms, kind, time_ms, cause, data))

    def events(self) -> list[Event]:
        """Return the events in their order."""
        if not self._told:
            return []
        # By when it happened: one fix may decide that a fence was entered and that it was left.
        self._told.sort(key=lambda each: (each[0], each[2], each[1], each[3]))
        made: list[Event] = []
        equals: Counter[tuple[int, int, str]] = Counter()
        for decided_ms, kind, time_ms, cause, data in self._told:
            this = (decided_ms, kind, cause)
            kind_of = Kind(kind).type
            made.append(
                Event(
                    id=event_id(self.device, decided_ms, kind_of, cause, equals[this]),
                    type=kind_of,
                    device=self.device,
                    subject=self.subject,
                    time_ms=time_ms,
                    data=data | {"confirmed_at": rfc3339(decided_ms)},
                )
            )
            equals[this] += 1
        return made


def at(lat_e6: float, lon_e6: float) -> dict[str, float]:
    """Return a place as events tell it."""
    return {"lat_deg": round(lat_e6 / 1e6, 6), "lon_deg": round(short_way(lon_e6) / 1e6, 6)}


def seconds(duration_ms: float) -> float:
    """Return a duration as events tell it."""
    return round(duration_ms / 1000, 3)


def metres(length_mm: float) -> float:
    """Return a length as events tell it."""
    return round(length_mm / 1000, 1)
