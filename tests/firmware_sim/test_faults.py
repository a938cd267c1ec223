"""What each fault does to the bytes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_firmware_sim.faults.chain import FaultChain
from milepost_firmware_sim.faults.language import read_fault
from milepost_firmware_sim.faults.port_faults import PortAction
from milepost_firmware_sim.faults.stage import PlayTimes
from milepost_firmware_sim.faults.uart import heard
from milepost_firmware_sim.faults.words import FAULT_WORDS, Level
from milepost_firmware_sim.replay.player import Player, start_at, start_recorded
from milepost_firmware_sim.replay.recording import Recording, parse
from milepost_firmware_sim.sentence import Checksum, find_sentence, position_of, stamp_of
from milepost_schemas.tracks.track import TrackPoint, distance_m
from tests.firmware_sim.drives import drive_files, gga, loaded, rmc, sentence

_BEGIN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC).timestamp()
_SENT = [
    line
    for second in range(60)
    for line in (
        rmc(f"1200{second:02}.00"),
        sentence("GPVTG,90.0,T,,M,10.0,N,18.5,K,A"),
        gga(f"1200{second:02}.00"),
        sentence("GPGSA,A,3,01,02,03,04,,,,,,,,,1.9,1.0,1.6"),
        sentence("GPGSV,1,1,02,01,40,083,46,02,17,308,41"),
        sentence(f"GPGLL,5130.0000,N,01030.0000,E,1200{second:02}.00,A,A"),
        sentence(f"GPZDA,1200{second:02}.00,05,01,2026,00,00"),
    )
]
_EPOCH = 7
_WORDS = [f"{one.word} {one.needs.value if one.needs else ''}" for one in FAULT_WORDS.values()]
_FIX_WORDS = [one.word for one in FAULT_WORDS.values() if one.level is Level.FIX]


def _recording(lines: list[bytes]) -> Recording:
    recording = parse(b"".join(lines))
    assert recording is not None
    return recording


def _played(
    recording: Recording,
    *faults: str,
    seed: int = 1,
    step_s: float | None = None,
    offset_s: int = 0,
) -> bytes:
    """Play to the end; with `step_s` the clock jumps by so much, else to what is due."""
    start = start_at(recording, recording.pace.origin_s + offset_s, _BEGIN)
    first_fix_s = recording.pace.origin_s + start.offset_s
    told = [read_fault(text, "test") for text in faults]
    chain = FaultChain(told, seed, PlayTimes(first_fix_s, recording.span_s))
    player = Player(recording, start, speed=1.0, loop=False, faults=chain)
    data, now_s = b"", start.begin_s
    while True:
        burst = player.step(now_s)
        data += burst.data
        if burst.due_s is None:
            return data
        now_s = burst.due_s if step_s is None else max(now_s + step_s, now_s)


def _lines(*faults: str, seed: int = 1) -> list[bytes]:
    return _played(_recording(_SENT), *faults, seed=seed).splitlines(keepends=True)


def _all_right(lines: list[bytes]) -> bool:
    found = [find_sentence(line) for line in lines]
    return all(one is not None and one.checksum is Checksum.RIGHT for one in found)


@given(
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4),
    st.integers(0, 5),
    st.sampled_from([0.3, 1.0, 7.7, 100.0]),
)
def test_faults_same_seed_same_bytes(words: list[str], seed: int, step_s: float) -> None:
    """What comes out hangs on faults and seed alone, however the clock goes."""
    faults = [f"at {5 * n}s for 20s: {word}" for n, word in enumerate(words)]
    faults = [text.replace(" for 20s", "") if "leap-second" in text else text for text in faults]
    recording = _recording(_SENT[:280])
    once = _played(recording, *faults, seed=seed)
    assert once == _played(recording, *faults, seed=seed, step_s=step_s)


@pytest.mark.parametrize("word", ["cut 30%", "drop 30%", "flip", "swap 30%", "binary 30%", "jump"])
def test_faults_other_seed_other_bytes(word: str) -> None:
    """Another seed chooses other lines, bytes and directions."""
    assert len({b"".join(_lines(word, seed=seed)) for seed in range(3)}) == 3


@pytest.mark.parametrize("word", _WORDS)
def test_faults_outside_their_window_change_nothing(word: str) -> None:
    """Before a fault begins, not a byte is different; leap seconds stay, others go again."""
    faults = f"at 20s for 10s: {word}" if "leap" not in word else f"at 20s: {word}"
    lines = _lines(faults)
    assert lines[: 20 * _EPOCH] == _SENT[: 20 * _EPOCH]
    if "leap" not in word:
        assert lines[-29 * _EPOCH :] == _SENT[-29 * _EPOCH :]


@pytest.mark.parametrize("word", _FIX_WORDS)
def test_faults_of_the_receiver_keep_checksums_right(word: str) -> None:
    """A receiver that errs writes right checksums, so that it is told from a bad line."""
    lines = _lines(word)
    assert _all_right(lines)
    # This van stands, so that a frozen position shows nothing.
    assert lines != _SENT or word == "freeze"


@given(st.lists(st.binary(max_size=40)), st.sampled_from(_WORDS))
def test_faults_any_bytes_pass_or_fall(parts: list[bytes], word: str) -> None:
    """No byte on the line stops the simulator, and the damaged stays as it is for the receiver."""
    recording = _recording([rmc("120000"), *parts, rmc("120001")])
    _played(recording, word)


def test_faults_do_not_mend_a_damaged_sentence() -> None:
    """A sentence with a wrong checksum is none of the receiver's faults."""
    damaged = rmc("120001").replace(b"5130", b"5131")
    recording = _recording([rmc("120000"), damaged, rmc("120002")])
    for word in _FIX_WORDS:
        assert damaged in _played(recording, word)


