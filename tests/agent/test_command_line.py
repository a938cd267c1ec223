"""The program as its users and its supervisor see it: real processes, ports, signals and files."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost_agent.buffer import Buffer
from milepost_agent.cli import EXIT_WRONG
from tests.agent.line import gga, rmc, sentence
from tests.agent.programs import DEADLINE_S, Terminal, Vehicle, until, wait_for_line

# At once, for a program whose start and end a busy machine may draw out; the tick is an hour.
STOPPED_WITHIN_S = 15.0
REFUSED_WITHIN_S = 10.0


def drive(count: int) -> bytes:
    """Return a receiver's output of so many seconds after noon."""
    times = [f"12{second // 60:02}{second % 60:02}.00" for second in range(count)]
    return b"".join(sentence(rmc(time)) + sentence(gga(time)) for time in times)


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


def assert_refused(ended: "subprocess.CompletedProcess[str]", *said: str) -> None:
    """Check that a command ended as wrong, with one line that says why."""
    assert ended.returncode == EXIT_WRONG
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("milepost-agent: ")
    for part in said:
        assert part in ended.stderr


def test_run_with_a_wrong_configuration_says_so(van: Vehicle) -> None:
    """A configuration that cannot be used ends every command with one line and exit code 2."""
    van.config.write_text(van.config.read_text() + "[colours]\n")
    for command in (["run"], ["status"], ["export", "--csv"]):
        assert_refused(van.command(*command), str(van.config), "[colours]")
    van.config.unlink()
    assert_refused(van.command("run"), "No such file")


@pytest.mark.parametrize("port", ["/dev/null", ".", "bogus://x", "tcp://127.0.0.1", "gpsd://box:x"])
def test_run_with_a_wrong_port_says_so(van: Vehicle, port: str) -> None:
    """What can never be a receiver is named, and nothing stays locked."""
    van.write_config(port, 1883)
    assert_refused(van.command("run"), f"receiver port {port}: ")
    Buffer(van.buffer).close()


@pytest.mark.parametrize("port", ["/dev/there-is-none", "/dev/there-is-none*", "tcp://127.0.0.1:1"])
def test_run_without_its_receiver_waits_for_it(van: Vehicle, port: str) -> None:
    """A van whose receiver is not plugged in has a backlog to deliver: it starts, and says so."""
    van.write_config(port, 1883)
    with van.running() as process:
        until(
            lambda: van.status().get("receiver", {}).get("state") == "gone", "the receiver is gone"
        )
        assert port.removeprefix("tcp://") in van.status()["receiver"]["reason"]
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


def test_run_with_a_wrong_buffer_says_so(van: Vehicle) -> None:
    """A file that is no buffer is named and left alone."""
    van.buffer.write_text("the shopping list, which is no database at all")
    assert_refused(van.command("run"), f"buffer {van.buffer}", "not a database")
    assert_refused(van.command("export", "--csv"), f"buffer {van.buffer}", "not a database")
    assert van.buffer.read_text().startswith("the shopping list")


