"""What the engine remembers of a device between batches: some hundred bytes, and versioned.

Whole numbers are in the units of fixes (GPS milliseconds, millionths of a degree), lengths that
add up are whole millimetres, so that sums do not depend on how batches are cut.
"""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, NamedTuple

import msgpack

from milepost_collector.engine.motion_state import Bucket, MotionState, Stay, Trip
from milepost_collector.engine.tail import Tail

STATE_VERSION = 2

# Doubts about crossings are forgotten after this.
DOUBT_MS = 600_000


class EngineStateError(ValueError):
    """A stored state is of another version of the engine, or is damaged."""


class Place(NamedTuple):
    """A believed position.

    Attributes:
        time_ms: GPS time.
        lat_e6: Millionths of a degree.
        lon_e6: Likewise.
        error_m: One sigma.
        speed_mps: As the receiver said it, else reckoned from the place before; None: unknown.
        same_ms: Since when the receiver has said this very place.
    """

    time_ms: int
    lat_e6: int
    lon_e6: int
    error_m: float
    speed_mps: float | None
    same_ms: int


@dataclass(slots=True)
class Elsewhere:
    """Where a receiver claims to be since it jumped, not yet believed.

    Attributes:
        since_ms: When it was there first.
        place: Where it was last.
    """

    since_ms: int
    place: Place


@dataclass(slots=True)
class FenceState:
    """How a device stands to a fence that it is in, or near whose edge it has been.

    Attributes:
        inside: Entered and not exited.
        entered_ms: When it was entered; 0 while outside.
        since_ms: When it crossed to the other side, not yet confirmed; None: it has not.
        evidence: For the crossing, in metre-seconds.
        doubts: How often it went to and fro without a crossing that was confirmed.
        doubted_ms: When it did so last.
        dwelled: It has been told that it stays.
        passed: No fix has been in the fence since it was entered.
        left: It is a route that was left: that the device is back will be told.
    """

    inside: bool
    entered_ms: int = 0
    since_ms: int | None = None
    evidence: float = 0.0
    doubts: int = 0
    doubted_ms: int = 0
    dwelled: bool = False
    passed: bool = False
    left: bool = False

    def outlives(self, time_ms: int) -> bool:
        """Whether anything of it is worth remembering at some time; forgets old doubts."""
        if self.doubts and time_ms - self.doubted_ms > DOUBT_MS:
            self.doubts = self.doubted_ms = 0
        return self.inside or self.since_ms is not None or self.doubts > 0 or self.left

    def is_settled(self, dwell_ms: int | None, until_ms: int) -> bool:
        """Whether nothing comes of it as long as the device stays inside until some time."""
        if not self.inside or self.since_ms is not None or self.passed:
            return False
        return dwell_ms is None or self.dwelled or until_ms < self.entered_ms + dwell_ms


@dataclass(slots=True)
class Speeding:
    """Faster than a limit.

    Attributes:
        since_ms: Since when.
        limit_mps: Than what.
        fence: Whose limit; empty: the vehicle's.
        most_mps: The most so far.
        told: It has been told.
    """

    since_ms: int
    limit_mps: float
    fence: str
    most_mps: float
    told: bool = False


@dataclass(slots=True)
class EngineState:
    """All that the next fix is judged by.

    Attributes:
        newest_ms: GPS time of the newest fix, believed or not: older ones are passed over.
        hole: Of the fixes behind `last`, none of them believed, one says that there was a hole.
        last: The newest believed position.
        elsewhere: Where the receiver claims to be since, if that cannot be.
        fences: By id: those that it is in or near.
        planned: Likewise of stops and routes of its plans.
        motion: How it moves.
        speeding: What it does too fast.
    """

    newest_ms: int = -1
    hole: bool = False
    last: Place | None = None
    elsewhere: Elsewhere | None = None
    fences: dict[str, FenceState] = field(default_factory=dict)
    motion: MotionState = field(default_factory=MotionState)
    speeding: Speeding | None = None
    planned: dict[str, FenceState] = field(default_factory=dict)

    def forget(self, time_ms: int) -> None:
        """Forget fences of which nothing is worth remembering at some time."""
        for held in (self.fences, self.planned):
            if held:
                for name in [name for name, each in held.items() if not each.outlives(time_ms)]:
                    del held[name]

    def encode(self) -> bytes:
        """Pack the state."""
        elsewhere, motion = self.elsewhere, self.motion
        return bytes(
            msgpack.packb(
                [
                    STATE_VERSION,
                    self.newest_ms,
                    self.hole,
                    self.last,
                    [elsewhere.since_ms, elsewhere.place] if elsewhere else None,
                    _packed(self.fences),
                    motion.bucket and _BUCKET(motion.bucket),
                    motion.tail.packed(),
                    motion.stay and _STAY(motion.stay),
                    motion.trip and _TRIP(motion.trip),
                    motion.origin and _TRIP(motion.origin),
                    [motion.way_mm, motion.sure_mm, motion.begun_ms],
                    self.speeding and _SPEEDING(self.speeding),
                    _packed(self.planned),
                ]
            )
        )

    @classmethod
    def decode(cls, data: bytes | None) -> "EngineState":
        """Unpack a stored state; None is a device without a past.

        Raises:
            EngineStateError: It is of another version, or damaged.
        """
        if data is None:
            return cls()
        try:
            version, *parts = msgpack.unpackb(data)
            if version == STATE_VERSION:
                return cls._of(parts)
        except (AttributeError, TypeError, ValueError) as error:
            raise EngineStateError(f"engine state cannot be read: {error}") from None
        raise EngineStateError(f"engine state {version}, this engine knows {STATE_VERSION}")

    @classmethod
    def _of(cls, parts: list[Any]) -> "EngineState":
        newest_ms, hole, last, elsewhere, fences, *moving, fast, planned = parts
        bucket, tail, stay, trip, origin, counts = moving
        return cls(
            newest_ms,
            hole,
            Place._make(last) if last else None,
            Elsewhere(elsewhere[0], Place._make(elsewhere[1])) if elsewhere else None,
            _unpacked(fences),
            MotionState(
                Bucket(*bucket) if bucket else None,
                Tail(tail),
                Stay(*stay) if stay else None,
                Trip(*trip) if trip else None,
                Trip(*origin) if origin else None,
                *counts,
            ),
            Speeding(*fast) if fast else None,
            _unpacked(planned),
        )


# The values of a part in the order of its fields.
_FENCE, _BUCKET, _STAY, _TRIP, _SPEEDING = (
    attrgetter(*(each.name for each in fields(part)))
    for part in (FenceState, Bucket, Stay, Trip, Speeding)
)


def _packed(held: dict[str, FenceState]) -> dict[str, Any]:
    return {name: _FENCE(each) for name, each in sorted(held.items())} if held else {}


def _unpacked(held: dict[str, Any]) -> dict[str, FenceState]:
    return {name: FenceState(*values) for name, values in held.items()} if held else {}
