"""Receivers on real links: plugged, pulled, renamed, silent, and read until the end."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from milepost_agent.receiver import ReceiverError, ReceiverState
from milepost_agent.receiver.link import LinkError
from milepost_agent.receiver.serial_link import SerialLink, SerialSource
from tests.agent.programs import unused_port
from tests.agent.receivers import Plug, Reading, TcpPlug, instants, receiver_at

REOPENED_WITHIN_S = 5.0
WATCHDOG_S = 10.0
DEADLINE_S = 60.0


@pytest.fixture
def plug() -> Iterator[Plug]:
    """A receiver in a pseudo-terminal."""
    plug = Plug()
    yield plug
    plug.pull()


@pytest.fixture
def server() -> Iterator[TcpPlug]:
    """A receiver behind TCP."""
    server = TcpPlug()
    yield server
    server.pull()


def opened(port: str, baud: int = 0) -> Reading:
    """Return the reading of a receiver whose link is open."""
    reading = Reading(receiver_at(port, baud))
    reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    return reading


def heard(reading: Reading, fixes: int) -> float:
    """Wait for so many fixes, and that the receiver is said to be heard; return how long."""
    return reading.until(lambda: len(reading.fixes) >= fixes and reading.receiver.hears, DEADLINE_S)


@pytest.mark.parametrize("baud", [0, 9600, 921600])
def test_terminal_is_read(plug: Plug, baud: int) -> None:
    """What a receiver says in a terminal becomes fixes, the last one when it is quiet."""
    reading = opened(plug.path, baud)
    assert not reading.receiver.hears
    plug.say(instants(0, 3))
    assert heard(reading, 3) < 1.0
    receiver = reading.receiver
    assert (receiver.state, receiver.sentences) == (ReceiverState.RECEIVING, 6)
    assert receiver.reason == f"NMEA at {baud or 9600} baud from {plug.path}"
    assert (receiver.rejects, dict(receiver.unfixed)) == ({}, {})
    receiver.close()


def test_burst_is_read_whole(plug: Plug) -> None:
    """All that a terminal holds is taken at once, and what is left when the unit stops too."""
    reading = opened(plug.path)
    plug.say(instants(0, 25))
    fixes = reading.receiver.read(0.0)
    plug.say(instants(25, 5))
    fixes += reading.receiver.finish(0.0)
    assert len(fixes) == 30
    reading.receiver.close()


def test_what_came_before_the_first_read_is_not_lost(plug: Plug) -> None:
    """The device is open as soon as the receiver is made, and its queue is read once."""
    receiver = receiver_at(plug.path)
    plug.say(instants(0, 2))
    assert len([*receiver.read(0.0), *receiver.finish(0.0)]) == 2
    receiver.close()


def test_receiver_that_was_never_read_is_closed(plug: Plug) -> None:
    """Making and closing a receiver leaves the device to others."""
    receiver_at(plug.path).close()
    SerialLink(plug.path, 9600).close()


def test_reading_never_waits(plug: Plug) -> None:
    """Reading a line that says nothing, and a port that is not there, takes no time."""
    absent = receiver_at("/dev/there-is-none")
    present = opened(plug.path).receiver
    begin_s = time.monotonic()
    for step in range(100):
        absent.read(begin_s + step / 1000)
        present.read(begin_s + step / 1000)
    assert time.monotonic() - begin_s < 5.0, "not 25 ms each of the 200"
    present.close()


def test_waiting_costs_little(plug: Plug) -> None:
    """A receiver of 1 Hz wakes the loop a few times a second, not more."""
    reading = opened(plug.path)
    plug.say(instants(0))
    heard(reading, 1)
    begin_s, reading.waits = time.monotonic(), 0
    reading.until(lambda: time.monotonic() - begin_s > 1.0, DEADLINE_S)
    assert reading.waits <= 15, "ten waits a second are the test's own"
    reading.receiver.close()


def test_unplugged_terminal_is_gone_and_back_within_five_seconds(tmp_path: Path) -> None:
    """Unplugged and plugged in again as another device, under the link that names it (G5)."""
    link = tmp_path / "gps"
    first = Plug()
    link.symlink_to(first.path)
    reading = opened(str(link))
    first.say(instants(0, 2))
    heard(reading, 2)
    first.pull()
    reading.until(lambda: reading.receiver.state is ReceiverState.GONE, DEADLINE_S)
    assert reading.receiver.reason == f"{link} was unplugged, or broke"
    link.unlink()
    reading.until(lambda: "No such file" in reading.receiver.reason, DEADLINE_S)
    second = Plug()
    link.symlink_to(second.path)
    took_s = reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    assert took_s < REOPENED_WITHIN_S
    second.say(instants(60, 2))
    heard(reading, 4)
    assert reading.fixes[2].hole
    reading.receiver.close()
    second.pull()


def test_link_that_moves_is_followed(tmp_path: Path, plug: Plug) -> None:
    """The device under a link changes while the old one stays open: the new one is read."""
    link, other = tmp_path / "gps", Plug()
    link.symlink_to(plug.path)
    reading = opened(str(link))
    plug.say(instants(0))
    heard(reading, 1)
    link.unlink()
    link.symlink_to(other.path)
    reading.until(lambda: reading.receiver.opens == 2, REOPENED_WITHIN_S)
    assert not reading.receiver.hears
    other.say(instants(30))
    heard(reading, 2)
    reading.receiver.close()
    other.pull()


def test_renamed_device_is_found_by_its_pattern(tmp_path: Path) -> None:
    """ttyUSB0 that comes back as ttyUSB1 is found under the pattern that names both (G5)."""
    first, second = Plug(), Plug()
    (tmp_path / "ttyUSB0").symlink_to(first.path)
    reading = opened(str(tmp_path / "ttyUSB*"))
    first.say(instants(0))
    heard(reading, 1)
    first.pull()
    (tmp_path / "ttyUSB0").unlink()
    reading.until(lambda: reading.receiver.state is ReceiverState.GONE, DEADLINE_S)
    (tmp_path / "ttyUSB1").symlink_to(second.path)
    took_s = reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    assert took_s < REOPENED_WITHIN_S
    second.say(instants(30))
    heard(reading, 2)
    assert reading.receiver.reason.endswith("ttyUSB1")
    reading.receiver.close()
    second.pull()


def test_silent_device_of_a_pattern_is_left_for_the_next(tmp_path: Path, plug: Plug) -> None:
    """Of a modem's four ports one is the receiver: the others are passed over."""
    mute = Plug()
    (tmp_path / "ttyUSB0").symlink_to(mute.path)
    (tmp_path / "ttyUSB1").symlink_to(plug.path)
    (tmp_path / "ttyUSB2").symlink_to(tmp_path / "nowhere")
    reading = opened(str(tmp_path / "ttyUSB*"))

    def is_open(path: str) -> bool:
        descriptor = reading.receiver.fileno()
        return descriptor is not None and os.ttyname(descriptor) == path

    assert is_open(mute.path)
    reading.until(lambda: is_open(plug.path), REOPENED_WITHIN_S)
    plug.say(instants(0))
    heard(reading, 1)
    reading.receiver.close()
    mute.pull()


