"""A delivery day played by the clock says what the file of it says, when it is due."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, time
from functools import cache
from pathlib import Path

from milepost_firmware_sim.day.driven import DrivenDay
from milepost_firmware_sim.day.live import LiveDay, offline_s
from milepost_firmware_sim.day.making import driven_days
from milepost_firmware_sim.day.mishaps import Mishap, Wish
from milepost_firmware_sim.day.options import DayOptions, TrackKind
from milepost_firmware_sim.ports.standard_output import StandardOutput
from milepost_firmware_sim.receiver.receiver import ReceiverOptions
from milepost_firmware_sim.replay.console import Console, Watching
from milepost_firmware_sim.replay.playback import Interrupt, Manner, Playback
from milepost_firmware_sim.town.generator import generate_town
from tests.firmware_sim.delivery_days import made

_SEED = 9
_PROJECTION = generate_town(_SEED).projection
_EVERY_S = 4.0


@cache
def _day(*mishaps: Mishap) -> DrivenDay:
    wishes = tuple(Wish(mishap, "van-1") for mishap in mishaps)
    options = DayOptions(
        seed=_SEED,
        town=None,
        vans=1,
        stops=4,
        days=1,
        first=date(2026, 1, 5),
        departs=(time(8), time(9)),
        tracks=TrackKind.NMEA,
        every_s=_EVERY_S,
        wishes=wishes,
        events=0,
        out=Path("nowhere"),
    )
    (day,) = driven_days(options)
    return day


def _live(day: DrivenDay) -> LiveDay:
    return LiveDay(day, _PROJECTION, _SEED, ReceiverOptions(rate_hz=1.0 / _EVERY_S))


def test_live_day_says_what_the_file_says(tmp_path: Path) -> None:
    """Step by step by the clock come the bytes of the file, none before its time."""
    command = f"--seed {_SEED} --vans 1 --stops 4 --every {_EVERY_S:g}"
    days = made(tmp_path / "out", command)
    file = (days.folder / days.drives[0]["track"]).read_bytes()
    day = _day()
    live, said = _live(day), b""
    now_s = day.begin_ms / 1000.0 - 60.0
    assert live.step(now_s).data == b""
    due_s: float | None = now_s
    while due_s is not None:
        assert due_s >= now_s
        now_s = due_s
        burst = live.step(now_s)
        said, due_s = said + burst.data, burst.due_s
    assert said == file
    assert abs(live.played_s - day.drive.duration_s) <= _EVERY_S


def test_live_day_begun_late_catches_up() -> None:
    """Who comes in the middle of the day gets what was missed at once, then what is due."""
    day = _day()
    live, middle_s = _live(day), day.begin_ms / 1000.0 + day.drive.duration_s / 2.0
    burst = live.step(middle_s)
    while burst.due_s is not None and burst.due_s <= middle_s:
        burst = live.step(middle_s)
    assert burst.due_s is not None
    assert middle_s < burst.due_s <= middle_s + _EVERY_S


def test_live_day_tells_when_it_is_offline() -> None:
    """Only a van without a network has times without one; it measures meanwhile."""
    assert offline_s(_day(Mishap.OFF)) == ()
    day = _day(Mishap.UNSENT)
    ((begin_s, end_s),) = offline_s(day)
    assert end_s - begin_s > 200.0
    live = _live(day)
    live.step(begin_s)
    due_s = live.step(begin_s).due_s
    assert due_s is not None
    assert due_s <= begin_s + _EVERY_S


class _Clock:
    """The scaled clock of a demo: a day in a moment. The port waits in true time all the same."""

    def __init__(self, begin_s: float) -> None:
        self._now_s = begin_s
        self._true_s = 0.0

    def now_s(self) -> float:
        self._now_s += 60.0
        return self._now_s

    def monotonic_s(self) -> float:
        self._true_s += 0.01
        return self._true_s


@contextmanager
def _written_to(file: Path) -> Iterator[StandardOutput]:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        with closing(StandardOutput(descriptor)) as port:
            yield port
    finally:
        os.close(descriptor)


def test_live_day_is_played_by_the_replays_loop(tmp_path: Path) -> None:
    """The loop that plays recordings plays a day into a port too, to its end."""
    day = _day()
    file = tmp_path / "said.nmea"
    with _written_to(file) as port, Interrupt() as interrupt:
        playback = Playback(
            port,
            _Clock(day.begin_ms / 1000.0),
            interrupt,
            manner=Manner(clock_factor=100_000.0),
            console=Console(Watching(), lambda _: None, is_terminal=False, total_s=None),
            plugged=lambda _: None,
        )
        playback.play(_live(day))
        playback.drain()
    expected = _live(day)
    said = b""
    burst = expected.step(float("inf"))
    while burst.data:
        said += burst.data
        burst = expected.step(float("inf"))
    assert file.read_bytes() == said
