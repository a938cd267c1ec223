"""The step of a replay, with time as an argument."""

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_firmware_sim.replay.player import Burst, Player, start_at, start_recorded
from milepost_firmware_sim.replay.recording import Recording, parse
from tests.firmware_sim.drives import bytes_of, drive_files, gga, loaded, rmc

_NOON_S = 1_767_614_400.0  # 2026-01-05T12:00:00Z


def _recording(*pieces: bytes) -> Recording:
    recording = parse(b"".join(pieces))
    assert recording is not None
    return recording


def _played(player: Player, now_s: float) -> bytes:
    """Play without ever waiting: the clock jumps to what is due."""
    data = b""
    due_s: float | None = now_s
    while due_s is not None:
        burst = player.step(due_s)
        data += burst.data
        due_s = burst.due_s
    return data


def test_step_lines_are_due_at_their_new_times() -> None:
    """Lines of an epoch leave together, exactly when the clock reads their new time."""
    lines = [gga("120000"), rmc("120000"), gga("120001"), rmc("120001")]
    recording = _recording(*lines)
    player = Player(recording, start_recorded(_NOON_S), speed=1.0, loop=False)
    assert player.step(_NOON_S) == Burst(lines[0] + lines[1], _NOON_S + 1.0)
    assert player.step(_NOON_S + 0.999) == Burst(b"", _NOON_S + 1.0)
    assert player.step(_NOON_S + 1.0) == Burst(lines[2] + lines[3], None)


def test_step_speed_divides_the_waits() -> None:
    """At 250 times the speed a hole of 1,000 s takes 4."""
    recording = _recording(rmc("120000"), rmc("121640"))
    player = Player(recording, start_recorded(_NOON_S), speed=250.0, loop=False)
    assert player.step(_NOON_S).due_s == _NOON_S + 4.0


def test_start_at_first_fix_meets_the_instant() -> None:
    """The first fix, not the first line, gets the instant, rounded down to its own fraction."""
    recording = _recording(rmc("080000.250", "010120", "V"), rmc("080003.250", "010120"))
    start = start_at(recording, _NOON_S + 0.75, now_s=_NOON_S + 0.75)
    player = Player(recording, start, speed=1.0, loop=False)
    assert start.begin_s == _NOON_S + 0.25
    assert _played(player, _NOON_S + 0.75) == rmc("115957.250", status="V") + rmc("120000.250")


def test_step_lead_before_the_first_fix_waits_for_nothing() -> None:
    """Times before the first fix are past already, so their lines leave at once."""
    recording = _recording(rmc("115000", status="V"), rmc("120000"))
    player = Player(recording, start_recorded(_NOON_S), speed=1.0, loop=False)
    assert player.step(_NOON_S).due_s is None


@given(
    st.floats(1.0e9, 2.0e9),
    st.floats(0.01, 1000.0),
    st.lists(st.integers(1, 999), min_size=1, max_size=20),
)
def test_step_at_the_due_time_something_comes(
    now_s: float, speed: float, steps_ms: list[int]
) -> None:
    """Whatever a float rounds away: at the time that a burst names, the next one has bytes."""
    times_ms = accumulate(steps_ms, initial=12 * 3_600_000)
    lines = [rmc(_clock(ms)) for ms in times_ms]
    player = Player(_recording(*lines), start_recorded(now_s), speed=speed, loop=False)
    burst = player.step(now_s)
    while burst.due_s is not None:
        burst = player.step(burst.due_s)
        assert burst.data


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02}{ms // 60_000 % 60:02}{ms // 1000 % 60:02}.{ms % 1000:03}"


def test_step_loop_times_go_on_upward() -> None:
    """A loop begins again one step after the end, and never repeats a time."""
    recording = _recording(rmc("120000"), rmc("120001"), rmc("120002"))
    player = Player(recording, start_recorded(_NOON_S), speed=1.0, loop=True)
    data = b"".join(player.step(_NOON_S + second).data for second in range(7))
    assert data == b"".join(rmc(f"12000{second}") for second in range(7))


def test_step_long_pause_is_caught_up_in_bounded_bursts() -> None:
    """A player that was stopped hands out what is overdue in pieces of limited size."""
    recording = _recording(*(rmc(f"12{n // 60:02}{n % 60:02}") for n in range(2000)))
    player = Player(recording, start_recorded(_NOON_S), speed=1.0, loop=False)
    bursts = [player.step(_NOON_S + 5000.0) for _ in range(4)]
    assert [burst.due_s is None for burst in bursts] == [False, False, False, True]
    assert b"".join(burst.data for burst in bursts) == b"".join(recording.pieces)


@pytest.mark.parametrize("file", drive_files())
def test_step_recorded_drive_at_its_recorded_times_is_unchanged(file: Path) -> None:
    """With recorded times not one byte differs, and the play is as long as its span."""
    recording = loaded(file)
    player = Player(recording, start_recorded(_NOON_S), speed=1.0, loop=False)
    data, due_s, last_s = b"", _NOON_S, _NOON_S
    while True:
        burst = player.step(due_s)
        data, last_s = data + burst.data, due_s
        if burst.due_s is None:
            break
        due_s = burst.due_s
    assert data == bytes_of(file)
    assert last_s - _NOON_S == pytest.approx(recording.span_s, abs=0.001)


@pytest.mark.parametrize("file", drive_files())
def test_step_recorded_drive_looped_times_never_repeat(file: Path) -> None:
    """The first line of the second round is due after the last one of the first."""
    recording = loaded(file)
    player = Player(recording, start_recorded(_NOON_S), speed=1.0, loop=True)
    due_s = _NOON_S
    for _ in range(3 * len(recording.pieces)):
        burst = player.step(due_s)
        assert burst.due_s is not None
        if burst.due_s > _NOON_S + recording.span_s:
            return
        due_s = burst.due_s
    pytest.fail("the second round never began")
