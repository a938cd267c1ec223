"""Kinds of fixes: as a track says them, and as a receiver writes them.

A receiver's kinds are finer: it tells whether the whole cycles of an RTK solution are resolved. A
point that a receiver told keeps what it wrote.
"""

from dataclasses import dataclass

from milepost_firmware_sim.sentence_sets import FixKind as ReceiverKind
from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.track import TrackPoint

_WRITTEN = {
    FixKind.NONE: ReceiverKind.NONE,
    FixKind.TWO_D: ReceiverKind.FLAT,
    FixKind.THREE_D: ReceiverKind.SOLID,
    FixKind.DIFFERENTIAL: ReceiverKind.DIFFERENTIAL,
    FixKind.RTK: ReceiverKind.RTK_FIXED,
    FixKind.ESTIMATED: ReceiverKind.ESTIMATED,
}
FIX_KINDS = {written: kind for kind, written in _WRITTEN.items()} | {
    ReceiverKind.RTK_FLOAT: FixKind.RTK
}


@dataclass(frozen=True, slots=True)
class ToldPoint(TrackPoint):
    """A point that a receiver told.

    Attributes:
        told_kind: Its kind as the receiver wrote it; `kind` is the same, coarser.
    """

    told_kind: ReceiverKind = ReceiverKind.NONE


def written_kind(point: TrackPoint) -> ReceiverKind:
    """Return how a receiver writes the kind of a point; most fixes have three dimensions."""
    if isinstance(point, ToldPoint):
        return point.told_kind
    return ReceiverKind.SOLID if point.kind is None else _WRITTEN[point.kind]