def test_run_with_a_wrong_clock_says_so(van: Vehicle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A MILEPOST_CLOCK that cannot be read stops the program before it does anything."""
    monkeypatch.setenv("MILEPOST_CLOCK", "noon")
    assert_refused(van.command("run"), "MILEPOST_CLOCK='noon'")
    assert not van.buffer.exists()


@pytest.mark.parametrize("broker", ["none", "mute"])
def test_sigterm_commits_and_ends(tmp_path: Path, terminal: Terminal, broker: str) -> None:
    """Without a broker, or with one that never answers, SIGTERM loses nothing and ends at once."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        broker_port = int(mute.getsockname()[1]) if broker == "mute" else None
        van = Vehicle(tmp_path, terminal.path, broker_port)
        with van.running() as process:
            terminal.say(b"\xff\0$GPRMC,cut" + drive(90))
            until(lambda: van.status().get("fixes_made") == 90, "90 fixes are made")
            assert van.status()["fixes_committed"] == 0, "the tick has not come"
            begin_s = time.monotonic()
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
            assert time.monotonic() - begin_s < STOPPED_WITHIN_S
    rows = van.exported()
    assert [int(row["seq"]) for row in rows] == list(range(1, 91))
    assert rows[0]["time"] == "2026-01-01T12:00:00.000Z"
    assert rows[89]["time"] == "2026-01-01T12:01:29.000Z"
    assert (rows[0]["lat_e6"], rows[0]["altitude_dm"], rows[0]["hole"]) == ("47285238", "4080", "0")
    assert len({row["stream"] for row in rows}) == 1


def test_last_instant_before_sigterm_is_kept(van: Vehicle, terminal: Terminal) -> None:
    """Also the instant that is still open, and unread bytes, are committed at the end."""
    last = sentence(rmc("120000.00"))
    with van.running() as process:
        process.send_signal(signal.SIGSTOP)
        terminal.say(last)
        until(lambda: terminal.unread_bytes() == len(last), "the line has arrived")
        process.terminate()
        process.send_signal(signal.SIGCONT)
        assert process.wait(DEADLINE_S) == 0
    assert [row["time"] for row in van.exported()] == ["2026-01-01T12:00:00.000Z"]


def test_second_agent_on_the_same_buffer_is_refused_at_once(van: Vehicle) -> None:
    """Two agents never share a buffer: the second one says so, and the first goes on."""
    with van.running() as process:
        begin_s = time.monotonic()
        ended = van.command("run")
        assert time.monotonic() - begin_s < REFUSED_WITHIN_S
        assert_refused(ended, f"buffer {van.buffer} is in use by another process")
        assert_refused(van.command("export", "--csv"), "is in use by another process")
        assert process.poll() is None


def test_committed_fixes_outlive_a_kill(
    van: Vehicle, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a SIGKILL the lock is free and what a tick has committed is held."""
    monkeypatch.setenv("MILEPOST_AGENT_UPLINK_TICK_S", "0.1")
    with van.running() as process:
        terminal.say(drive(3))
        until(lambda: van.status().get("fixes_committed") == 3, "3 fixes are committed")
        process.kill()
        assert process.wait(DEADLINE_S) == -signal.SIGKILL
    assert [int(row["seq"]) for row in van.exported()] == [1, 2, 3]


def test_receiver_that_is_unplugged_does_not_end_the_agent(tmp_path: Path) -> None:
    """A terminal that goes away is reported, and what was read before is kept."""
    terminal = Terminal()
    van = Vehicle(tmp_path, terminal.path)
    with van.running() as process:
        terminal.say(drive(5))
        until(lambda: van.status().get("fixes_made") == 5, "5 fixes are made")
        terminal.close()
        until(lambda: van.status()["receiver"]["state"] == "gone", "the receiver is gone")
        assert process.poll() is None
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    assert len(van.exported()) == 5


def test_status_tells_people_and_programs(van: Vehicle, terminal: Terminal) -> None:
    """`status` says in one line, or as JSON, how the running agent is."""
    assert_refused(van.command("status"), "status.json")
    with van.running():
        terminal.say(drive(4))
        until(lambda: van.status().get("fixes_made") == 4, "4 fixes are made")
        told = van.command("status")
        status = json.loads(van.command("status", "--json").stdout)
    assert told.stdout.startswith(
        f"van-01: receiver receiving (NMEA at 9600 baud from {terminal.path})"
    )
    assert (status["device"], status["link"], status["silent"]) == (
        "van-01",
        "down",
        "no network",
    )
    assert status["fix"]["time"] == "2026-01-01T12:00:03.000Z"


def test_export_without_a_buffer_says_so(van: Vehicle) -> None:
    """Exporting what is not there is a mistake, and makes no file."""
    assert_refused(van.command("export", "--csv"), "there is no such file")
    assert not van.buffer.exists()


def test_export_of_an_empty_buffer_is_a_heading(van: Vehicle) -> None:
    """A buffer without fixes is exported as the names of the columns."""
    Buffer(van.buffer).close()
    assert van.exported() == []


def test_run_imports_nothing_heavy(van: Vehicle) -> None:
    """The vehicle's process holds none of the packages that would double its memory."""
    code = (
        "import sys; from milepost_agent.cli import main\n"
        "main(['run', '--config', sys.argv[1]]); print(' '.join(sys.modules))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, van.config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        wait_for_line(process.stderr, "The agent runs.")
        process.terminate()
        output, _ = process.communicate(timeout=DEADLINE_S)
    imported = {name.partition(".")[0] for name in output.split()}
    assert "paho" in imported
    heavy = {
        "typer",
        "pydantic",
        "pydantic_settings",
        "cryptography",
        "numpy",
        "psycopg",
        "starlette",
    }
    assert not imported & (heavy | {"milepost_collector", "milepost_firmware_sim"})