def test_silent_device_is_told_and_opened_anew(plug: Plug) -> None:
    """Open but silent is a state of its own, and ends when the device speaks again (G5)."""
    reading = opened(plug.path)
    plug.say(instants(0))
    heard(reading, 1)
    assert reading.receiver.opens == 1
    took_s = reading.until(lambda: reading.receiver.opens == 2, WATCHDOG_S)
    assert reading.receiver.state is ReceiverState.SILENT
    assert took_s < REOPENED_WITHIN_S
    assert reading.receiver.reason == f"{plug.path} is open and says nothing"
    plug.say(instants(20))
    assert heard(reading, 2) < REOPENED_WITHIN_S
    reading.receiver.close()


def test_port_is_not_shared(plug: Plug) -> None:
    """A device that another program holds is busy, and is read when that one leaves it."""
    other = serial.Serial(plug.path, 9600, timeout=0, exclusive=True)
    reading = Reading(receiver_at(plug.path))
    reading.until(lambda: reading.receiver.state is ReceiverState.BUSY, DEADLINE_S)
    assert reading.receiver.reason == f"{plug.path}: another program has it open"
    other.close()
    reading.until(lambda: reading.receiver.fileno() is not None, REOPENED_WITHIN_S)
    with pytest.raises(LinkError, match="another program"):
        SerialLink(plug.path, 9600)
    reading.receiver.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_port_of_others_is_no_permission(plug: Plug) -> None:
    """A device that this user may not open is told as that."""
    Path(plug.path).chmod(stat.S_IRUSR | stat.S_IWUSR)
    source = SerialSource(plug.path)
    os.seteuid(65534)
    try:
        with pytest.raises(LinkError, match="dialout") as caught:
            source.open(9600)
    finally:
        os.seteuid(0)
    assert caught.value.state is ReceiverState.NO_PERMISSION


