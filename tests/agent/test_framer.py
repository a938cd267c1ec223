"""Finding sentences in bytes: the same however the bytes come, and nothing without its checksum."""

import gzip
import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_schemas.nmea import framer as framing
from milepost_schemas.nmea.framer import MAX_SENTENCE_BYTES, Framer, Reject
from tests.agent.line import RECORDED, checksum, gga, needs_recorded, rmc, sentence

NOISE = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [b"\r\n", b"\n", b"\r\r\n", b"$", b"*", b"$GP", b"$GPRMC,12", b"*4F", b"\0\xff"]
    ),
    st.just(b"$GPRMC," + b"1" * 300),
)
SOUND = st.builds(
    sentence,
    st.sampled_from([rmc(), gga(), "GPGSA,A,3,,,,,,,,,,,,,1,1,1", "PGRME,1,2,3", "GPTXT,a.b"]),
    st.sampled_from([b"\r\n", b"", b"\r\n\n", b"\n"]),
)


def found(*chunks: bytes) -> list[str]:
    """Return what a framer finds in chunks."""
    framer = Framer()
    return [body.decode() for chunk in chunks for body in framer.feed(chunk)]


@given(
    st.lists(NOISE | SOUND, max_size=12).map(b"".join), st.lists(st.integers(0, 3000), max_size=8)
)
@settings(max_examples=600, deadline=None)
def test_sentences_are_the_same_at_any_cut(data: bytes, cuts: list[int]) -> None:
    """However the bytes are cut on their way, the sentences and the refusals are the same."""
    whole, pieces, bytewise = Framer(), Framer(), Framer()
    expected = list(whole.feed(data))
    borders = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    chunks = [data[a:b] for a, b in pairwise(borders)]
    assert [body for chunk in chunks for body in pieces.feed(chunk)] == expected
    assert [body for byte in data for body in bytewise.feed(bytes([byte]))] == expected
    assert (pieces.sentences, pieces.rejects) == (whole.sentences, whole.rejects)
    assert (bytewise.sentences, bytewise.rejects) == (whole.sentences, whole.rejects)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sentence(rmc()) + sentence(gga()), id="line_ends"),
        pytest.param(sentence(rmc(), b"\r\n\n") + sentence(gga(), b"\r\n\n"), id="cr_lf_lf"),
        pytest.param(sentence(rmc(), b"") + sentence(gga(), b""), id="no_line_ends"),
        pytest.param(
            b"\xb5\x62\x01\x07\0$" + sentence(rmc()) + b"\xff" + sentence(gga()), id="ubx"
        ),
        pytest.param(
            b'RECEIVED: "' + sentence(rmc()) + b"12:00:01> " + sentence(gga()), id="prefix"
        ),
        pytest.param(b"PRMC,1,2*33\r\n" + sentence(rmc()) + sentence(gga()), id="begins_in_a_tail"),
        pytest.param(sentence(rmc())[:40] + sentence(rmc()) + sentence(gga()), id="cut_and_glued"),
        pytest.param(
            sentence(rmc()) + b"$GPGGA,12" + sentence(gga()) + b"$GPRMC", id="begun_twice"
        ),
        pytest.param(sentence(rmc()).lower().upper() + sentence(gga()), id="upper_case"),
        pytest.param(b"$$" + sentence(rmc()) + b"**" + sentence(gga()), id="stray_marks"),
    ],
)
def test_both_sentences_are_found_in_a_line_that_is(data: bytes) -> None:
    """Whatever stands around them, two sound sentences are found, in order, and nothing else."""
    assert found(data) == [rmc(), gga()]


def test_checksum_may_be_written_in_lower_case() -> None:
    """Some receivers write hexadecimal digits small."""
    assert found(b"$GPTXT,01,02*4c", b"$GPTXT,01,02*4C") == ["GPTXT,01,02"] * 2


