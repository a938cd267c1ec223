"""Files of positions as fixes: what an import stores, and what the wire would carry of them.

In flow the bytes of a file, out flow its tracks as fixes at the resolution that travels, each with
whether a hole is before it. NMEA logs are read by the one reader of NMEA. Points without a place, a
date or a believable time are left out and counted; values out of range are unknown.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from milepost_schemas.dating import Dating, RecordedDating
from milepost_schemas.fix import Fix, FixKind
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.measured import Measured
from milepost_schemas.nmea.values import YEARS
from milepost_schemas.tracks.gpx import read_gpx
from milepost_schemas.tracks.order import longest_step_s, sorted_by_time
from milepost_schemas.tracks.recognise import FileKind, recognise, unrecognised
from milepost_schemas.tracks.table import read_table
from milepost_schemas.tracks.track import Timing, Track, TrackError, TrackPoint

_Number = TypeVar("_Number", int, float)
_FIRST_S = datetime(YEARS.start, 1, 1, tzinfo=UTC).timestamp()
_PAST_LAST_S = datetime(YEARS.stop, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class FixTrack:
    """A track of a file as fixes.

    Attributes:
        name: As the file names it; empty for an NMEA log, which is one track.
        fixes: Of a GPX or CSV file in the order of their times, of an NMEA log as it was told.
        holes: For each fix whether the receiver was silent or without a fix before it.
        left_out: Points or instants of the track that became no fix.
    """

    name: str
    fixes: tuple[Fix, ...]
    holes: tuple[bool, ...]
    left_out: int


def read_fixes(data: bytes, dating: Dating | None = None) -> list[FixTrack]:
    """Read all tracks of a file of any kind: NMEA log, GPX or CSV.

    A track without dates beside one that has them (a planned route beside the drive) comes back
    without fixes, all of its points left out.

    Args:
        data: The whole file, unpacked.
        dating: How the instants of an NMEA log get their dates; None: as recorded.

    Raises:
        TrackError: The file is of no such kind, is damaged, has no dates, or holds no fix.
    """
    kind, bare = recognise(data)
    if kind is FileKind.NMEA:
        return [_logged(bare, dating or RecordedDating())]
    tracks = read_gpx(bare) if kind is FileKind.GPX else read_table(bare)
    if all(track.timing is not Timing.DATED for track in tracks):
        names = ", ".join(repr(track.name) for track in tracks[:8])
        raise TrackError(f"{kind.value} whose times have no dates, or none at all: {names}")
    found = [fixes_of(track) for track in tracks]
    if not any(track.fixes for track in found):
        raise TrackError(f"{kind.value} without a point at a believable time and place")
    return found


def fixes_of(track: Track) -> FixTrack:
    """Return the fixes of a track: none where it has no dates, holes where it has void points.

    A step is a hole when it is longer than 5 s and than three usual steps of the track. A point
    whose kind nobody said is at least two-dimensional, as in a log.
    """
    points = len(track.points) + track.left_out
    if track.timing is not Timing.DATED:
        return FixTrack(track.name, (), (), points)
    ordered = sorted_by_time(track).points
    hole_s = longest_step_s(ordered)
    fixes: list[Fix] = []
    holes: list[bool] = []
    void, last_s = False, None
    for point in ordered:
        fix = _fix(point)
        if fix is None:
            void = last_s is not None
            continue
        holes.append(void or (last_s is not None and point.time_s - last_s > hole_s))
        fixes.append(fix)
        void, last_s = False, point.time_s
    return FixTrack(track.name, tuple(fixes), tuple(holes), points - len(fixes))


def _logged(data: bytes, dating: Dating) -> FixTrack:
    decoder = NmeaDecoder(dating, live=False)
    made = [*decoder.feed(data, 0.0), *decoder.close()]
    left_out = sum(decoder.unfixed.values())
    if not decoder.sentences:
        raise unrecognised(data)
    if not made:
        told = ", ".join(f"{count} {reason}" for reason, count in decoder.unfixed.items())
        raise TrackError(f"NMEA log without a fix: {told or 'no sentence with a position'}")
    fixes, holes = (each.fix for each in made), (each.hole for each in made)
    return FixTrack("", tuple(fixes), tuple(holes), left_out)


def _fix(point: TrackPoint) -> Fix | None:
    if point.lat_deg is None or point.lon_deg is None or point.kind is FixKind.NONE:
        return None
    if not _FIRST_S <= point.time_s < _PAST_LAST_S:
        return None
    measured = Measured(
        point.lat_deg,
        point.lon_deg,
        altitude_m=_within(point.altitude_m, -2000.0, 100_000.0),
        speed_mps=_within(point.speed_mps, 0.0, 1000.0),
        course_deg=point.course_deg,
        # 0 is what recorders write for none.
        hdop=_within(point.hdop, 0.0, 1000.0) or None,
        satellites=_within(point.satellites, 0, 255),
        kind=FixKind.TWO_D if point.kind is None else point.kind,
    )
    return measured.as_fix(round(point.time_s * 1000), date_repaired=False)


def _within(value: _Number | None, low: _Number, high: _Number) -> _Number | None:
    return value if value is not None and low <= value <= high else None
