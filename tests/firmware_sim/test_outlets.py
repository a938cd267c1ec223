"""The real `milepost-sim replay` into pipes, sockets and terminals, with faults on the way."""

import io
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import serial

from milepost_firmware_sim.replay.recording import parse
from tests.firmware_sim.drives import gga, rmc
from tests.firmware_sim.programs import (
    DEADLINE_S,
    MILEPOST_SIM,
    read_line,
    read_to_end,
    replay,
    run,
    until,
)

_CLOCKS = [f"12{second // 60:02}{second % 60:02}" for second in range(300)]


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Return a recording of 5 minutes."""
    file = tmp_path / "drive.nmea"
    file.write_bytes(b"".join(rmc(clock) + gga(clock) for clock in _CLOCKS))
    return file


def _said(ended: "subprocess.CompletedProcess[bytes]") -> list[dict[str, Any]]:
    """Return the JSON lines on standard error."""
    lines = ended.stderr.splitlines()
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def test_stdout_max_is_the_file_and_the_json_goes_to_standard_error(drive: Path) -> None:
    """Into a pipe as fast as it goes, with recorded times, comes the log byte for byte."""
    ended = run("replay", drive, "--stdout", "--speed", "max", "--start-at", "recorded")
    assert (ended.returncode, ended.stdout) == (0, drive.read_bytes())
    size = drive.stat().st_size
    assert _said(ended) == [{"port": "-"}, {"lines": 600, "bytes": size, "dropped_bytes": 0}]


def test_stdout_max_faults_same_seed_same_file(drive: Path, tmp_path: Path) -> None:
    """A damaged file can be made in one command, and made again; another seed damages others."""
    script = tmp_path / "van.faults"
    script.write_text("at 10s for 20s: outage\ncut 5%  # a bad cable\n")
    options = ("--stdout", "--speed", "max", "--start-at", "2026-01-05T12:00:00Z")
    more = ("--faults", str(script), "--fault", "at 1m: unplug")
    runs = [run("replay", drive, *options, *more, "--seed", seed) for seed in ("1", "1", "2")]
    assert runs[0].stdout == runs[1].stdout != runs[2].stdout
    told = _said(runs[0])[-1]["faults"]
    assert [one["fault"] for one in told] == ["at 10s for 20s: outage", "cut 5%", "at 1m: unplug"]
    assert [told[0]["hits"], told[2]["hits"]] == [20, 1]
    assert 10 < told[1]["hits"] < 60
    assert b",A,5130.0000" not in b"".join(runs[0].stdout.splitlines()[22:60])


def test_stdout_reader_gone_ends_the_program(drive: Path) -> None:
    """When the reader of the pipe leaves, the program ends without a traceback."""
    with subprocess.Popen(
        [str(MILEPOST_SIM), "replay", str(drive), "--stdout", "--speed", "max", "--loop"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE_S) == 1
        assert b"Traceback" not in process.stderr.read()


def test_standard_input_is_a_file_too(drive: Path) -> None:
    """A drive can come out of a pipe, so that drawn ones take faults as recorded ones do."""
    drawn = run("drive", "--seed", "1", "--stops", "1").stdout
    command = [str(MILEPOST_SIM), "replay", "-", "--stdout", "--speed", "max"]
    ended = subprocess.run(
        [*command, "--start-at", "recorded", "--fault", "at 60s for 30s: outage"],
        input=drawn,
        capture_output=True,
        check=True,
        timeout=DEADLINE_S,
    )
    before, after = parse(drawn), parse(ended.stdout)
    assert before is not None
    assert after is not None
    assert len(before.track) - len(after.track) == 30


def test_udp_each_line_is_a_datagram(drive: Path) -> None:
    """The lines of the log arrive one by one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.bind(("127.0.0.1", 0))
        server.settimeout(DEADLINE_S)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with replay(drive, "--udp", address, "--speed", "600", "--start-at", "recorded") as sim:
            assert sim.address == f"udp://{address}"
            got = [server.recv(2048) for _ in range(600)]
            assert sim.counts()["bytes"] == drive.stat().st_size
    assert got == drive.read_bytes().splitlines(keepends=True)