def test_outage_is_void_and_empty_with_a_clock() -> None:
    """In an outage no sentence has a fix, a place or a speed; each still has its time."""
    lines = _lines("at 10s for 5s: outage")[10 * _EPOCH : 15 * _EPOCH]
    assert lines[0].startswith(b"$GPRMC,120010.00,V,,,,,,,050126,,,N*")
    assert lines[1].startswith(b"$GPVTG,,T,,M,,N,,K,N*")
    assert lines[2].startswith(b"$GPGGA,120010.00,,,,,0,00,,,M,,M,,*")
    assert lines[3].startswith(b"$GPGSA,A,1,,,,,,,,,,,,,,,*")
    assert lines[4].startswith(b"$GPGSV,1,1,02,01,40,083,,02,17,308,*")
    assert lines[5].startswith(b"$GPGLL,,,,,120010.00,V,N*")
    assert lines[6] == _SENT[10 * _EPOCH + 6]


def test_void_keeps_the_place_and_takes_whole_epochs() -> None:
    """Void fixes carry their coordinates; an epoch is void in all its sentences or in none."""
    lines = _lines("void 40%")
    voided = [line.split(b",")[2] == b"V" for line in lines[::_EPOCH]]
    assert 10 < sum(voided) < 40
    for second, void in enumerate(voided):
        epoch = lines[second * _EPOCH : (second + 1) * _EPOCH]
        assert b",5130.0000,N,01030.0000,E," in epoch[0]
        assert (epoch[2].split(b",")[6] == b"0") is void
        assert (epoch[5].split(b",")[6] == b"V") is void


def _points(lines: list[bytes]) -> list[TrackPoint]:
    found = (find_sentence(line) for line in lines)
    places = (position_of(one) for one in found if one is not None)
    return [TrackPoint(0.0, one.lat_deg, one.lon_deg) for one in places if one is not None]


@pytest.mark.parametrize("metres", [3.0, 150.0, 20_000.0])
def test_jump_moves_all_positions_by_the_distance(metres: float) -> None:
    """Each position of the window is off by the distance, in one direction."""
    here = TrackPoint(0.0, 51.5, 10.5)
    for point in _points(_lines(f"jump {metres:g}m")):
        assert distance_m(here, point) == pytest.approx(metres, rel=0.01, abs=0.15)
    [east] = {point.lat_deg for point in _points(_lines(f"jump {metres:g}m east"))}
    assert east == 51.5


