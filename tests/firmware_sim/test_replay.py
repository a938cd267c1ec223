"""The real `milepost-sim replay` on real terminals and sockets."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from milepost_firmware_sim.replay.recording import parse
from tests.firmware_sim.drives import bytes_of, drive_files, gga, loaded, rmc
from tests.firmware_sim.programs import now_s, read_line, read_to_end, replay, run, until

# Everything that a terminal in its usual mode would change: CR, LF, ^C, ^D, ^Z, DEL, high bytes.
_JUNK = bytes(range(256)) + b"\r\r\n\n\n"


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """Return a recording of 3 s with junk in it."""
    file = tmp_path / "short.nmea"
    file.write_bytes(rmc("120000") + _JUNK + gga("120001") + rmc("120002") + b"rest")
    return file


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Return a recording of an hour."""
    file = tmp_path / "endless.nmea"
    file.write_bytes(b"".join(rmc(f"12{n // 60:02}{n % 60:02}") for n in range(3600)))
    return file


def test_replay_terminal_recorded_times_bytes_are_unchanged(short: Path) -> None:
    """A reader of the terminal gets the log byte for byte, and the counts say so."""
    with replay(short, "--speed", "20", "--start-at", "recorded") as sim:
        reader = sim.open_terminal()
        assert read_to_end(reader) == short.read_bytes()
        os.close(reader)
        size = short.stat().st_size
        assert sim.counts() == {
            "lines": short.read_bytes().count(b"\n") + 1,
            "bytes": size,
            "dropped_bytes": 0,
        }


def test_replay_terminal_slow_reader_loses_nothing(endless: Path) -> None:
    """A reader that is slower than the recording gets all of it."""
    with replay(endless, "--speed", "1000000", "--start-at", "recorded") as sim:
        reader = sim.open_terminal()
        assert read_to_end(reader, pause_s=0.002) == endless.read_bytes()
        os.close(reader)
        assert sim.counts()["dropped_bytes"] == 0


def test_replay_terminal_waits_for_its_reader(short: Path) -> None:
    """Nothing is played before the port is open, however late that is."""
    with replay(short, "--speed", "1000", "--start-at", "now") as sim:
        before_s = sim.cpu_s()
        opened_s = now_s()
        reader = sim.open_terminal()
        data = read_to_end(reader)
        os.close(reader)
        assert sim.cpu_s() - before_s < 1.0
    recording = parse(data)
    assert recording is not None
    assert -2.5 < recording.pace.origin_s - opened_s < 20.0


def test_replay_terminal_without_waiting_drops_what_nobody_reads(short: Path) -> None:
    """With --no-wait and no reader the recording passes, and every byte counts as dropped."""
    with replay(short, "--no-wait", "--speed", "1000") as sim:
        size = short.stat().st_size
        counts = sim.counts()
    assert counts["bytes"] == counts["dropped_bytes"] == size