@pytest.mark.parametrize("kind", ["/dev/null", "/dev", "file"])
def test_port_that_can_never_work_is_refused(tmp_path: Path, kind: str) -> None:
    """What exists and is no serial device is a mistake in the configuration."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ReceiverError, match="it is not a serial device"):
        receiver_at(str(path) if kind == "file" else kind)


@pytest.mark.parametrize("port", ["/dev/there-is-none", "/dev/there-is-none*"])
def test_port_that_is_absent_is_waited_for(port: str) -> None:
    """A receiver that is not plugged in yet is gone, and tried again each second."""
    receiver = receiver_at(port)
    assert receiver.read(100.0) == []
    assert receiver.state is ReceiverState.GONE
    assert port in receiver.reason
    assert (receiver.fileno(), receiver.due_s()) == (None, 101.0)
    receiver.close()


@pytest.mark.parametrize("scheme", ["tcp", "socket"])
def test_server_is_read(server: TcpPlug, scheme: str) -> None:
    """A receiver behind TCP is read, through hanging up and calling again."""
    reading = Reading(receiver_at(f"{scheme}://127.0.0.1:{server.port}", 4800))
    reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    server.accept()
    server.say(instants(0, 2))
    heard(reading, 2)
    assert reading.receiver.reason == f"NMEA from 127.0.0.1:{server.port}"
    server.say(instants(2, 2))
    server.hang_up()
    reading.until(lambda: reading.receiver.state is ReceiverState.GONE, DEADLINE_S)
    assert "has closed the connection" in reading.receiver.reason
    took_s = reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    assert took_s < REOPENED_WITHIN_S
    server.accept()
    server.say(instants(4, 2))
    heard(reading, 6)
    reading.receiver.close()


def test_server_that_is_not_there_is_waited_for() -> None:
    """Nobody answers: the state says so, until somebody does."""
    port = unused_port()
    reading = Reading(receiver_at(f"tcp://localhost:{port}"))
    assert reading.receiver.state is ReceiverState.CONNECTING
    reading.until(lambda: reading.receiver.state is ReceiverState.GONE, DEADLINE_S)
    assert reading.receiver.reason == f"localhost:{port}: Connection refused"
    server = TcpPlug(port)
    reading.until(lambda: reading.receiver.fileno() is not None, REOPENED_WITHIN_S)
    server.accept()
    server.say(instants(0))
    heard(reading, 1)
    reading.receiver.close()
    server.pull()


def test_name_that_is_not_known_is_waited_for() -> None:
    """A name without an address is told, and does not hold up the loop."""
    reading = Reading(receiver_at("tcp://there-is-none.invalid:4001"))
    begin_s = time.monotonic()
    reading.receiver.read(begin_s)
    assert time.monotonic() - begin_s < 3.0
    reading.until(lambda: reading.receiver.state is ReceiverState.GONE, 60.0)
    assert reading.receiver.reason.startswith("there-is-none.invalid:4001: ")
    reading.receiver.close()


def test_receiver_is_closed_while_it_connects(server: TcpPlug) -> None:
    """A connection that nobody waits for any more is closed, not leaked."""
    receiver = receiver_at(f"tcp://127.0.0.1:{server.port}")
    receiver.read(0.0)
    receiver.close()
    client = server.accept()
    client.settimeout(DEADLINE_S)
    assert client.recv(1) == b""


def test_server_with_garbage_is_told(server: TcpPlug) -> None:
    """What is no language on a connection is told as that; there is no rate to try."""
    reading = Reading(receiver_at(f"tcp://127.0.0.1:{server.port}"))
    reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    server.accept()
    server.say(bytes(range(256)))
    reading.until(lambda: reading.receiver.state is ReceiverState.GARBAGE, DEADLINE_S)
    assert reading.receiver.reason == f"garbage from 127.0.0.1:{server.port}"
    server.say(instants(0))
    heard(reading, 1)
    reading.receiver.close()
