"""gpsd is the reference for reading receivers: its regression logs yield what it reports of them.

A record of gpsd is matched by a fix at the same time of day, within a millionth of a degree, 0.1 m
of altitude, and, where a sentence carries them, 0.1 m/s and 0.1 degrees. Each difference is counted
here with its reason, exactly, so that a change for the better shows as well.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix
from tests.agent.line import RECORDED, gga, needs_recorded, replayed, rmc, sentence
from tests.agent.paced import as_recorded, played

DAY_MS = 86_400_000
SHARE = 0.98

# Records of gpsd that we do not match.
DIFFERENT: dict[str, tuple[int, str]] = {
    "garmin38": (
        1,
        "gpsd takes the altitude of PGRMZ, whole feet, 0.11 m off the GGA of the same instant",
    ),
    "humminbird-M37": (
        1,
        "gpsd computed the first speed itself, before the VTG that states it had come",
    ),
}

# Records of gpsd with a speed where no sentence of the instant states one: gpsd computes it.
COMPUTED_SPEED = {"eXplorist210": 2, "humminbird-M37": 7, "mr-350p": 12, "triton400": 1}

_FROZEN = "gpsd gives the empty records after the loss of the fix the time of the last good one"
# Fixes of ours at a time of which gpsd says that there was none.
AGAINST: dict[str, tuple[int, str]] = {
    "eXplorist210": (2, "a PMGNST without a time, after good RMC and GGA, makes it none for gpsd"),
    "meinberg-gps164": (1, _FROZEN),
    "quectel": (1, _FROZEN),
    "tomtom-mkII": (1, _FROZEN),
    "ublox-lea-4h": (1, _FROZEN),
}

_FIRST = "gpsd reports the first fix without its time"
_LAST = "gpsd does not report an instant that no other follows"
_LEARNS = "gpsd still learns which sentence ends the cycle"
# Fixes of ours at a time of which gpsd says nothing.
UNREPORTED: dict[str, tuple[int, str]] = {
    "ais-nmea": (3, "gpsd drops instants that an AIS sentence divides"),
    "beidou-bd": (1, _FIRST),
    "blumax-gps009": (1, _FIRST),
    "bt451": (3, f"{_FIRST}; {_LAST}, of both recordings in it"),
    "foretrex-201": (1, _LAST),
    "geos-1m": (1, _FIRST),
    "gp-320fw-2019-03-28": (1, _LEARNS),
    "gp-320fw-2019-04-06-overflow": (1, _LEARNS),
    "humminbird-M37": (2, _LEARNS),
    "isync": (1, _LAST),
    "motorola-t805": (1, _FIRST),
    "mtk-3301": (1, _FIRST),
    "neo-m8n": (1, _LAST),
    "pharos-360": (1, _LAST),
    "ublox-lea-4h": (1, _LAST),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What gpsd reports of a log beside what we make of it.

    Attributes:
        records: Fixes that gpsd reports.
        different: Those that we do not match, with what is off.
        computed: Those whose speed no sentence states.
        against: Fixes of ours at times of which gpsd says that there was none.
        unreported: Fixes of ours at times of which gpsd says nothing.
    """

    records: int
    different: list[str]
    computed: int
    against: int
    unreported: int


def logs() -> list[str]:
    """Return the names of gpsd's logs; none where the data is absent."""
    return sorted(path.name.removesuffix(".log.gz") for path in RECORDED.glob("gpsd/*.log.gz"))


def log_of(name: str) -> bytes:
    """Return the bytes of a log."""
    return gzip.decompress((RECORDED / f"gpsd/{name}.log.gz").read_bytes())


def agreement(name: str, made: Sequence[MadeFix]) -> Agreement:
    """Compare fixes with what gpsd reports of a log."""
    path = RECORDED / f"gpsd/{name}.expect.json.gz"
    records = json.loads(gzip.decompress(path.read_bytes()))["epochs"]
    timed = [each for each in records if each["time"]]
    fixes = [each for each in timed if each.get("mode", 0) >= 2 and "lat" in each]
    by_time = defaultdict(list)
    for each in made:
        by_time[each.fix.time_ms % DAY_MS].append(each)
    different, computed = [], 0
    for record in fixes:
        candidates = [(_off(record, each), each) for each in by_time[_time_of_day(record)]]
        if not candidates:
            different.append(f"{record['time']}: missing")
            continue
        off, nearest = min(candidates, key=lambda candidate: len(candidate[0]))
        if off:
            different.append(f"{record['time']}: {', '.join(off)}")
        computed += "speed" in record and nearest.measured.speed_mps is None
    reported = {_time_of_day(each) for each in fixes}
    denied = {_time_of_day(each) for each in timed} - reported
    ours = [each.fix.time_ms % DAY_MS for each in made]
    return Agreement(
        len(fixes),
        different,
        computed,
        sum(time in denied for time in ours),
        sum(time not in denied and time not in reported for time in ours),
    )


