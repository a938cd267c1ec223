"""A track written as the recording of a receiver: the way of GPX, CSV, and other rates.

In flow the points of a track, out flows a `Recording` whose pieces are epochs of sentences. They
are written when they are asked for, so that a day at 10 Hz costs no memory to speak of.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import overload

from milepost_firmware_sim.receiver_makes import ReceiverSet
from milepost_firmware_sim.replay.pacing import Pace
from milepost_firmware_sim.replay.recording import Facts, Recording
from milepost_firmware_sim.sentence_sets import Measured, epoch_sentences, start_sentences
from milepost_firmware_sim.tracks.kinds import written_kind
from milepost_firmware_sim.tracks.motion import with_motion
from milepost_firmware_sim.tracks.resample import Resampled
from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.order import longest_step_s
from milepost_schemas.tracks.track import TrackPoint


class WrittenEpochs(Sequence[bytes]):
    """The epochs of a track; the first begins with what the receiver says of itself."""

    def __init__(self, points: Sequence[TrackPoint], receiver_set: ReceiverSet) -> None:
        self._points = points
        self._receiver_set = receiver_set

    def __len__(self) -> int:
        return len(self._points)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        epoch = epoch_sentences(_measured(self._points[index]), self._receiver_set)
        return start_sentences(self._receiver_set) + epoch if index == 0 else epoch


def written(
    points: Sequence[TrackPoint],
    facts: Facts,
    *,
    rate_hz: int | None,
    receiver_set: ReceiverSet,
    dated: bool,
) -> Recording:
    """Return the recording that a receiver of this make would have made of a track.

    Args:
        points: At least one, in the order of their times.
        facts: Of the file that they come from.
        rate_hz: Epochs a second; None: those of the track.
        receiver_set: The make.
        dated: The times of the points are Unix times.
    """
    hole_s = longest_step_s(points)
    moving = with_motion(points, hole_s)
    played: Sequence[TrackPoint] = moving
    times_s = [point.time_s for point in moving]
    if rate_hz is not None:
        resampled = Resampled(moving, rate_hz, hole_s)
        played, times_s = resampled, resampled.times_s()
    fixed = (point.time_s for point in played if point.kind is not FixKind.NONE)
    origin_s = next(fixed, times_s[0])
    track = tuple(
        (point.time_s - origin_s, point.lat_deg, point.lon_deg)
        for point in moving
        if point.lat_deg is not None and point.lon_deg is not None
    )
    pace = Pace(origin_s, tuple(time_s - origin_s for time_s in times_s))
    return Recording(WrittenEpochs(played, receiver_set), pace, track, facts, dated)


def _measured(point: TrackPoint) -> Measured:
    return Measured(
        # Floats of Unix seconds are good to less than a microsecond; a millisecond is meant.
        time=datetime.fromtimestamp(round(point.time_s, 3), UTC),
        lon_deg=point.lon_deg,
        lat_deg=point.lat_deg,
        altitude_m=point.altitude_m,
        speed_mps=point.speed_mps,
        course_deg=point.course_deg,
        satellites=point.satellites,
        hdop=point.hdop,
        geoid_m=point.geoid_m,
        kind=written_kind(point),
    )