@given(st.integers(1, len(rmc())), st.characters(codec="ascii", exclude_characters="$*"))
def test_sentence_with_a_changed_character_is_not_found(at: int, character: str) -> None:
    """One wrong character anywhere between `$` and `*` costs the sentence."""
    data = bytearray(sentence(rmc()))
    if data[at] == ord(character):
        return
    data[at : at + 1] = character.encode()
    framer = Framer()
    assert list(framer.feed(bytes(data))) == []
    assert framer.sentences == 0
    assert framer.rejects.total() <= 1


@given(st.binary(max_size=256))
def test_checksum_is_the_exclusive_or_of_all_bytes(body: bytes) -> None:
    """Folding a sentence as one long number gives what byte after byte gives."""
    assert framing.checksum(body) == checksum(body)


@pytest.mark.parametrize(
    ("data", "rejects"),
    [
        pytest.param(b"$GPRMC,12*00\r\n", {Reject.CHECKSUM: 1}, id="wrong"),
        pytest.param(b"$GPRMC,12\r\n$GPGGA,1", {Reject.CUT: 1}, id="none_written"),
        pytest.param(b"$GPRMC,12$GPGGA,1$", {Reject.CUT: 2}, id="cut_twice"),
        pytest.param(b"$" + b"x" * 300, {Reject.CUT: 1}, id="without_end"),
        pytest.param(b"noise * 12 \xff", {}, id="no_beginning"),
    ],
)
def test_what_begins_like_a_sentence_and_is_none_is_counted(
    data: bytes, rejects: dict[Reject, int]
) -> None:
    """Wrong checksums, and beginnings without one, are counted apart; noise is not."""
    framer = Framer()
    assert list(framer.feed(data)) == []
    assert framer.rejects == rejects


@given(st.lists(NOISE, max_size=20).map(b"".join))
@settings(max_examples=300)
def test_nothing_is_found_that_has_no_right_checksum(data: bytes) -> None:
    """Whatever is found stands in the bytes, between `$` and a checksum that is right."""
    for body in found(data):
        raw = body.encode()
        assert b"$%b*%02X" % (raw, checksum(raw)) in data.upper() or raw in data


@pytest.mark.parametrize(
    "data", [b"$GPRMC,121500.00", b"$GPRMC,121500.00*", b"GPRMC,1,2,3*00", b""]
)
def test_nothing_is_found_in_half_a_sentence(data: bytes) -> None:
    """A sentence is neither read nor counted before it is whole."""
    framer = Framer()
    assert list(framer.feed(data)) == []
    assert framer.rejects.total() == 0


@pytest.mark.parametrize(
    "line", [b"$GPRMC" + b"," * 10**6, b"$" * 10**6, b"\0" * 10**6, b"$A" * 10**6]
)
def test_line_of_a_megabyte_takes_no_memory(line: bytes) -> None:
    """A line without end is forgotten as it comes, and the sentence behind it is found."""
    framer = Framer()
    tracemalloc.start()
    try:
        for at in range(0, len(line), 4096):
            assert list(framer.feed(line[at : at + 4096])) == []
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 * 1024
    assert [body.decode() for body in framer.feed(sentence(rmc()))] == [rmc()]


def test_sentence_longer_than_any_receiver_writes_is_not_found() -> None:
    """The longest sentence is 256 bytes; a longer one is skipped, whatever its checksum."""
    fits = "GPTXT," + "x" * (MAX_SENTENCE_BYTES - 11)
    assert found(sentence(fits)) == [fits]
    assert found(sentence(fits + "x" * 2)) == []


@needs_recorded
def test_sentences_are_found_in_a_damaged_serial_line() -> None:
    """Of a recorded line with overruns and no line ends, the sound sentences are found.

    The manifest counts 33 runs of bytes whose checksum is right; in 5 of them that is chance:
    they hold control characters or bytes above 127, which no sentence does. We read 28.
    """
    data = gzip.decompress((RECORDED / "corrupt/softserial_overrun.bin.gz").read_bytes())
    right = [
        body
        for body, written in re.findall(rb"\$([^$*]{4,})\*([0-9A-Fa-f]{2})", data)
        if checksum(body) == int(written, 16)
    ]
    by_chance = [body for body in right if re.search(rb"[^ -~]", body)]
    assert found(data) == [body.decode() for body in right if body not in by_chance]
    assert len(found(data)) == 28