def test_freeze_holds_the_first_place_while_time_goes_on() -> None:
    """Positions of a moving van stand still; its times do not."""
    moving = [
        sentence(f"GPRMC,1200{n:02},A,51{n:02}.0000,N,01030.0000,E,10.0,90.0,050126,,,A")
        for n in range(20)
    ]
    frozen = _played(_recording(moving), "at 5s for 10s: freeze").splitlines()
    minutes = [int(line.split(b",")[3][2:4]) for line in frozen]
    assert minutes == [*range(5), *[5] * 10, *range(15, 20)]
    assert [line.split(b",")[1] for line in frozen] == [line.split(b",")[1] for line in moving]


def test_rollover_and_no_date_change_the_date_alone() -> None:
    """1024 weeks before 5 January 2026 was 22 May 2006; without a date its fields are empty."""
    lines = _lines("rollover")
    assert lines[0] == rmc("120000.00", "220506")
    assert lines[6].startswith(b"$GPZDA,120000.00,22,05,2006,")
    lines = _lines("no-date")
    assert lines[0].startswith(b"$GPRMC,120000.00,A,5130.0000,N,01030.0000,E,10.0,90.0,,,,A*")
    assert lines[6].startswith(b"$GPZDA,120000.00,,,,00,00*")


def test_cold_start_ticks_from_its_factory_date() -> None:
    """Void sentences with a stale clock come first, then fixes with the right one."""
    lines = _lines("for 30s: cold-start from 2013-09-01T10:00:00Z")
    assert lines[0].startswith(b"$GPRMC,100000.00,V,,,,,,,010913,,,N*")
    assert lines[29 * _EPOCH].startswith(b"$GPRMC,100029.00,V,,,,,,,010913,,,N*")
    assert lines[30 * _EPOCH] == _SENT[30 * _EPOCH]
    assert b",V,,,,,,,060180,,,N*" in _lines("cold-start")[0]


def test_leap_second_comes_at_midnight_and_stays() -> None:
    """At the end of the day the second 60 is inserted; all later times are one behind."""
    midnight_s = 12 * 3600 - 30
    data = _played(_recording(_SENT), "leap-second", offset_s=midnight_s)
    clocks = [line.split(b",")[1] + b" " + line.split(b",")[9] for line in data.splitlines()[::7]]
    assert clocks[29:32] == [b"235959.00 050126", b"235960.00 050126", b"000000.00 060126"]
    doubled = _played(_recording(_SENT), "leap-second doubled", offset_s=midnight_s)
    clocks = [line.split(b",")[1] for line in doubled.splitlines()[::7]]
    assert clocks[29:33] == [b"235959.00", b"000000.00", b"000000.00", b"000001.00"]


def test_leap_second_without_a_midnight_comes_at_once() -> None:
    """A play that passes no midnight has it where it was asked for."""
    clocks = [line.split(b",")[1] for line in _lines("at 10s: leap-second")[::_EPOCH]]
    assert clocks[9:12] == [b"120009.00", b"235960.00", b"120010.00"]


def test_doubled_second_repeats_whole_epochs() -> None:
    """Some epochs come twice, all their sentences, one after the other."""
    lines = _lines("at 10s for 1s: doubled-second")
    epoch = _SENT[10 * _EPOCH : 11 * _EPOCH]
    assert lines[10 * _EPOCH : 12 * _EPOCH] == epoch * 2
    assert len(lines) == len(_SENT) + _EPOCH


@pytest.mark.parametrize(
    ("word", "change"),
    [("drop 20%", -84), ("duplicate 20%", 84), ("glue 20%", -84)],
)
def test_line_faults_hit_their_share(word: str, change: int) -> None:
    """A fifth of the lines is hit, give or take what chance does."""
    assert len(_lines(word)) - len(_SENT) == pytest.approx(change, abs=35)


