"""Which track of a file is played, where it holds several."""

from collections.abc import Sequence
from dataclasses import replace

from milepost_schemas.tracks import naming
from milepost_schemas.tracks.naming import place_named
from milepost_schemas.tracks.track import Timing, Track, TrackError

ALL = "all"


def chosen_track(tracks: Sequence[Track], wish: str | None) -> Track:
    """Return the track that was asked for.

    Args:
        tracks: At least one, their points in the order of their times.
        wish: A name (or the only part of one, such as the trip in `vehicle/trip`), a number from 1,
            `all`, or None for the first.

    Raises:
        TrackError: There is no such track, several are meant, or all overlap in time.
    """
    if wish is None:
        return tracks[0]
    if wish == ALL:
        return _joined(tracks)
    return tracks[place_named([track.name for track in tracks], wish)]


def told(tracks: Sequence[Track]) -> str:
    """Name the tracks in one line."""
    return naming.told([track.name for track in tracks])


def _joined(tracks: Sequence[Track]) -> Track:
    """Put tracks one behind the other in the order of their times."""
    ordered = sorted(tracks, key=lambda track: track.points[0].time_s)
    joined = ordered[0]
    for track in ordered[1:]:
        if track.timing is not Timing.DATED or joined.timing is not Timing.DATED:
            raise TrackError("--track all: tracks without dates have no order")
        if track.points[0].time_s <= joined.points[-1].time_s:
            raise TrackError(f"--track all: {track.name!r} overlaps in time with one before it")
        left_out = joined.left_out + track.left_out
        joined = replace(joined, points=joined.points + track.points, left_out=left_out)
    return replace(joined, name=ALL)