def test_replay_terminal_reader_killed_goes_on_and_serves_the_next(endless: Path) -> None:
    """While nobody reads, the recording goes on; the next reader gets what is current."""
    with replay(endless, "--speed", "100", "--start-at", "recorded") as sim:
        reader = sim.open_terminal()
        first = read_line(reader)
        os.close(reader)
        left_s = time.monotonic()
        until(lambda: time.monotonic() > left_s + 0.5, "half a second")
        reader = sim.open_terminal()
        read_line(reader)
        line = read_line(reader)
        assert first == rmc("120000")
        assert int(line[7:13]) >= 120_040
        sim.process.send_signal(signal.SIGTERM)
        read_to_end(reader)
        os.close(reader)
        assert sim.counts()["dropped_bytes"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("reading", ["nobody", "slow"])
def test_replay_signal_ends_at_once(endless: Path, number: signal.Signals, reading: str) -> None:
    """A signal ends the program with 0, waiting for a reader or blocked by one, link removed."""
    link = endless.with_name("gps")
    with replay(endless, "--speed", "1000000", "--link", link) as sim:
        assert str(link.readlink()) == sim.address
        reader = os.open(link, os.O_RDONLY | os.O_NOCTTY) if reading == "slow" else None
        if reader is not None:
            read_line(reader)
        asked_s = time.monotonic()
        sim.process.send_signal(number)
        sim.counts()
        assert time.monotonic() - asked_s < 10.0
        assert not link.is_symlink()
        if reader is not None:
            os.close(reader)


def test_replay_link_old_one_is_replaced(short: Path) -> None:
    """A link that a killed program left is replaced by ours."""
    link = short.with_name("gps")
    link.symlink_to("/dev/pts/none")
    with replay(short, "--link", link) as sim:
        assert str(link.readlink()) == sim.address


def test_replay_new_times_follow_the_scaled_clock(endless: Path) -> None:
    """Each line comes when the clock of MILEPOST_CLOCK reads its new time."""
    factor = 50.0
    begin_s = now_s()
    scaled = {"MILEPOST_CLOCK": f"{begin_s!r},{factor}"}
    with replay(endless, environment=scaled) as sim:
        reader = sim.open_terminal()
        lines = [read_line(reader) for _ in range(60)]
        reading_s = begin_s + (now_s() - begin_s) * factor
        os.close(reader)
    recording = parse(b"".join(lines))
    assert recording is not None
    last_s = recording.pace.origin_s + recording.span_s
    assert recording.span_s == 59.0
    # Never early; late by no more than a slow machine makes it, in scaled seconds.
    assert 0.0 <= reading_s - last_s < 10.0 * factor


def test_replay_start_at_instant_dates_the_first_fix(short: Path) -> None:
    """The first fix gets the time that was asked for."""
    with replay(short, "--speed", "100", "--start-at", "2031-05-06T07:08:09+02:00") as sim:
        reader = sim.open_terminal()
        assert read_line(reader) == rmc("050809", "060531")
        os.close(reader)


def test_replay_loop_goes_on_upward(tmp_path: Path) -> None:
    """With --loop the recording begins again with later times."""
    file = tmp_path / "two.nmea"
    file.write_bytes(rmc("120000") + rmc("120001"))
    with replay(file, "--loop", "--speed", "100", "--start-at", "recorded") as sim:
        reader = sim.open_terminal()
        lines = [read_line(reader) for _ in range(6)]
        os.close(reader)
    assert lines == [rmc(f"12000{second}") for second in range(6)]


def _read_socket(line: socket.socket) -> bytes:
    data = b""
    while received := line.recv(65_536):
        data += received
    return data


def test_replay_tcp_clients_get_the_same_stream(endless: Path) -> None:
    """All clients of the server get the same bytes."""
    arguments = ("--tcp", "127.0.0.1:0", "--speed", "36000", "--start-at", "recorded")
    with replay(endless, *arguments) as sim, sim.connect() as one, sim.connect() as other:
        with ThreadPoolExecutor() as pool:
            streams = list(pool.map(_read_socket, (one, other)))
        assert streams == [endless.read_bytes()] * 2
        one.close()
        other.close()
        assert sim.counts()["dropped_bytes"] == 0


def test_replay_tcp_client_gone_goes_on(endless: Path) -> None:
    """After the last client left, the recording goes on to its end."""
    with replay(endless, "--tcp", "127.0.0.1:0", "--speed", "3600") as sim:
        with sim.connect() as line:
            assert line.recv(10)
        counts = sim.counts()
    assert counts["bytes"] == endless.stat().st_size
    assert 0 < counts["dropped_bytes"] < counts["bytes"]


def test_replay_fast_costs_little_processor_time(tmp_path: Path) -> None:
    """A recording of 30,000 lines at 250 times its speed leaves the machine to others."""
    file = tmp_path / "long.nmea"
    clocks = [f"12{second // 60:02}{second % 60:02}" for second in range(250)]
    file.write_bytes(b"".join(rmc(clock) + gga(clock) * 119 for clock in clocks))
    with replay(file, "--speed", "250") as sim:
        reader = sim.open_terminal()
        before_s = sim.cpu_s()
        data = read_to_end(reader)
        os.close(reader)
        # The last reading of a process that has ended and is not waited for yet still counts.
        used_s = sim.cpu_s() - before_s
    assert data.count(b"\n") == 30_000
    assert used_s < 1.0


@pytest.mark.parametrize("file", drive_files()[:1])
def test_replay_recorded_drive_arrives_unchanged(file: Path) -> None:
    """A real drive with recorded times arrives byte for byte."""
    speed = str(max(1.0, 5.0 * loaded(file).span_s))
    with replay(file, "--speed", speed, "--start-at", "recorded") as sim:
        reader = sim.open_terminal()
        assert read_to_end(reader) == bytes_of(file)
        os.close(reader)


@pytest.mark.parametrize("file", ["missing", "text"])
def test_replay_wrong_file_ends_with_one_line(tmp_path: Path, file: str) -> None:
    """A file that is missing or no recording ends the program with 2 and one line naming it."""
    (tmp_path / "text").write_text("Dear all,\nno sentences today.\n")
    ended = run("replay", tmp_path / file)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.count(b"\n") == 1
    assert str(tmp_path / file) in ended.stderr.decode()


def test_wrong_clock_is_told_in_one_line(short: Path) -> None:
    """A wrong MILEPOST_CLOCK ends the program before it opens a port."""
    ended = run("replay", short, environment={"MILEPOST_CLOCK": "soon"})
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert b"MILEPOST_CLOCK='soon'" in ended.stderr


def test_inspect_tells_the_facts(short: Path) -> None:
    """The facts of a log are told for machines and for people."""
    told = run("inspect", short, "--json").stdout
    assert b'"sentences": 3, "checksum_errors": 0' in told
    assert b'"span_s": 2.0, "first_position": [51.5, 10.5]' in told
    assert b"first position" in run("replay", "--inspect", short).stdout
