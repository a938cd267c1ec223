"""An NMEA log read as a track: what its sentences say of each instant, put together.

For a log that is to be written anew, at another rate or by another make of receiver. Sentences with
a wrong or missing checksum say nothing. An epoch with a time and no fix is a void point.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from milepost_firmware_sim.sentence import Checksum, Sentence, find_sentence, place_of, stamp_of
from milepost_firmware_sim.sentence_sets import FixKind as ReceiverKind
from milepost_firmware_sim.tracks.kinds import FIX_KINDS, ToldPoint
from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.track import TrackPoint, believable

_KNOT_MPS = 1852 / 3600
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]*)?\Z")
_KIND_OF_QUALITY = {
    b"1": ReceiverKind.SOLID,
    b"2": ReceiverKind.DIFFERENTIAL,
    b"3": ReceiverKind.SOLID,
    b"4": ReceiverKind.RTK_FIXED,
    b"5": ReceiverKind.RTK_FLOAT,
    b"6": ReceiverKind.ESTIMATED,
}
_KIND_OF_MODE = {
    b"A": ReceiverKind.SOLID,
    b"D": ReceiverKind.DIFFERENTIAL,
    b"E": ReceiverKind.ESTIMATED,
    b"R": ReceiverKind.RTK_FIXED,
    b"F": ReceiverKind.RTK_FLOAT,
}
# Said in some epochs only, and held by the receiver in between.
_HELD = ("altitude_m", "geoid_m", "hdop", "satellites")


@dataclass(slots=True)
class _Epoch:
    """What has been said of one instant so far."""

    time_s: float
    timed: bool = False
    fixed: bool = False
    flat: bool = False
    kind: ReceiverKind | None = None
    said: dict[str, float] = field(default_factory=dict)

    def hear(self, sentence: Sentence) -> None:
        """Take what a sentence with a right checksum says."""
        stamp = stamp_of(sentence)
        self.timed |= stamp is not None
        fields, formatter = sentence.fields, sentence.formatter
        if stamp is not None and stamp.has_fix:
            self.fixed = True
            place = place_of(sentence)
            if place is not None:
                self.said.update(lat_deg=place.lat_deg, lon_deg=place.lon_deg)
        if formatter == b"RMC" and self.fixed:
            self._hear_numbers(fields, {"knots": 7, "course_deg": 8})
            self._hear_kind(_KIND_OF_MODE.get(_at(fields, 12)))
        elif formatter == b"VTG":
            self._hear_numbers(fields, {"knots": 5, "course_deg": 1})
        elif formatter == b"GGA":
            self._hear_numbers(fields, {"satellites": 7, "hdop": 8, "altitude_m": 9, "geoid_m": 11})
            self._hear_kind(_KIND_OF_QUALITY.get(_at(fields, 6)))
        elif formatter == b"GNS":
            self._hear_numbers(fields, {"satellites": 7, "hdop": 8, "altitude_m": 9, "geoid_m": 10})
        elif formatter == b"GSA":
            self.flat |= _at(fields, 2) == b"2"

    def point(self) -> TrackPoint:
        """Return the point of the epoch."""
        said = self.said
        if not self.fixed or not believable(said.get("lat_deg"), said.get("lon_deg")):
            return TrackPoint(self.time_s, None, None, kind=FixKind.NONE)
        knots, satellites = said.get("knots"), said.get("satellites")
        kind = self.kind or ReceiverKind.SOLID
        kind = ReceiverKind.FLAT if kind is ReceiverKind.SOLID and self.flat else kind
        return ToldPoint(
            time_s=self.time_s,
            lat_deg=said["lat_deg"],
            lon_deg=said["lon_deg"],
            altitude_m=said.get("altitude_m"),
            speed_mps=None if knots is None else knots * _KNOT_MPS,
            course_deg=said.get("course_deg"),
            hdop=said.get("hdop"),
            satellites=None if satellites is None else int(satellites),
            geoid_m=said.get("geoid_m"),
            kind=FIX_KINDS[kind],
            told_kind=kind,
        )

    def _hear_numbers(self, fields: list[bytes], places: dict[str, int]) -> None:
        for name, index in places.items():
            if _NUMBER.match(_at(fields, index)):
                self.said[name] = float(fields[index])

    def _hear_kind(self, kind: ReceiverKind | None) -> None:
        self.kind = self.kind if kind is None else kind


def points_of(
    pieces: Sequence[bytes], times_s: Sequence[float], origin_s: float
) -> tuple[TrackPoint, ...]:
    """Return one point for each instant that the log tells.

    Args:
        pieces: The log, cut.
        times_s: When each piece is played, seconds after the first fix; never falling.
        origin_s: Unix seconds of the first fix.
    """
    epochs: list[_Epoch] = []
    for piece, time_s in zip(pieces, times_s, strict=True):
        if not epochs or epochs[-1].time_s != origin_s + time_s:
            epochs.append(_Epoch(origin_s + time_s))
        sentence = find_sentence(piece)
        if sentence is not None and sentence.checksum is Checksum.RIGHT:
            epochs[-1].hear(sentence)
    held: dict[str, float] = {}
    for epoch in epochs:
        held |= {name: value for name, value in epoch.said.items() if name in _HELD}
        epoch.said |= held
        held = held if epoch.fixed else {}
    return tuple(epoch.point() for epoch in epochs if epoch.timed)


def _at(fields: list[bytes], index: int) -> bytes:
    return fields[index] if index < len(fields) else b""
