"""What a desk remembers of its log: some kilobytes, and versioned.

One desk is one plan's day, or one vehicle's silence: `plan/ID` or `vehicle/ID`.
"""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

import msgpack

from milepost_collector.delivery.desk.facts import Silence, Span, StopDesk
from milepost_collector.delivery.desk.rules import DeskRules

DESK_STATE_VERSION = 1


class DeskStateError(ValueError):
    """A stored state is of another version of the desk, or is damaged."""


@dataclass(slots=True)
class DeskState:
    """All that the next input is judged by.

    Attributes:
        desk: `plan/ID` or `vehicle/ID`.
        vehicle: Whose desk it is; empty before its first plan.
        number: Of the newest input.
        at_ms: Likewise its time.
        feed: The newest number of a track event.
        rules: Those in force.
        order: The stops of the plan that is in force, in order.
        stops: All stops that there have been, by id.
        depot: Latitude and longitude, and radius in metres.
        departs_ms: When the vehicle should leave it.
        exits: When it did: the number of the input, and the time.
        starts: When a driver said so, likewise.
        scans: Parcels that were scanned, and when.
        taps: Digests of the keys of taps that count.
        tracks: Numbers of inputs, by the id of the track event that they told.
        detours: When it was off its way.
        silences: When its unit was silent.
        silence: The one that lasts.
    """

    desk: str
    vehicle: str = ""
    number: int = 0
    at_ms: int = 0
    feed: int = 0
    rules: DeskRules = field(default_factory=DeskRules)
    order: list[str] = field(default_factory=list)
    stops: dict[str, StopDesk] = field(default_factory=dict)
    depot: tuple[float, float, float] | None = None
    departs_ms: int | None = None
    exits: list[tuple[int, int]] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)
    scans: dict[str, int] = field(default_factory=dict)
    taps: set[bytes] = field(default_factory=set)
    tracks: dict[bytes, int] = field(default_factory=dict)
    detours: list[Span] = field(default_factory=list)
    silences: list[Span] = field(default_factory=list)
    silence: Silence | None = None

    @classmethod
    def of_plan(cls, plan: str) -> "DeskState":
        """Return the desk of a plan of which nothing is known yet."""
        return cls(f"{_PLAN}{plan}")

    @classmethod
    def of_vehicle(cls, vehicle: str) -> "DeskState":
        """Return the desk of a vehicle of which nothing is known yet."""
        return cls(f"{_VEHICLE}{vehicle}", vehicle)

    @property
    def plan(self) -> str | None:
        """The plan whose desk it is; None: it is a vehicle's."""
        return self.desk.removeprefix(_PLAN) if self.desk.startswith(_PLAN) else None

    @property
    def due_ms(self) -> int | None:
        """When something follows from nothing but time: a tick is wanted then."""
        return min((s.due_ms for s in self.stops.values() if s.due_ms is not None), default=None)

    def encode(self) -> bytes:
        """Pack the state: equal states are equal bytes."""
        plain = (_packed(self, each.name) for each in fields(self))
        return bytes(msgpack.packb([DESK_STATE_VERSION, *plain]))

    @classmethod
    def decode(cls, data: bytes) -> "DeskState":
        """Unpack a stored state.

        Raises:
            DeskStateError: It is of another version, or damaged.
        """
        try:
            version, *parts = msgpack.unpackb(data, strict_map_key=False)
            if version == DESK_STATE_VERSION:
                return cls._of(parts)
        except (AttributeError, TypeError, ValueError) as error:
            raise DeskStateError(f"desk state cannot be read: {error}") from None
        raise DeskStateError(f"desk state {version}, this desk knows {DESK_STATE_VERSION}")

    @classmethod
    def _of(cls, parts: list[Any]) -> "DeskState":
        desk, vehicle, number, at_ms, feed, rules, order, stops, depot, departs_ms, *more = parts
        exits, starts, scans, taps, tracks, detours, silences, silence = more
        return cls(
            desk=desk,
            vehicle=vehicle,
            number=number,
            at_ms=at_ms,
            feed=feed,
            rules=DeskRules(*rules),
            order=order,
            stops={each[0]: StopDesk.unpacked(each) for each in stops},
            depot=tuple(depot) if depot else None,
            departs_ms=departs_ms,
            exits=[(number, time_ms) for number, time_ms in exits],
            starts=[(number, time_ms) for number, time_ms in starts],
            scans=scans,
            taps=set(taps),
            tracks=tracks,
            detours=[Span(*span) for span in detours],
            silences=[Span(*span) for span in silences],
            silence=Silence(*silence) if silence else None,
        )


_PLAN, _VEHICLE = "plan/", "vehicle/"
_RULES = attrgetter(*(each.name for each in fields(DeskRules)))


def _packed(state: DeskState, name: str) -> Any:
    value = getattr(state, name)
    if name == "rules":
        return _RULES(value)
    if name == "stops":
        return [stop.packed() for _, stop in sorted(value.items())]
    if name == "taps":
        return sorted(value)
    return dict(sorted(value.items())) if isinstance(value, dict) else value
