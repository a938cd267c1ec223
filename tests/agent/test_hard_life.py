"""The real agent through what a van does to it: ignition, wrong dates, a full disk, no receiver."""

import resource
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from milepost_agent import BUILD_DAY
from tests.agent.line import gga, rmc, sentence
from tests.agent.programs import DEADLINE_S, MILEPOST_AGENT, Terminal, Vehicle, until

ROLLOVER = timedelta(weeks=1024)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Where the agent's receiver is."""
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def van(tmp_path: Path, terminal: Terminal) -> Vehicle:
    """A vehicle whose receiver is the terminal, without a broker."""
    return Vehicle(tmp_path, terminal.path)


def at(second: int, day: date = BUILD_DAY) -> bytes:
    """Return what a receiver says of a second after noon."""
    clock = f"12{second // 60:02}{second % 60:02}.00"
    return sentence(rmc(clock, date=f"{day:%d%m%y}")) + sentence(gga(clock))


def test_ignition_off_commits_at_once_and_is_told(
    van: Vehicle, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the ignition the power may go: what is held is committed, and the unit is asleep."""
    ignition = tmp_path / "ignition"
    ignition.write_text("1\n")
    monkeypatch.setenv("MILEPOST_AGENT_BOARD_IGNITION", str(ignition))
    with van.running() as process:
        terminal.say(at(0) + at(1) + at(2))
        until(lambda: van.status().get("fixes_made") == 3, "3 fixes are made")
        assert (van.status()["fixes_committed"], van.status()["asleep"]) == (0, False)
        ignition.write_text("0\n")
        until(lambda: van.status()["asleep"], "the unit is asleep")
        until(lambda: van.status()["fixes_committed"] == 3, "3 fixes are committed")
        ignition.write_text("1\n")
        until(lambda: not van.status()["asleep"], "the unit is awake")
        process.kill()
    assert len(van.exported()) == 3


def test_start_of_a_drive_is_committed_at_once(van: Vehicle, terminal: Terminal) -> None:
    """When movement begins the tick does not wait, however long it is."""
    with van.running():
        standing = [
            sentence(rmc(f"1200{second:02}.00", speed="0.0", date=f"{BUILD_DAY:%d%m%y}"))
            for second in range(30)
        ]
        terminal.say(b"".join(standing))
        until(lambda: van.status().get("fixes_made", 0) >= 29, "the vehicle stands")
        before = van.status()["fixes_committed"]
        moving = [
            sentence(rmc(f"1200{second:02}.00", speed="9.0", date=f"{BUILD_DAY:%d%m%y}"))
            for second in range(30, 36)
        ]
        terminal.say(b"".join(moving))
        until(lambda: van.status()["fixes_committed"] > before, "a commit before the tick")


def test_dates_of_a_receiver_past_its_weeks_are_mended_and_flagged(
    van: Vehicle, terminal: Terminal
) -> None:
    """1024 and 2048 weeks too early become today's date, and each such fix says so."""
    with van.running() as process:
        terminal.say(at(0, BUILD_DAY - ROLLOVER) + at(1, BUILD_DAY - 2 * ROLLOVER) + at(2))
        until(lambda: van.status().get("fixes_made") == 3, "3 fixes are made")
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    rows = van.exported()
    assert [row["time"][:10] for row in rows] == [BUILD_DAY.isoformat()] * 3
    assert [row["date_repaired"] for row in rows] == ["1", "1", "0"]


@pytest.mark.parametrize("day", [date(1980, 1, 6), date(2013, 9, 1), date(2079, 12, 31)])
def test_dates_of_a_cold_start_make_no_fix(van: Vehicle, terminal: Terminal, day: date) -> None:
    """A date that no rollover explains is refused and counted, and the next good one is taken."""
    with van.running() as process:
        terminal.say(at(0, day) + at(1, day) + at(2))
        until(lambda: van.status().get("fixes_made") == 1, "one fix is made")
        assert sum(van.status()["unfixed"].values()) == 2
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    (row,) = van.exported()
    assert row["time"] == f"{BUILD_DAY.isoformat()}T12:00:02.000Z"


def test_full_disk_does_not_end_the_agent(van: Vehicle, terminal: Terminal) -> None:
    """Where files may grow no further the unit lives on in memory, and says so."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))

    van.write_config(terminal.path, 1)
    text = van.config.read_text().replace("tick_s = 3600", "tick_s = 0.1")
    van.config.write_text(text)
    with subprocess.Popen(
        [MILEPOST_AGENT, "run", "--config", van.config],
        stderr=subprocess.DEVNULL,
        preexec_fn=limit,
    ) as process:
        try:
            until(lambda: bool(van.status()), "the agent runs")
            for second in range(0, 3000, 100):
                terminal.say(b"".join(at(each) for each in range(second, second + 100)))
            until(lambda: van.status().get("fixes_made") == 3000, "3,000 fixes are made")
            until(lambda: van.status()["buffer"]["state"] != "disk", "the disk is full")
            assert process.poll() is None
            assert van.status()["buffer"]["reason"]
            until(lambda: van.status()["fixes_committed"] == 3000, "all are held")
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def test_damaged_buffer_is_set_aside_and_the_agent_runs(van: Vehicle, terminal: Terminal) -> None:
    """Zeroes in the middle of the file: it is kept under another name, and what can be is saved."""
    with van.running() as process:
        terminal.say(b"".join(at(second) for second in range(900)))
        until(lambda: van.status().get("fixes_made") == 900, "900 fixes are made")
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    damaged = bytearray(van.buffer.read_bytes())
    damaged[:100] = bytes(100)
    van.buffer.write_bytes(damaged)
    with van.running() as process:
        terminal.say(at(1000))
        until(lambda: van.status().get("fixes_made") == 1, "it goes on")
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    assert list(van.buffer.parent.glob(van.buffer.name + ".damaged-*"))
    assert len(van.exported()) > 850
