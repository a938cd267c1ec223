"""GPX and CSV files played by the real program say what stands in them."""

import csv
import gzip
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from milepost_firmware_sim.replay.recording import parse
from tests.firmware_sim.drives import DATA
from tests.firmware_sim.programs import run

_POINT = re.compile(
    r'<trkpt lat="([^"]+)" lon="([^"]+)">.*?<time>([^<]+)</time>.*?</trkpt>', re.DOTALL
)
# Half of the last digit: 1e-5 minutes; times are whole seconds here.
_RESOLUTION_DEG = 1.2e-7

Row = tuple[float, float, float]


def _files(folder: str) -> list[Any]:
    files = sorted((DATA / folder).glob("*.gz")) if DATA.is_dir() else []
    if not files:
        skip = pytest.mark.skip(reason=f"no recorded tracks: {DATA / folder} does not exist")
        return [pytest.param(DATA, id="absent", marks=skip)]
    return [pytest.param(file, id=file.name.partition(".")[0]) for file in files]


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _gpx_rows(file: Path) -> list[Row]:
    text = gzip.decompress(file.read_bytes()).decode()
    return [(_unix_s(time), float(lat), float(lon)) for lat, lon, time in _POINT.findall(text)]


def _csv_rows(file: Path) -> dict[str, list[Row]]:
    """Return the rows of each track, told apart by whichever of these columns there are."""
    tracks: dict[str, list[Row]] = {}
    for row in csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode())):
        name = "/".join(row[one] for one in ("vehicle", "trip", "track") if one in row)
        place = _unix_s(row["time"]), float(row["lat"]), float(row["lon"])
        tracks.setdefault(name, []).append(place)
    return tracks


def _played(file: Path, *options: str) -> list[Row]:
    ended = run("replay", file, "--stdout", "--speed", "max", "--start-at", "recorded", *options)
    assert ended.returncode == 0, ended.stderr
    recording = parse(ended.stdout)
    assert recording is not None
    assert recording.facts.checksum_errors == recording.facts.without_checksum == 0
    origin_s = recording.pace.origin_s
    return [(origin_s + time_s, lat, lon) for time_s, lat, lon in recording.track]


def _assert_same(played: list[Row], told: list[Row]) -> None:
    # A time that comes twice is played once.
    first: dict[float, Row] = {}
    for row in told:
        first.setdefault(row[0], row)
    expected = [first[time_s] for time_s in sorted(first)]
    assert len(played) == len(expected)
    for one, other in zip(played, expected, strict=True):
        assert one[0] == pytest.approx(other[0], abs=0.006)
        assert one[1:] == pytest.approx(other[1:], abs=_RESOLUTION_DEG)


@pytest.mark.parametrize("file", _files("gpx"))
def test_gpx_played_is_the_file(file: Path) -> None:
    """Every point of every segment comes at its time and place."""
    _assert_same(_played(file), _gpx_rows(file))


@pytest.mark.parametrize("file", _files("tracks"))
def test_csv_played_is_the_file(file: Path) -> None:
    """Every row of the chosen track comes at its time and place; `inspect` names all tracks."""
    tracks = _csv_rows(file)
    told = json.loads(run("inspect", file, "--json").stdout)
    assert len(told["tracks"]) == len(tracks)
    name, rows = list(tracks.items())[-1]
    _assert_same(_played(file, "--track", name or "1"), rows)


@pytest.mark.parametrize("file", _files("gpx")[-1:])
def test_gpx_packed_or_plain_and_under_any_name_is_the_same(file: Path, tmp_path: Path) -> None:
    """The kind of a file is told by its content."""
    plain = tmp_path / "data.bin"
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    assert _played(plain) == _played(file)


@pytest.mark.parametrize("file", _files("gpx")[-1:])
def test_gpx_replayed_today_keeps_its_pace(file: Path) -> None:
    """Re-dated by default, the drive has the same steps and places."""
    ended = run("replay", file, "--stdout", "--speed", "max")
    recording = parse(ended.stdout)
    assert recording is not None
    recorded = _played(file)
    shift_s = recording.pace.origin_s - recorded[0][0]
    assert shift_s > 86_400.0
    assert [one[0] for one in recording.track] == [
        pytest.approx(one[0] - recorded[0][0], abs=0.001) for one in recorded
    ]