def test_faults_of_named_sentences_spare_the_others() -> None:
    """`of` names the sentences that are hit, by formatter or whole address."""
    assert [line for line in _SENT if b"GGA" not in line] == _lines("drop of GGA")
    assert _lines("drop of GNGGA") == _SENT


def test_swap_changes_the_order_alone() -> None:
    """Every line is still there; some stand behind the one that followed them."""
    lines = _lines("swap 30%")
    assert sorted(lines) == sorted(_SENT)
    assert lines != _SENT
    assert _lines("swap")[:4] == [_SENT[1], _SENT[0], _SENT[3], _SENT[2]]


def test_second_receiver_stands_between_the_lines_so_far_away() -> None:
    """Its sentences are right, of the same second, and 30 m off; ours are all there, in order."""
    lines = _lines("second-receiver 30m north sirf")
    added = [line for line in lines if line not in _SENT]
    assert _all_right(added)
    assert [line for line in lines if line in _SENT] == _SENT
    here = TrackPoint(0.0, 51.5, 10.5)
    for point in _points(added):
        assert distance_m(here, point) == pytest.approx(30.0, abs=0.2)
    stamps = [stamp_of(one) for line in added if (one := find_sentence(line))]
    assert {one.second_of_day for one in stamps if one} == {43_200.0 + n for n in range(60)}
    assert lines[0] in _SENT
    assert lines[1] in added


def test_binary_frames_are_right_ubx() -> None:
    """Each frame has its length and its checksum; without them the bytes are the log's."""
    data = b"".join(_lines("binary 50%"))
    frames, rest, at = 0, b"", 0
    while (found := data.find(b"\xb5\x62", at)) >= 0:
        rest += data[at:found]
        size = int.from_bytes(data[found + 4 : found + 6], "little")
        body = data[found + 2 : found + 6 + size]
        one = other = 0
        for byte in body:
            one, other = (one + byte) % 256, (other + one + byte) % 256
        assert data[found + 6 + size : found + 8 + size] == bytes((one, other))
        at, frames = found + 8 + size, frames + 1
    assert rest + data[at:] == b"".join(_SENT)
    assert frames == pytest.approx(len(_SENT) / 2, abs=40)


def test_cut_glue_and_no_checksum_damage_lines() -> None:
    """A cut line is a beginning of it and its end; a glued one has none; a bare one no checksum."""
    for line, whole in zip(_lines("cut"), _SENT, strict=True):
        assert whole.startswith(line[:-2])
        assert line.endswith(b"\r\n")
        assert len(line) < len(whole)
    assert b"".join(_lines("glue")) == b"".join(line[:-2] for line in _SENT)
    assert _lines("no-checksum") == [re.sub(rb"\*..", b"", line) for line in _SENT]


def test_flip_changes_one_bit_in_its_share_of_bytes() -> None:
    """One byte in a hundred has one bit changed; no byte is lost."""
    before, after = b"".join(_SENT), b"".join(_lines("flip 1%"))
    assert len(before) == len(after)
    changed = [(one ^ other).bit_count() for one, other in zip(before, after, strict=True)]
    assert set(changed) == {0, 1}
    assert sum(changed) == pytest.approx(len(before) / 100, rel=0.3)
    everywhere = b"".join(_lines("flip 100%"))
    assert all(one != other for one, other in zip(before, everywhere, strict=True))


@given(st.binary(max_size=200), st.sampled_from([4800, 9600, 115_200]))
def test_heard_at_the_same_rate_is_what_was_sent(data: bytes, baud: int) -> None:
    """At the right rate, and within what clocks are off, every byte arrives."""
    assert heard(data, baud, baud) == data
    assert heard(data, baud * 100, baud * 102) == data
    assert heard(data, baud * 100, baud * 98) == data


