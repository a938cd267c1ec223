"""Tracks put in order, completed, and at another rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_firmware_sim.receiver_makes import ReceiverSet
from milepost_firmware_sim.replay.recording import parse
from milepost_firmware_sim.replay.written import written
from milepost_firmware_sim.tracks.choice import chosen_track
from milepost_firmware_sim.tracks.kinds import written_kind
from milepost_firmware_sim.tracks.motion import with_motion
from milepost_firmware_sim.tracks.nmea_log import points_of
from milepost_firmware_sim.tracks.resample import Resampled
from milepost_firmware_sim.tracks.timing import in_order
from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.track import Timing, Track, TrackError, TrackPoint, distance_m
from tests.firmware_sim.drives import gga

_NOON_S = 1_767_614_400.0


def _point(time_s: float, lon_deg: float = 0.0, **other: float) -> TrackPoint:
    return TrackPoint(time_s, 0.0, lon_deg, **other)  # type: ignore[arg-type]


def _void(time_s: float) -> TrackPoint:
    return TrackPoint(time_s, None, None, kind=FixKind.NONE)


def _times(points: list[TrackPoint], rate_hz: int, hole_s: float = 5.0) -> list[float]:
    return [point.time_s for point in Resampled(points, rate_hz, hole_s)]


def test_in_order_segments_are_sorted_and_repeats_counted() -> None:
    """Times rise after it, whatever order the file had; of two at one time the first stays."""
    points = tuple(_point(time_s, time_s) for time_s in (5.0, 6.0, 6.0, 1.0, 2.0))
    track = in_order(Track("a", points, Timing.DATED, left_out=1), 10.0)
    assert [point.time_s for point in track.points] == [1.0, 2.0, 5.0, 6.0]
    assert track.left_out == 2


def test_in_order_track_without_times_is_driven_at_the_speed() -> None:
    """A drawn line gets times from its length, no two points in the same second."""
    points = tuple(_point(float(n), lon) for n, lon in enumerate((0.0, 0.01, 0.01)))
    track = in_order(Track("a", points, Timing.NONE), untimed_speed_mps=10.0)
    expected_s = round(distance_m(points[0], points[1]) / 10.0)
    assert [point.time_s for point in track.points] == [0.0, expected_s, expected_s + 1.0]
    assert track.timing is Timing.UNDATED


@given(
    st.lists(st.floats(0.05, 20.0), min_size=1, max_size=30),
    st.sampled_from([1, 2, 5, 10]),
    st.floats(0.0, 1.0),
)
def test_resampled_points_lie_on_the_track_and_never_in_a_hole(
    steps: list[float], rate_hz: int, begin_s: float
) -> None:
    """Every point is on its grid of UTC, at the place of its own time, between near neighbours."""
    times = [_NOON_S + begin_s]
    for step in steps:
        times.append(times[-1] + step)
    points = [_point(time_s, (time_s - _NOON_S) * 1e-4) for time_s in times]
    again = list(Resampled(points, rate_hz, 5.0))
    for point in again:
        assert round(point.time_s * rate_hz) == pytest.approx(point.time_s * rate_hz, abs=1e-4)
        before = max((one for one in times if one <= point.time_s + 1e-3), default=times[0])
        after = min((one for one in times if one >= point.time_s - 1e-3), default=times[-1])
        assert after - before <= 5.0 or min(after - point.time_s, point.time_s - before) < 1.0
        if before <= point.time_s <= after and after - before <= 5.0:
            assert point.lon_deg == pytest.approx((point.time_s - _NOON_S) * 1e-4, abs=1e-9)
    assert [one.time_s for one in again] == sorted({one.time_s for one in again})


def test_resampled_hole_stays_silent() -> None:
    """Across a hole no epoch is written; both of its ends are."""
    points = [_point(0.0), _point(2.0), _point(10.0), _point(11.0)]
    assert _times(points, 1) == [0.0, 1.0, 2.0, 10.0, 11.0]


def test_resampled_next_to_void_is_void() -> None:
    """Between a fix and a void epoch nothing is interpolated: the epochs are void."""
    again = list(Resampled([_point(0.0), _void(2.0), _point(3.0)], 1, 5.0))
    assert [point.kind is FixKind.NONE for point in again] == [False, True, True, False]


def test_resampled_date_line_and_north_take_the_short_way() -> None:
    """Longitudes are interpolated over 180 degrees, courses over north."""
    points = [_point(0.0, 179.999, course_deg=350.0), _point(2.0, -179.999, course_deg=10.0)]
    middle = Resampled(points, 1, 5.0)[1]
    assert abs(middle.lon_deg or 0.0) == pytest.approx(180.0)
    assert (middle.course_deg or 0.0) % 360.0 == pytest.approx(0.0)


def test_with_motion_is_derived_where_the_file_says_nothing() -> None:
    """Speed and course come from the neighbours; what the file says stays; standing holds."""
    points = [_point(0.0, 0.0), _point(1.0, 1e-4), _point(2.0, 2e-4, speed_mps=3.0)]
    points += [_point(time_s, 2e-4) for time_s in (3.0, 4.0)]
    moving = with_motion(points, 5.0)
    assert moving[1].speed_mps == pytest.approx(11.1, abs=0.1)
    assert [point.course_deg for point in moving] == [pytest.approx(90.0)] * 5
    assert (moving[2].speed_mps, moving[4].speed_mps) == (3.0, 0.0)


def test_with_motion_concludes_nothing_over_a_hole() -> None:
    """Two points far apart in time have no speed."""
    assert with_motion([_point(0.0), _point(100.0, 1.0)], 5.0)[0].speed_mps is None


def _named(*names: str) -> list[Track]:
    return [
        Track(name, (_point(100.0 * n), _point(100.0 * n + 50.0)), Timing.DATED)
        for n, name in enumerate(names)
    ]


def test_chosen_track_by_name_part_or_number() -> None:
    """A name wins over a part of one, a part over a number; nothing said is the first."""
    tracks = _named("7/a", "7/b", "2")
    wishes = {None: "7/a", "7/b": "7/b", "b": "7/b", "2": "2", "3": "2", "1": "7/a"}
    assert {wish: chosen_track(tracks, wish).name for wish in wishes} == wishes
    for wish in ("c", "7", "0", "4"):
        with pytest.raises(TrackError, match=f"--track {wish}: .* 1 \\('7/a'\\)"):
            chosen_track(tracks, wish)


def test_chosen_track_all_joins_what_does_not_overlap() -> None:
    """Tracks one after the other are played as one; those at the same time cannot be."""
    assert len(chosen_track(_named("a", "b"), "all").points) == 4
    with pytest.raises(TrackError, match="overlaps"):
        chosen_track([*_named("a"), *_named("b")], "all")


@pytest.mark.parametrize(
    ("quality", "kind"), [(1, FixKind.THREE_D), (4, FixKind.RTK), (5, FixKind.RTK)]
)
def test_logged_kind_is_written_as_the_receiver_told_it(quality: int, kind: FixKind) -> None:
    """A log written anew at another rate says RTK as it did, its cycles resolved or not."""
    log = b"".join(gga(f"0800{second:02}.000", quality) for second in range(3))
    recording = parse(log)
    assert recording is not None
    points = points_of(recording.pieces, recording.pace.times_s, 0.0)
    assert [point.kind for point in points] == [kind] * 3
    again = written(points, recording.facts, rate_hz=2, receiver_set=ReceiverSet.PLAIN, dated=False)
    told = [s.split(b",")[6] for s in b"".join(again.pieces).split(b"\r\n") if b"GGA" in s]
    assert told == [b"%d" % quality] * 5


def test_written_kind_of_a_track_is_what_the_file_says() -> None:
    """Nothing said is an ordinary fix; RTK of a file has its cycles resolved."""
    kinds = [written_kind(TrackPoint(0.0, 1.0, 1.0, kind=kind)) for kind in (None, *FixKind)]
    assert [kind.name for kind in kinds] == [
        "SOLID", "NONE", "FLAT", "SOLID", "DIFFERENTIAL", "RTK_FIXED", "ESTIMATED",
    ]  # fmt: skip
