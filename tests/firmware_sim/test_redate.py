"""Moving the times of a recording."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_firmware_sim.replay.redate import redate
from milepost_firmware_sim.sentence import Checksum, find_sentence, stamp_of
from tests.firmware_sim.drives import gga, rmc, sentence

_INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001
_OFFSETS = st.integers(-10 * 366 * 86_400, 10 * 366 * 86_400)
_DECIMALS = st.integers(0, 4)


def _clock(at: datetime, decimals: int) -> str:
    fraction = f".{at.microsecond:06}"[: decimals + 1] if decimals else ""
    return f"{at:%H%M%S}{fraction}"


def _dated_bodies(at: datetime, decimals: int) -> list[str]:
    clock = _clock(at, decimals)
    tail = "A,5130.0000,N,01030.0000,E,10.0,90.0"
    return [
        f"GPRMC,{clock},{tail},{at:%d%m%y},,,A",
        f"GNRMC,{clock},{tail},{at:%Y%m%d},,,D,V",
        f"GPZDA,{clock},{at:%d,%m,%Y},00,00",
        f"PUBX,04,{clock},{at:%d%m%y},120000.00,2000,18,0,0,21",
    ]


@given(_INSTANTS, _OFFSETS, _DECIMALS)
def test_redate_dated_sentences_move_by_exactly_the_offset(
    at: datetime, offset_s: int, decimals: int
) -> None:
    """Dates of all forms and times of all resolutions move by the offset and keep their form."""
    moved = at + timedelta(seconds=offset_s)
    for before, after in zip(
        _dated_bodies(at, decimals), _dated_bodies(moved, decimals), strict=True
    ):
        assert redate(sentence(before), offset_s) == sentence(after)


@given(_INSTANTS, _OFFSETS, _DECIMALS)
def test_redate_undated_sentences_move_around_the_clock(
    at: datetime, offset_s: int, decimals: int
) -> None:
    """Sentences with a time of day alone move by the offset too, for any talker."""
    moved = at + timedelta(seconds=offset_s)
    for form in (
        "GPGGA,{},5130.0,N,01030.0,E,1,08,1.0,200.0,M,46.0,M,,",
        "GNGLL,5130.0,N,01030.0,E,{},A,A",
        "GNGNS,{},5130.0,N,01030.0,E,AANN,08,1.0,200.0,46.0,,",
        "GPGST,{},11,,,,0.70,0.49,1.1",
        "GPGBS,{},0.7,0.5,1.1,02,,30.9,12.6",
    ):
        before = sentence(form.format(_clock(at, decimals)))
        assert redate(before, offset_s) == sentence(form.format(_clock(moved, decimals)))


@given(st.binary(max_size=120), _OFFSETS)
def test_redate_any_bytes_without_a_right_checksum_stay(piece: bytes, offset_s: int) -> None:
    """What is no sentence with a right checksum passes byte for byte."""
    found = find_sentence(piece)
    if found is None or found.checksum is not Checksum.RIGHT:
        assert redate(piece, offset_s) == piece


@pytest.mark.parametrize(
    "piece",
    [
        rmc("120000.00").replace(b"*", b"*0", 1)[:-3] + b"\r\n",
        b"$GPRMC,120000.00,A,5130.0000,N,01030.0000,E,10.0,90.0,050126,,,A\r\n",
        b"$GPRMC,120000.00,A,5130.0\r\n",
        sentence("GPRMC,,V,,,,,,,,,,N"),
        sentence("GPGGA,,,,,,0,00,99.99,,,,,,"),
        sentence("GPRMC,256199.00,V,,,,,,,,,,N"),
        sentence("GPGSV,3,1,12,28,14,150,41,09,15,254,41"),
        sentence("GPTXT,01,01,02,120000.00"),
        sentence("PSRFTXT,TOW:  557894"),
        b"\x00\xff\xfe$$$*\r\n",
        b"\r\n",
    ],
)
def test_redate_sentences_without_a_time_stay(piece: bytes) -> None:
    """Damaged sentences, empty times, impossible times and other sentences stay as they are."""
    assert redate(piece, 12_345) == piece


def test_redate_prefix_and_odd_line_end_stay() -> None:
    """What stands before the dollar sign and after the checksum is kept."""
    piece = b"RECEIVED:" + sentence("GPGLL,5130.0,N,01030.0,E,235959.500,A", end=b"\r\r\n")
    moved = sentence("GPGLL,5130.0,N,01030.0,E,000001.500,A", end=b"\r\r\n")
    assert redate(piece, 2) == b"RECEIVED:" + moved


def test_redate_lower_case_digits_stay_lower_case() -> None:
    """A receiver that writes its checksum in small letters still does."""
    lowered = 0
    for second in range(60):
        whole = gga(f"1200{second:02}")
        piece = whole[:-4] + whole[-4:].lower()
        moved = redate(piece, 7)
        if re.search(rb"\*.?[a-f].?\r", piece):
            assert not re.search(rb"\*.?[A-F].?\r", moved)
            lowered += 1
        found = find_sentence(moved)
        assert found is not None
        assert found.checksum is Checksum.RIGHT
    assert lowered


def test_redate_leap_second_becomes_an_ordinary_one() -> None:
    """The 60th second of a minute counts as the first of the next."""
    assert redate(rmc("235960.00", "311216"), 10) == rmc("000010.00", "010117")


def test_stamp_of_moved_sentence_is_the_moved_stamp() -> None:
    """What the reader of times reads after the move is the sum."""
    found = find_sentence(redate(rmc("235959.250", "310725"), 86_401))
    stamp = found and stamp_of(found)
    assert stamp
    assert stamp.day == (datetime(2025, 8, 2, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert stamp.second_of_day == 0.25