def _time_of_day(record: dict[str, Any]) -> int:
    time = datetime.fromisoformat(record["time"])
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000


def _off(record: dict[str, Any], made: MadeFix) -> list[str]:
    """Return in what a fix is not the one of a record, as measured or as it travels."""
    fix, measured = made.fix, made.measured
    off = [
        name
        for name, values, tolerance in [
            ("lat", (measured.lat_deg, fix.lat_deg), 1e-6),
            ("lon", (measured.lon_deg, fix.lon_deg), 1e-6),
        ]
        for value in values
        if abs(value - record[name]) > tolerance
    ]
    if "alt" in record and not _is_near(measured.altitude_m, record["alt"]):
        off.append(f"altitude {measured.altitude_m} for {record['alt']}")
    if "speed" in record and measured.speed_mps is not None:
        off += [
            f"speed {speed_mps} for {record['speed']}"
            for speed_mps in (measured.speed_mps, fix.speed_mps)
            if not _is_near(speed_mps, record["speed"])
        ]
    if "track" in record and measured.course_deg is not None:
        turned = (measured.course_deg - record["track"] + 180) % 360 - 180
        if not _is_near(turned, 0):
            off.append(f"course {measured.course_deg} for {record['track']}")
    return off


def _is_near(value: float | None, expected: float) -> bool:
    return value is not None and abs(value - expected) <= 0.1 + 1e-9


@needs_recorded
@pytest.mark.parametrize("name", logs())
def test_log_yields_what_gpsd_reports(name: str) -> None:
    """Every log agrees with gpsd in all but what is listed above."""
    found = agreement(name, replayed(log_of(name)))
    assert len(found.different) == DIFFERENT.get(name, (0, ""))[0], found.different
    assert found.computed == COMPUTED_SPEED.get(name, 0)
    assert found.against == AGAINST.get(name, (0, ""))[0]
    assert found.unreported == UNREPORTED.get(name, (0, ""))[0]


@needs_recorded
def test_logs_together_agree_with_gpsd() -> None:
    """All but a fiftieth of all that gpsd reports, and all but a fiftieth of nearly every log."""
    found = {name: agreement(name, replayed(log_of(name))) for name in logs()}
    records = sum(each.records for each in found.values())
    different = sum(len(each.different) for each in found.values())
    assert records == 1215
    assert different <= (1 - SHARE) * records / 10
    short = {n for n, a in found.items() if len(a.different) > (1 - SHARE) * a.records}
    assert short == set(DIFFERENT)


@needs_recorded
@pytest.mark.parametrize("baud", [4800, 38_400])
def test_logs_yield_the_same_live(baud: int) -> None:
    """A receiver that speaks in its own time makes the fixes that its recording makes."""
    for name in logs():
        data = log_of(name)
        decoder = NmeaDecoder(RecordedDating())
        live = [made for made, _ in played(as_recorded(data), baud, decoder)]
        places = [(each.fix.time_ms, each.fix.lat_e6, each.fix.lon_e6) for each in live]
        recorded = replayed(data)
        assert places == [(each.fix.time_ms, each.fix.lat_e6, each.fix.lon_e6) for each in recorded]
        ours, theirs = agreement(name, live), agreement(name, recorded)
        assert len(ours.different) <= len(theirs.different) + decoder.late, name


@needs_recorded
def test_every_listed_difference_is_of_a_log() -> None:
    """The lists of differences name no log that has gone."""
    assert {*DIFFERENT, *COMPUTED_SPEED, *AGAINST, *UNREPORTED} <= set(logs())


def test_simulated_fix_is_none() -> None:
    """A receiver in demonstration mode (Garmin, FAA mode S) is nowhere."""
    data = sentence(rmc(mode="S")) + sentence(gga(quality="8"))
    assert replayed(data) == []
