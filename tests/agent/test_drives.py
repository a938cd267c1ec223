"""Recorded drives: as many fixes as an independent literal reader counted, or a reason why not."""

import gzip
import json
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from milepost_schemas.dating import RecordedDating
from milepost_schemas.fix import FixKind, instant
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import Unfixed
from tests.agent.line import RECORDED, needs_recorded, replayed

# The manifest counts distinct instants with a sound RMC of status A, and those of them with a GGA
# before. How many fixes and stated altitudes we make more or less:
DIFFERENT: dict[str, tuple[int, int, str]] = {
    "berlin_bike_a": (
        -30,
        -8,
        "the manifest drops only repeats in a row; splices repeat 30 more instants, which are one "
        "fix for us (truth/berlin_bike_a.json.gz counts 5344, as we do)",
    ),
    "boston_2007": (+1, +1, "the last instant has a GGA only, the recording ends before its RMC"),
    "haifa": (+1, +1, "the last instant has a GGA only, the recording ends before its RMC"),
    "hardloader_dup": (
        +22,
        +35,
        "19 instants have a GGA and 3 a GNS only, their RMC was dropped by the logger; GNS states "
        "the altitude of 13 that have no GGA",
    ),
    "salerno_july_august": (+1, +1, "one instant has a GGA only"),
    "static_5hz": (+2, +2, "two instants have a GGA only, their RMC was dropped"),
    "taiwan_modem": (+1, +1, "one instant has GGA and GLL, its RMC is cut"),
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


def drive(name: str) -> bytes:
    """Return the bytes of a drive."""
    return gzip.decompress((RECORDED / f"drives/{name}.nmea.gz").read_bytes())


@needs_recorded
@pytest.mark.parametrize("entry", drives())
def test_drive_makes_the_fixes_that_were_counted(
    entry: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Number, first and last instant, places, days, heights and speed are the counted ones."""
    track = entry["expect"]["track"]
    more, more_altitudes, _reason = DIFFERENT.get(request.node.callspec.id, (0, 0, ""))
    made = replayed(drive(request.node.callspec.id))
    assert len(made) == (track.get("distinct_epochs") or 0) + more
    assert len({each.fix.time_ms for each in made}) == len(made)
    if not made:
        return
    first, last = made[0].fix, made[-1 - (more > 0)].fix
    assert first.time == datetime.fromisoformat(track["first"])
    assert last.time <= datetime.fromisoformat(track["last"]) <= made[-1].fix.time
    lat_deg, lon_deg = track["first_pos"]
    assert first.lat_e6 == pytest.approx(lat_deg * 1e6, abs=1)
    assert first.lon_e6 == pytest.approx(lon_deg * 1e6, abs=1)
    assert {str(instant(each.fix.time_ms).date()) for each in made} == set(track["dates"])
    fastest = max(each.fix.speed_dmps or 0 for each in made)
    assert fastest == pytest.approx(track["max_speed_mps"] * 10, abs=0.6)
    stated = [each.measured.altitude_m for each in made if not each.measured.altitude_carried]
    heights = [height for height in stated if height is not None]
    assert len(heights) == track["with_altitude"] + more_altitudes
    if heights and not more:
        assert [min(heights), max(heights)] == track["alt_range"]


@needs_recorded
@pytest.mark.parametrize("entry", drives())
def test_drive_has_its_sentences_counted(
    entry: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Sentences with a right checksum are as many as were counted."""
    decoder = NmeaDecoder(RecordedDating(), live=False)
    decoder.feed(drive(request.node.callspec.id), 0.0)
    # The boot text of SiRF (`PSRFTXTBaud rate: 57600`) is checked as well; the manifest calls it
    # junk, for it has no comma.
    boot_text = {"boston_2007": 16}.get(request.node.callspec.id, 0)
    assert decoder.sentences == entry["expect"]["sentences"]["cs_ok"] + boot_text


@needs_recorded
@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000, 10**7])
def test_drive_makes_the_same_fixes_at_any_cut(chunk_bytes: int) -> None:
    """However a recording is cut on its way from the line, its fixes are the same."""
    data = drive("taiwan_modem")[:60_000]
    assert replayed(data, chunk_bytes=chunk_bytes) == replayed(data)


@needs_recorded
def test_drive_with_every_line_twice_makes_every_fix_once() -> None:
    """A recording that is played to the agent twice line by line makes no fix more."""
    data = drive("haifa")[:100_000]
    twice = b"".join(line * 2 for line in data.splitlines(keepends=True))
    assert replayed(twice) == replayed(data)


@needs_recorded
def test_drive_that_contradicts_itself_makes_no_fix() -> None:
    """Where RMC says void and GGA says valid at every instant, we believe the RMC: 725 are void."""
    decoder = NmeaDecoder(RecordedDating(), live=False)
    assert replayed(drive("silvretta_void"), decoder) == []
    assert decoder.unfixed == {Unfixed.VOID: 725}


@needs_recorded
def test_status_of_nmea_4_1_is_no_matter() -> None:
    """A receiver whose navigational status is V at every good fix makes all its RTK fixes."""
    made = replayed(drive("mountainview_f9k_a"))
    kinds = [each.fix.kind for each in made]
    assert [kinds.count(kind) for kind in (FixKind.RTK, FixKind.DIFFERENTIAL)] == [698, 2]


@needs_recorded
def test_tunnel_is_estimated_then_a_hole() -> None:
    """Before a tunnel's silence a receiver estimates; after it the track has a hole."""
    made = replayed(drive("switzerland_z205_a"))
    kinds = [each.fix.kind for each in made]
    # The RMC of 45 seconds are of mode E; within 14 of them the tunnel swallows the car.
    assert kinds.count(FixKind.ESTIMATED) == 45
    [(before, after)] = [
        (a, b) for a, b in pairwise(made) if b.fix.time_ms - a.fix.time_ms > 30_000
    ]
    assert before.fix.kind is FixKind.ESTIMATED
    assert after.hole
    assert after.fix.time_ms - before.fix.time_ms == 35_000


@needs_recorded
def test_altitude_is_known_where_gga_comes_each_fourth_second() -> None:
    """All fixes but those after the start and the tunnel have an altitude, a quarter their own."""
    made = replayed(drive("switzerland_z205_a"))
    assert sum(each.fix.altitude_dm is not None for each in made) >= len(made) - 5
    carried = [each for each in made if each.measured.altitude_carried]
    assert len(made) * 0.7 < len(carried) < len(made) * 0.8


@needs_recorded
def test_every_listed_difference_is_of_a_recorded_drive() -> None:
    """The list of differences names no drive that has gone."""
    assert set(DIFFERENT) <= {str(each.id) for each in drives()}