def test_terminal_unplug_comes_back_under_its_new_name(drive: Path) -> None:
    """The reader's port ends, the link goes; then a link of the new name leads to a new port."""
    link, renamed = drive.with_name("gps0"), drive.with_name("gps1")
    fault = ("--fault", "at 20s for 20s: unplug as gps1")
    with replay(drive, "--link", link, "--speed", "40", "--start-at", "recorded", *fault) as sim:
        reader = os.open(link, os.O_RDWR | os.O_NOCTTY)
        data = read_to_end(reader)
        os.close(reader)
        assert data == b"".join(rmc(clock) + gga(clock) for clock in _CLOCKS[:20])
        until(lambda: not link.is_symlink(), "the link is gone")
        until(renamed.is_symlink, "the new link is there")
        reader = os.open(renamed, os.O_RDWR | os.O_NOCTTY)
        assert int(read_line(reader)[7:13]) >= 120_040
        sim.process.send_signal(signal.SIGTERM)
        read_to_end(reader)
        os.close(reader)
        assert sim.process.wait(DEADLINE_S) == 0
        assert not renamed.is_symlink()


def test_tcp_unplug_comes_back_on_the_same_port(drive: Path) -> None:
    """Clients are ended and refused, and served again afterwards."""
    fault = ("--fault", "at 20s for 160s: unplug")
    with replay(drive, "--tcp", "127.0.0.1:0", "--speed", "40", *fault) as sim:
        with sim.connect() as line, line.makefile("rb") as stream:
            assert len(stream.readlines()) == 40
        with pytest.raises(ConnectionRefusedError):
            sim.connect()
        until(lambda: _serves(sim.address), "the server is back")


def _serves(address: str) -> bool:
    host, port = address.removeprefix("socket://").rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as line:
            return bool(line.recv(1))
    except ConnectionRefusedError:
        return False


def test_terminal_max_waits_for_its_reader_after_an_unplug(drive: Path) -> None:
    """As fast as the reader takes it, nothing but the fault's time is lost."""
    link = drive.with_name("gps")
    arguments = ("--speed", "max", "--start-at", "recorded", "--fault", "at 20s for 40s: unplug")
    with replay(drive, "--link", link, *arguments) as sim:
        parts = []
        for _ in range(2):
            until(link.is_symlink, "the link is there")
            reader = os.open(link, os.O_RDWR | os.O_NOCTTY)
            parts.append(read_to_end(reader))
            os.close(reader)
        assert sim.process.wait(DEADLINE_S) == 0
    clocks = _CLOCKS[:20] + _CLOCKS[60:]
    assert b"".join(parts) == b"".join(rmc(clock) + gga(clock) for clock in clocks)


def test_terminal_stuck_is_open_and_silent_then_late(drive: Path) -> None:
    """Nothing comes while the port is stuck; then what was kept comes, and the drive goes on."""
    fault = ("--fault", "at 20s for 20s: stuck")
    with replay(drive, "--speed", "40", "--start-at", "recorded", *fault) as sim:
        begun_s = time.monotonic()
        reader = sim.open_terminal()
        lines = [read_line(reader) for _ in range(41)]
        # Line 40 is of second 20, and comes when second 40 is over: after a true one, not a half.
        assert time.monotonic() - begun_s > 0.95
        lines += [read_line(reader) for _ in range(59)]
        os.close(reader)
    assert lines == drive.read_bytes().splitlines(keepends=True)[:100]


def test_terminal_baud_another_rate_hears_no_sentence(drive: Path) -> None:
    """A reader at the rate of the line reads sentences, at its pace; at another one garbage."""
    arguments = ("--baud", "4800", "--start-at", "recorded", "--no-wait")
    with replay(drive, *arguments, "--speed", "10") as sim:
        begun_s = time.monotonic()
        with serial.Serial(sim.address, 4800, timeout=DEADLINE_S) as line:
            line.read_until(b"\n")
            heard = b"".join(line.read_until(b"\n") for _ in range(40))
            # 40 lines of 70 bytes and 10 bits a byte, at 4800 bits a second, ten times as fast.
            assert time.monotonic() - begun_s > 0.45
        assert parse(heard) is not None
        with serial.Serial(sim.address, 9600, timeout=DEADLINE_S) as line:
            line.reset_input_buffer()
            line.read(100)
            assert parse(line.read(1000)) is None


