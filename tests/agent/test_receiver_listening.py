"""Listening: what a line speaks, at which rate, and what is done while nothing is understood."""

import random
from functools import reduce

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from milepost_agent.receiver import Receiver, ReceiverError, ReceiverState, serial_link
from milepost_agent.receiver.address import SerialAddress, SocketAddress, parse_port
from milepost_agent.receiver.link import LinkError
from milepost_agent.receiver.listening import (
    BAUDS,
    HEARD_BYTES,
    TRY_S,
    RateSearch,
    Speech,
    judge,
)
from milepost_agent.receiver.watch import LONGEST_SILENT_S, SILENT_S, Step, Watch
from tests.agent.line import gga, rmc
from tests.agent.receivers import Uart, instants, receiver_at

NOISE = random.Random(7).randbytes(4096)


def ubx(size: int = 92) -> bytes:
    """Return a frame as u-blox sends for NAV-PVT."""
    body = b"\x01\x07" + size.to_bytes(2, "little") + bytes(n % 256 for n in range(size))
    first, second = reduce(
        lambda sums, byte: ((sums[0] + byte) & 255, (sums[1] + sums[0] + byte) & 255), body, (0, 0)
    )
    return b"\xb5\x62" + body + bytes((first, second))


# A frame 2 of the SiRF manual's chapter 2, and a message 1005 of the RTCM 3 standard's example.
SIRF = bytes.fromhex("a0a20002840000 84b0b3".replace(" ", ""))
RTCM = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")


@pytest.mark.parametrize(
    ("data", "speech"),
    [
        (ubx(), Speech.UBX),
        (NOISE[:50] + ubx(8) + NOISE[:9], Speech.UBX),
        (SIRF, Speech.SIRF),
        (b"\xd3" + RTCM, Speech.RTCM),
        (b'{"class":"VERSION","release":"3.22"}\r\n', Speech.GPSD),
        (f"${rmc()}\r\n${gga()}\r\n".encode(), Speech.UNCHECKED),
        (NOISE[:200], Speech.GARBAGE),
        (bytes(200), Speech.GARBAGE),
        (b"login: " * 400, Speech.GARBAGE),
    ],
)
def test_judge_knows_what_is_spoken(data: bytes, speech: Speech) -> None:
    """Protocols are known by their own checksums, a wrong rate by bytes that are no text."""
    assert judge(data) is speech


@pytest.mark.parametrize(
    "data", [b"", ubx()[:99], NOISE[:100], b"$GPRMC,1215", SIRF[:-1], RTCM[:-1], b"hello" * 100]
)
def test_judge_waits_until_it_can_tell(data: bytes) -> None:
    """The beginning of a frame, a little noise and some text are not judged yet."""
    assert judge(data) is None


def test_judge_waits_for_the_end_of_a_long_frame() -> None:
    """A binary frame longer than the noise that is enough to judge is not taken for noise."""
    frame = ubx(900)
    assert judge(frame[:500]) is None
    assert judge(frame) is Speech.UBX


@given(st.binary(min_size=HEARD_BYTES, max_size=HEARD_BYTES))
def test_judge_always_comes_to_a_verdict(data: bytes) -> None:
    """Whatever comes, as many bytes as are kept are enough to tell something."""
    assert judge(data) is not None


def test_search_tries_all_rates_for_ever() -> None:
    """Each rate comes once in a round, the rounds do not end and take longer, up to a limit."""
    search = RateSearch(BAUDS)
    for _round in range(5):
        tried = []
        for _try in BAUDS:
            tried.append(search.baud)
            assert search.next() == (len(tried) == len(BAUDS))
        assert sorted(tried) == sorted(BAUDS)
        assert not search.is_over
    assert TRY_S < search.try_s <= 6.0


def test_search_begins_with_the_last_good_rate() -> None:
    """The rate at which sentences came is the first one of the next search."""
    search = RateSearch(BAUDS)
    while search.baud != 38400:
        search.next()
    search.found()
    assert (search.is_over, search.try_s) == (True, TRY_S)
    assert search.baud == 38400
    tried = {search.baud}
    while not search.next():
        tried.add(search.baud)
    assert search.baud == 38400
    assert tried == set(BAUDS)


def test_search_of_one_rate_is_over() -> None:
    """A configured rate is used as it is."""
    search = RateSearch((9600,))
    assert (search.is_over, search.is_fixed, search.next(), search.baud) == (True, True, True, 9600)