def test_heard_at_another_rate_is_garbage_of_another_length() -> None:
    """A slow reader hears fewer bytes than were sent, a fast one more, and no sentence."""
    data = b"".join(_SENT[:20])
    assert len(heard(data, 9600, 4800)) < 0.7 * len(data)
    assert len(heard(data, 4800, 9600)) > len(data)
    for sent, read in ((9600, 4800), (4800, 9600), (38_400, 9600), (9600, 115_200)):
        assert parse(heard(data, sent, read)) is None


def _edges(*faults: str) -> list[tuple[float, PortAction]]:
    recording = _recording(_SENT)
    told = [read_fault(text, "test") for text in faults]
    chain = FaultChain(told, 1, PlayTimes(recording.pace.origin_s, recording.span_s))
    player = Player(recording, start_recorded(_BEGIN), speed=1.0, loop=False, faults=chain)
    found, now_s = [], _BEGIN
    while True:
        burst = player.step(now_s)
        if burst.action is not None:
            found.append((now_s - _BEGIN, burst.action))
        if burst.due_s is None:
            return found
        now_s = burst.due_s


def test_unplug_acts_on_the_port_when_its_time_comes() -> None:
    """The port goes and comes at the moments said, also between two epochs; overlaps are one."""
    assert _edges("every 20s for 2.5s: unplug") == [
        (20.0, PortAction.UNPLUG), (22.5, PortAction.PLUG),
        (40.0, PortAction.UNPLUG), (42.5, PortAction.PLUG),
    ]  # fmt: skip
    assert _edges("at 10s for 10s: unplug", "at 15s for 10s: unplug") == [
        (10.0, PortAction.UNPLUG), (25.0, PortAction.PLUG),
    ]  # fmt: skip


def test_silence_and_unplug_lose_what_was_said() -> None:
    """What the receiver says while it is silent or pulled out never comes."""
    rest = _SENT[: 10 * _EPOCH] + _SENT[20 * _EPOCH :]
    assert _lines("at 10s for 10s: silence") == rest
    assert _lines("at 10s for 10s: unplug") == rest


def test_stuck_gives_back_what_the_driver_kept() -> None:
    """After the port was stuck, the first 4096 bytes of the time come at once."""
    sent = b"".join(_SENT)
    assert b"".join(_lines("at 10s for 5s: stuck")) == sent
    lost = b"".join(_lines("at 10s for 30s: stuck"))
    begin, end = len(b"".join(_SENT[: 10 * _EPOCH])), len(b"".join(_SENT[40 * _EPOCH :]))
    assert lost == sent[: begin + 4096] + sent[-end:]


def test_faults_are_counted_each_for_itself() -> None:
    """The chain tells how often each fault came, in the order in which they were asked for."""
    told = [read_fault(text, "") for text in ("at 2h: cut", "at 10s for 2s: outage", "drop of RMC")]
    recording = _recording(_SENT)
    chain = FaultChain(told, 1, PlayTimes(recording.pace.origin_s, recording.span_s))
    player = Player(recording, start_recorded(_BEGIN), speed=1e9, loop=False, faults=chain)
    while player.step(_BEGIN + 1.0).due_s is not None:
        pass
    assert [(one.fault, one.count) for one in chain.hits()] == [
        ("at 2h: cut", 0), ("at 10s for 2s: outage", 2), ("drop of RMC", 60),
    ]  # fmt: skip


@pytest.mark.parametrize("file", drive_files())
@pytest.mark.parametrize("word", ["outage", "jump", "rollover", "cold-start", "leap-second"])
def test_faults_of_recorded_receivers_keep_checksums_as_they_were(file: Path, word: str) -> None:
    """On real drives, too, no right sentence becomes wrong, nor a wrong one right."""
    recording = loaded(file)
    pieces = list(recording.pieces[:1000])
    short = _recording(pieces)
    data = _played(short, word)
    again = parse(data)
    assert again is not None
    assert again.facts.sentences == short.facts.sentences
    assert again.facts.checksum_errors == short.facts.checksum_errors
    judge: Callable[[Recording], bool] = {
        "outage": lambda one: not one.track,
        "cold-start": lambda one: not one.track,
    }.get(word, lambda one: bool(one.track) == bool(short.track))
    assert judge(again)