def test_every_and_step_go_line_by_line(drive: Path) -> None:
    """`--every` plays a line each so many seconds; `--step` one for each Enter, then ends."""
    with replay(drive, "--every", "0.05", "--start-at", "recorded") as sim:
        begun_s = time.monotonic()
        reader = sim.open_terminal()
        lines = [read_line(reader) for _ in range(11)]
        assert time.monotonic() - begun_s > 0.5
        os.close(reader)
    assert lines == drive.read_bytes().splitlines(keepends=True)[:11]
    stepped = subprocess.run(
        [str(MILEPOST_SIM), "replay", str(drive), "--stdout", "--step", "--start-at", "recorded"],
        input=b"\n\n\n",
        capture_output=True,
        check=True,
        timeout=DEADLINE_S,
    )
    assert stepped.stdout == b"".join(drive.read_bytes().splitlines(keepends=True)[:3])
    assert b"3: $GPRMC,120001,A," in stepped.stderr


def test_show_and_progress_are_for_people(drive: Path) -> None:
    """Lines and progress stand on standard error, the recording alone on standard output."""
    options = ("--stdout", "--speed", "max", "--start-at", "recorded")
    shown = run("replay", drive, *options, "--show")
    assert shown.stdout == drive.read_bytes()
    assert b"600: $GPGGA,120459," in shown.stderr
    told = run("replay", drive, *options, "--progress").stderr.decode()
    assert "0:04:59 of 0:04:59  100%  600 lines" in told


def test_timeout_gives_up_without_a_reader(drive: Path) -> None:
    """A test that waits for a reader that never comes ends with 2 and one line."""
    ended = run("replay", drive, "--timeout", "0.3", "--link", drive.with_name("gps"))
    assert ended.returncode == 2
    assert b"no reader came" in ended.stderr
    assert not drive.with_name("gps").is_symlink()


def test_fault_that_never_came_is_told(drive: Path) -> None:
    """A fault after the end of the recording is no success in silence."""
    ended = run("replay", drive, "--stdout", "--speed", "max", "--fault", "at 1h: outage")
    assert b"fault never came: at 1h: outage" in ended.stderr


def test_loop_faults_come_in_later_rounds_too(tmp_path: Path) -> None:
    """The time of faults goes on over the rounds of a loop."""
    file = tmp_path / "two.nmea"
    file.write_bytes(rmc("120000") + rmc("120001"))
    fault = ("--fault", "at 3s for 2s: drop")
    with replay(file, "--loop", "--speed", "50", "--start-at", "recorded", *fault) as sim:
        reader = sim.open_terminal()
        lines = [read_line(reader) for _ in range(5)]
        os.close(reader)
    assert lines == [rmc(f"12000{second}") for second in (0, 1, 2, 5, 6)]


def test_faults_command_lists_and_checks(tmp_path: Path) -> None:
    """The faults are told by the program itself, and a file of them can be checked."""
    assert b"\nunplug [as NAME]\n" in run("faults").stdout
    file = tmp_path / "van.faults"
    file.write_text("at 3s:   cut  5%\n")
    assert run("faults", file).stdout == b"at 3s: cut 5%\n"
    file.write_text("at 3s: cut 5%\nat 4s: melt\n")
    ended = run("faults", file)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert f"faults {file}, line 2: unknown word 'melt'" in ended.stderr.decode()


def test_rate_and_receiver_write_a_log_anew(drive: Path) -> None:
    """A log of RMC and GGA at 1 Hz comes as u-blox would tell it at 5 Hz, at the same places."""
    options = ("--stdout", "--speed", "max", "--start-at", "recorded")
    ended = run("replay", drive, *options, "--rate", "5", "--receiver", "ublox")
    again = parse(ended.stdout)
    assert again is not None
    assert again.facts.checksum_errors == 0
    assert len(again.track) == 299 * 5 + 1
    assert {place[1:] for place in again.track} == {(51.5, 10.5)}
    assert io.BytesIO(ended.stdout).readline().startswith(b"$GNTXT,")