class Van:
    """A receiver on a simulated serial device, and the loop that reads it in simulated time."""

    def __init__(self, uart: Uart, monkeypatch: pytest.MonkeyPatch, baud: int = 0) -> None:
        monkeypatch.setattr(serial, "Serial", uart)
        monkeypatch.setattr(serial_link.SerialLink, "is_renamed", lambda _: False)
        self.uart = uart
        self.receiver: Receiver = receiver_at("/dev/simulated", baud)
        self.fixes = 0

    def run(self, until_s: float, *, stop_at: ReceiverState | None = None) -> float:
        """Read until a moment or a state; return when that was."""
        while self.uart.now_s < until_s and self.receiver.state is not stop_at:
            self.uart.now_s += 0.05
            self.fixes += len(self.receiver.read(self.uart.now_s))
        return self.uart.now_s


def spoken(uart: Uart, baud: int, seconds: range) -> None:
    """Let a receiver say its instants, each at its second."""
    for second in seconds:
        uart.send(instants(second), baud, float(second) + 0.3)


@pytest.mark.parametrize("baud", BAUDS)
def test_rate_is_found_by_listening(baud: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever rate a receiver speaks, its sentences are found within a round of tries."""
    uart = Uart()
    spoken(uart, baud, range(20))
    van = Van(uart, monkeypatch)
    found_s = van.run(20.0, stop_at=ReceiverState.RECEIVING)
    assert van.receiver.reason == f"NMEA at {baud} baud from /dev/simulated"
    assert uart.rates[-1] == baud
    assert found_s < TRY_S * (BAUDS.index(baud) + 1) + 0.3
    van.run(20.0)
    assert van.fixes >= 20 - found_s - 2


def test_garbage_tells_a_wrong_rate_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that speaks much is not heard to the end of a try at a wrong rate."""
    uart = Uart()
    for tenth in range(100):
        uart.send(instants(tenth, 3), 38400, tenth / 10)
    van = Van(uart, monkeypatch)
    assert van.run(20.0, stop_at=ReceiverState.RECEIVING) < 1.5
    assert uart.rates == [9600, 115200, 38400]


def test_rate_that_changes_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that falls back to its own rate, after a brown-out, is heard again."""
    uart = Uart()
    spoken(uart, 115200, range(10))
    spoken(uart, 4800, range(10, 40))
    van = Van(uart, monkeypatch)
    van.run(10.0)
    assert van.receiver.reason.startswith("NMEA at 115200")
    lost_s = van.run(20.0, stop_at=ReceiverState.GARBAGE)
    assert 10 + SILENT_S - 1 < lost_s < 10 + SILENT_S + 1
    back_s = van.run(40.0, stop_at=ReceiverState.RECEIVING)
    assert van.receiver.reason.startswith("NMEA at 4800")
    assert back_s < lost_s + len(BAUDS) * TRY_S


def test_search_never_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that begins to speak after a minute of silence is heard like any other."""
    uart = Uart()
    spoken(uart, 57600, range(60, 110))
    van = Van(uart, monkeypatch)
    van.run(60.0)
    assert van.receiver.state is ReceiverState.SILENT
    assert van.run(110.0, stop_at=ReceiverState.RECEIVING) < 105
    assert set(uart.rates) == set(BAUDS)


def test_receiver_that_speaks_each_five_seconds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries grow longer with each vain round, until a seldom word falls into the right one."""
    uart = Uart()
    for second in range(0, 300, 5):
        uart.send(instants(second), 19200, float(second))
    van = Van(uart, monkeypatch)
    van.run(300.0, stop_at=ReceiverState.RECEIVING)
    assert van.receiver.reason.startswith("NMEA at 19200")


def test_rate_that_the_device_does_not_have_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device without a rate is listened to at the others."""
    uart = Uart(missing=115200)
    spoken(uart, 38400, range(30))
    van = Van(uart, monkeypatch)
    van.run(30.0, stop_at=ReceiverState.RECEIVING)
    assert van.receiver.reason.startswith("NMEA at 38400")


def test_configured_rate_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes at a wrong configured rate is told as garbage at that rate, and nothing tried."""
    uart = Uart()
    spoken(uart, 38400, range(20))
    van = Van(uart, monkeypatch, baud=9600)
    van.run(20.0)
    assert van.receiver.state is ReceiverState.GARBAGE
    assert van.receiver.reason == "garbage at 9600 baud from /dev/simulated"
    assert set(uart.rates) == {9600}


@pytest.mark.parametrize("baud", [0, 38400])
def test_binary_is_named(baud: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that speaks u-blox binary is told so, and the right rate is kept."""
    uart = Uart()
    for second in range(20):
        uart.send(ubx() + ubx(40), 38400, second + 0.5)
    van = Van(uart, monkeypatch, baud)
    van.run(20.0)
    assert van.receiver.state is ReceiverState.FOREIGN
    assert van.receiver.reason == "/dev/simulated speaks UBX binary at 38400 baud, and not NMEA"
    assert uart.rates[-1] == 38400


def test_binary_between_sentences_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that speaks both is understood."""
    uart = Uart()
    for second in range(10):
        uart.send(ubx() + instants(second) + ubx(40), 9600, float(second))
    van = Van(uart, monkeypatch)
    van.run(10.0)
    assert van.receiver.state is ReceiverState.RECEIVING
    assert van.fixes >= 9


def watch_of(bauds: tuple[int, ...] = (0,)) -> Watch:
    """Return a watch over a link that was opened at 0 s."""
    watch = Watch(RateSearch(bauds))
    watch.opened("van:1", 0.0, sentences=0)
    return watch


def told(watch: Watch) -> tuple[ReceiverState, str]:
    """Return what a watch says."""
    return watch.state, watch.reason


def test_watch_reopens_what_is_silent() -> None:
    """After some silence the link is to be opened anew, and the state tells why until it speaks."""
    watch = watch_of()
    assert told(watch) == (ReceiverState.OPEN, "van:1 is open; nothing heard yet")
    assert (watch.due_s(), watch.tick(SILENT_S - 0.1)) == (SILENT_S, None)
    assert watch.tick(SILENT_S) is Step.REOPEN
    watch.opened("van:1", SILENT_S, sentences=0)
    assert told(watch) == (ReceiverState.SILENT, "van:1 is open and says nothing")
    watch.heard(b"$", 1, SILENT_S + 1)
    assert told(watch) == (ReceiverState.RECEIVING, "NMEA from van:1")


def test_watch_tells_that_a_silent_link_speaks_again() -> None:
    """Bytes that cannot be judged yet are no silence any more."""
    watch = watch_of()
    watch.tick(SILENT_S)
    watch.opened("van:1", SILENT_S, sentences=0)
    assert watch.heard(b"$GP", 0, SILENT_S + 1) is None
    assert told(watch) == (ReceiverState.LISTENING, "listening to van:1")


def test_watch_ends_a_try_also_while_bytes_come() -> None:
    """A rate at which text comes, and no sentence, is left when its try is over."""
    watch = watch_of(BAUDS)
    assert watch.heard(b"not a sentence", 0, TRY_S - 0.1) is None
    assert watch.heard(b"not a sentence", 0, TRY_S) is Step.SET_BAUD
    assert told(watch)[1] == "listening at 115200 baud to van:1; no sentence at 9600"


def test_watch_goes_on_with_its_tries_when_a_silent_link_is_opened_anew() -> None:
    """Tries that have grown longer than the silence that is borne still come to their end."""
    watch = watch_of(BAUDS)
    now_s, tried = 0.0, []
    while now_s < 600.0:
        now_s = max(now_s, watch.due_s())
        if watch.tick(now_s) is Step.REOPEN:
            watch.opened("van:1", now_s, sentences=0)
        tried.append(watch.baud)
        now_s += 0.01
    assert set(tried[-50:]) == set(BAUDS)


@pytest.mark.parametrize("period_s", [5.0, 7.0])
def test_watch_learns_how_seldom_a_receiver_speaks(period_s: float) -> None:
    """A receiver with pauses of its own is not silent in them, but never longer than 10 s."""
    watch = watch_of()
    watch.heard(b"$", 1, 0.0)
    watch.heard(b"$", 2, period_s)
    assert watch.tick(2 * period_s) is None
    assert watch.due_s() <= period_s + LONGEST_SILENT_S
    assert watch.tick(watch.due_s()) is Step.REOPEN


def test_watch_tells_when_sentences_end_in_garbage() -> None:
    """What was understood and is no more is garbage, after some time of it."""
    watch = watch_of()
    watch.heard(b"$", 1, 0.0)
    for tenth in range(1, 40):
        assert watch.heard(NOISE[:50], 1, tenth / 10) is None
        assert told(watch)[0] is ReceiverState.RECEIVING
    watch.heard(NOISE[:50], 1, SILENT_S)
    assert told(watch) == (ReceiverState.GARBAGE, "no sentence any more from van:1")
    watch.heard(b"$", 2, SILENT_S + 1)
    assert told(watch)[0] is ReceiverState.RECEIVING


def test_watch_goes_to_the_next_device_when_one_is_vain() -> None:
    """Garbage at all rates, or another language for long, asks for another device of the name."""
    watch = watch_of((9600, 4800))
    assert watch.heard(NOISE[:200], 0, 0.1) is Step.SET_BAUD
    assert watch.heard(NOISE[:200], 0, 0.2) is Step.NEXT_DEVICE
    watch = watch_of((9600,))
    assert watch.heard(ubx(), 0, 0.1) is None
    assert watch.heard(ubx(), 0, SILENT_S) is Step.NEXT_DEVICE


def test_watch_does_not_take_the_greeting_of_gpsd_for_a_receiver() -> None:
    """A gpsd that reports nothing is silent, and said to have no receiver."""
    watch = watch_of()
    assert watch.heard(b'{"class":"VERSION"}\n', 0, 0.1) is Step.ASK_GPSD
    watch.found_gpsd(0)
    assert watch.heard(b'{"class":"DEVICES"}\n', 0, 3.0) is None
    assert watch.tick(0.1 + SILENT_S) is Step.REOPEN
    assert watch.reason == "gpsd at van:1 reports nothing; it may have no receiver"


def test_watch_keeps_telling_what_is_wrong_while_it_is_opened_again() -> None:
    """A link that is gone stays gone in the state until it is open."""
    watch = watch_of()
    watch.failed(LinkError(ReceiverState.BUSY, "another program has it open"))
    watch.connecting()
    assert told(watch) == (ReceiverState.BUSY, "another program has it open")
    watch.opened("van:1", 1.0, sentences=0)
    assert told(watch)[0] is ReceiverState.OPEN


@given(
    st.lists(
        st.tuples(st.binary(max_size=300), st.integers(0, 1), st.floats(0.001, 12)), max_size=60
    )
)
def test_watch_always_has_something_to_wait_for(events: list[tuple[bytes, int, float]]) -> None:
    """Whatever comes, nothing raises, the rate is a known one, and no wait is above 10 s."""
    watch = watch_of(BAUDS)
    now_s, sentences = 0.0, 0
    for data, more, after_s in events:
        now_s += min(after_s, max(watch.due_s() - now_s, 0.0))
        sentences += more
        step = watch.heard(data, sentences, now_s) if data else watch.tick(now_s)
        if step is Step.REOPEN:
            watch.opened("van:1", now_s, sentences=sentences)
        assert watch.baud in BAUDS
        assert watch.due_s() <= now_s + LONGEST_SILENT_S


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/dev/ttyUSB0", SerialAddress("/dev/ttyUSB0")),
        ("/dev/serial/by-id/usb-*", SerialAddress("/dev/serial/by-id/usb-*")),
        ("tcp://box:4001", SocketAddress("box", 4001)),
        ("socket://127.0.0.1:4001", SocketAddress("127.0.0.1", 4001)),
        ("tcp://[::1]:4001", SocketAddress("::1", 4001)),
        ("gpsd://box", SocketAddress("box", 2947, is_gpsd=True)),
        ("gpsd://box:2000/", SocketAddress("box", 2000, is_gpsd=True)),
        ("gpsd://box/dev/gps1", SocketAddress("box", 2947, is_gpsd=True, device="/dev/gps1")),
    ],
)
def test_port_names_a_device_or_a_server(text: str, address: SerialAddress | SocketAddress) -> None:
    """Paths, patterns and addresses are told apart."""
    assert parse_port(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "a\0b", "bogus://x", "tcp://", "tcp://box", "tcp://:1", "tcp://box:0", "tcp://box:x"),
        *(
            "tcp://box:70000",
            "tcp://box:1/dev/gps",
            "tcp://u@box:1",
            "tcp://a..b:1",
            "tcp://[::1:1",
        ),
        *("gpsd://", "gpsd://box:1?x=1", "tcp://box:1#x"),
    ],
)
def test_port_that_can_be_nothing_is_refused(text: str) -> None:
    """An address that no receiver can have is an error that names it."""
    with pytest.raises(ReceiverError, match="receiver port"):
        parse_port(text)
