"""Recorded drives: as many fixes as an independent literal reader counted, or a reason why not."""

import gzip
import json
from datetime import datetime
from typing import Any

import pytest

from milepost_agent.epoch import EpochJoiner, Unfixed
from milepost_schemas.fix import instant
from tests.agent.line import RECORDED, needs_recorded, replayed

# The manifest counts distinct instants with a sound RMC of status A. What we make more or less:
DIFFERENT: dict[str, tuple[int, str]] = {
    "berlin_bike_a": (
        -30,
        "the manifest drops only repeats in a row; splices repeat 30 more instants, which are one "
        "fix for us (truth/berlin_bike_a.json.gz counts 5344, as we do)",
    ),
    "boston_2007": (+1, "the last instant has a GGA only, the recording ends before its RMC"),
    "haifa": (+1, "the last instant has a GGA only, the recording ends before its RMC"),
    "hardloader_dup": (+19, "19 instants have a GGA only, their RMC was dropped by the logger"),
    "salerno_july_august": (+1, "one instant has a GGA only"),
    "static_5hz": (+2, "two instants have a GGA only, their RMC was dropped"),
    "taiwan_modem": (+1, "one instant has GGA and GLL, its RMC is cut"),
}


def drives() -> list[Any]:
    """Return the drives of the manifest; none where the data is absent."""
    path = RECORDED / "manifest.json"
    if not path.exists():
        return []
    return [
        pytest.param(entry, id=entry["file"].removeprefix("drives/").removesuffix(".nmea.gz"))
        for entry in json.loads(path.read_text(encoding="utf-8"))["entries"]
        if entry["file"].startswith("drives/")
    ]


@needs_recorded
@pytest.mark.parametrize("entry", drives())
def test_drive_makes_the_fixes_that_were_counted(
    entry: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Number, first instant, first place, days, height and speed are the counted ones."""
    track = entry["expect"]["track"]
    more, _reason = DIFFERENT.get(request.node.callspec.id, (0, ""))
    joiner = EpochJoiner()
    made = replayed(gzip.decompress((RECORDED / entry["file"]).read_bytes()), joiner)
    assert len(made) == (track.get("distinct_epochs") or 0) + more
    assert len({each.fix.time_ms for each in made}) == len(made)
    if not made:
        return
    first = made[0].fix
    assert first.time == datetime.fromisoformat(track["first"])
    lat_deg, lon_deg = track["first_pos"]
    assert first.lat_e6 == pytest.approx(lat_deg * 1e6, abs=1)
    assert first.lon_e6 == pytest.approx(lon_deg * 1e6, abs=1)
    assert {str(instant(each.fix.time_ms).date()) for each in made} == set(track["dates"])
    fastest = max(each.fix.speed_dmps or 0 for each in made)
    assert fastest == pytest.approx(track["max_speed_mps"] * 10, abs=0.6)
    with_altitude = sum(each.fix.altitude_dm is not None for each in made)
    # A GGA that stands before its RMC counts for us, and for the literal reader not always.
    assert abs(with_altitude - track["with_altitude"]) <= abs(more) + 1


@needs_recorded
@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000, 10**7])
def test_drive_makes_the_same_fixes_at_any_cut(chunk_bytes: int) -> None:
    """However a recording is cut on its way from the line, its fixes are the same."""
    data = gzip.decompress((RECORDED / "drives/taiwan_modem.nmea.gz").read_bytes())[:60_000]
    assert replayed(data, EpochJoiner(), chunk_bytes) == replayed(data, EpochJoiner())


@needs_recorded
def test_drive_with_every_line_twice_makes_every_fix_once() -> None:
    """A recording that is played to the agent twice line by line makes no fix more."""
    data = gzip.decompress((RECORDED / "drives/haifa.nmea.gz").read_bytes())[:100_000]
    twice = b"".join(line * 2 for line in data.splitlines(keepends=True))
    assert replayed(twice, EpochJoiner()) == replayed(data, EpochJoiner())


@needs_recorded
def test_drive_that_contradicts_itself_makes_no_fix() -> None:
    """Where RMC says void and GGA says valid at every instant, we believe the RMC: 725 are void."""
    joiner = EpochJoiner()
    data = gzip.decompress((RECORDED / "drives/silvretta_void.nmea.gz").read_bytes())
    assert replayed(data, joiner) == []
    assert set(joiner.unfixed) == {Unfixed.VOID}


@needs_recorded
def test_every_listed_difference_is_of_a_recorded_drive() -> None:
    """The list of differences names no drive that has gone."""
    assert set(DIFFERENT) <= {str(each.id) for each in drives()}
