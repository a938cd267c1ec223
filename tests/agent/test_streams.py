"""Odd streams: boot text, damaged headers, answers of receivers, and whole devices on one line."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from milepost_schemas.dating import RecordedDating
from milepost_schemas.fix import FixKind
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix, Unfixed
from milepost_schemas.nmea.framer import Reject
from tests.agent.line import RECORDED, gga, needs_recorded, replayed, rmc, sentence

UBX = b"\xb5\x62\x01\x07\x5c\x00" + bytes(range(92)) + b"\x24\x2a"
RTCM = b"\xd3\x00\x13\x3e\xd0$GNRMC,\xd3\x00*\x8a\x0e"


def streams() -> list[Any]:
    """Return the streams of the manifest; none where the data is absent."""
    path = RECORDED / "manifest.json"
    if not path.exists():
        return []
    return [
        pytest.param(entry, id=entry["file"].removeprefix("streams/"))
        for entry in json.loads(path.read_text(encoding="utf-8"))["entries"]
        if entry["file"].startswith("streams/")
    ]


@needs_recorded
@pytest.mark.parametrize("entry", streams())
def test_stream_is_read_as_counted(entry: dict[str, Any]) -> None:
    """Sentences, refusals and fixes are those of the manifest."""
    expected = entry["expect"]
    decoder = NmeaDecoder(RecordedDating(), live=False)
    made = replayed((RECORDED / entry["file"]).read_bytes(), decoder)
    assert decoder.sentences == expected["sentences"]["cs_ok"]
    assert decoder.rejects[Reject.CHECKSUM] == expected["sentences"].get("cs_bad", 0)
    assert [_as_expected(each) for each in made] == [
        (
            datetime.fromisoformat(each["time"]),
            pytest.approx(each["lat"], abs=1e-6),
            pytest.approx(each["lon"], abs=1e-6),
            each["alt"],
            pytest.approx(each["speed_mps"], abs=0.001),
            each["course"],
        )
        for each in expected["fixes"]
    ]


def _as_expected(made: MadeFix) -> tuple[object, ...]:
    measured = made.measured
    return (
        made.fix.time,
        made.fix.lat_deg,
        made.fix.lon_deg,
        None if measured.altitude_carried else measured.altitude_m,
        measured.speed_mps,
        measured.course_deg,
    )


def seconds(count: int) -> Iterator[bytes]:
    """Yield the sentences of some seconds, each second at once."""
    for n in range(count):
        time = f"1200{n:02}.00"
        yield sentence(rmc(time)) + sentence(gga(time))


@pytest.mark.parametrize(
    "between", [UBX, RTCM, b"\0" * 100, b"\xff" * 300, b"$" * 10, b"*00", b"\xb5\x62$GP", b"\n\r"]
)
def test_binary_between_sentences_costs_none(between: bytes) -> None:
    """Frames of other protocols on the line are passed over."""
    data = between + b"".join(burst + between for burst in seconds(20))
    assert len(replayed(data)) == 20


def test_line_at_a_wrong_baud_rate_makes_nothing() -> None:
    """What is read at another rate than it was sent is noise, and counted as little else."""
    sent = b"".join(seconds(50))
    bits = "".join(f"0{byte:08b}"[::-1] + "1" for byte in sent)
    # Every other bit, as at half the rate.
    halved = bits[::2]
    data = bytes(int(halved[at : at + 8], 2) for at in range(0, len(halved) - 8, 10))
    decoder = NmeaDecoder(RecordedDating())
    assert replayed(data, decoder) == []
    assert decoder.sentences == 0


def test_two_receivers_on_one_line_make_each_instant_once() -> None:
    """Sentences of a second receiver, a metre off, between those of the first, add no fix."""
    data = b"".join(
        sentence(rmc(time))
        + sentence(gga(time, lat="4717.1149,N").replace("GP", "II"))
        + sentence(rmc(time, lat="4717.1149,N").replace("GP", "II"))
        + sentence(gga(time))
        for time in (f"1200{n:02}.00" for n in range(30))
    )
    decoder = NmeaDecoder(RecordedDating(), live=False)
    made = replayed(data, decoder)
    assert len({each.fix.time_ms for each in made}) == len(made) == 30
    assert decoder.again == 60


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rmc("121500.00", lat="9100.0000,N"), None),
        (rmc("121500.00", lon="18100.0000,E"), None),
        (rmc("121500.00", lat="4760.0000,N"), None),
        (rmc("121500.00", lat="4717.1143,X"), None),
        (rmc("121500.00", lat="nan,N"), None),
        (rmc("121500.00", lon="inf,E"), None),
        (rmc("121500.00", lat="47\u0661\u0667.1143,N"), None),
        (rmc("121500.00", lat="47\uff117.1143,N"), None),
        (rmc("121500.00", lat="0000.0000,N", lon="00000.0000,E"), None),
        (rmc("121500.00", status="V"), None),
        (rmc("121500.00", mode="N"), None),
        (gga("121500.00", quality="0"), None),
        (gga("121500.00", quality="6"), FixKind.ESTIMATED),
        (rmc("121500.00", mode="E"), FixKind.ESTIMATED),
        (gga("121500.00", hdop="99.0"), FixKind.TWO_D),
    ],
)
def test_what_is_no_fix_is_not_stored_as_one(body: str, expected: FixKind | None) -> None:
    """Impossible places and void claims make no fix; estimates and a bad HDOP can be told."""
    zda = "GPZDA,121500.00,01,01,2026,00,00"
    made = replayed(sentence(zda) + sentence(body))
    assert [each.fix.kind for each in made] == ([] if expected is None else [expected])
    if "99.0" in body:
        assert made[0].fix.hdop_tenths == 990


def test_counters_tell_what_became_of_the_line() -> None:
    """Sentences, refusals, void instants and the heads of the last sentences are told."""
    decoder = NmeaDecoder(RecordedDating(), live=False)
    data = sentence(rmc("120000.00")) + sentence("GPGSV,1,1,00") + b"$GPRMC,12\r\n$GPGGA,1*00\r\n"
    items = list(decoder.items(data + sentence(rmc("120001.00", status="V")), 1.0))
    assert [item for item in items if isinstance(item, bytes)] == [
        rmc("120000.00").encode(),
        b"GPGSV,1,1,00",
        rmc("120001.00", status="V").encode(),
    ]
    assert [type(item) for item in items][-1] is MadeFix
    assert decoder.close() == []
    assert decoder.sentences == 3
    assert decoder.rejects == {Reject.CUT: 1, Reject.CHECKSUM: 1}
    assert decoder.unfixed == {Unfixed.VOID: 1}
    assert decoder.heads == ["GPGSV", "GPRMC"]


def test_items_and_feed_make_the_same_fixes() -> None:
    """Who watches the sentences gets the fixes that the unit gets."""
    data = b"".join(seconds(20))
    watched = list(NmeaDecoder(RecordedDating()).items(data, 0.0))
    fixes = [item for item in watched if isinstance(item, MadeFix)]
    assert fixes == NmeaDecoder(RecordedDating()).feed(data, 0.0)
    assert len(fixes) == 20
