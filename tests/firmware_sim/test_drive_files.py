"""The files that a drive is written to: NMEA of several makes, GPX, CSV, and the truth."""

import csv
import io
import re
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from milepost_firmware_sim.sentence import Checksum, find_sentence, position_of
from tests.firmware_sim.driven import apart_m, driven, read_rows
from tests.firmware_sim.programs import run

_WAY = ("--via", "48.0,11.0", "--via", "48.001,11.008", "--tunnel", "40,12")


@pytest.mark.parametrize("receiver", ["plain", "ublox", "sirf", "mediatek", "quectel"])
def test_nmea_holds_the_fixes_of_the_truth(tmp_path: Path, receiver: str) -> None:
    """Whatever the make, sentences are right and say the fix that stands in the truth."""
    drive = driven(tmp_path, f"{' '.join(_WAY)} --receiver {receiver} --rate 5")
    sentences = [find_sentence(line) for line in drive.nmea.splitlines()]
    assert all(one is not None and one.checksum is Checksum.RIGHT for one in sentences)
    places = [position_of(one) for one in sentences if one is not None and one.formatter == b"RMC"]
    assert len(places) == len(drive.rows)
    for row, place in zip(drive.rows, places, strict=True):
        assert (place is None) == (row.fix == "")
        if place is not None and row.fix_lat_deg is not None and row.fix_lon_deg is not None:
            fix = row.fix_lat_deg, row.fix_lon_deg
            assert apart_m((place.lat_deg, place.lon_deg), fix) < 0.15


def test_gpx_and_csv_hold_the_same_fixes(tmp_path: Path) -> None:
    """By its ending `--out` is a track: each fix with its time, none where there was none."""
    gpx, table, truth = (tmp_path / name for name in ("d.gpx", "d.csv", "truth.csv"))
    assert run("drive", *_WAY, "--out", gpx).returncode == 0
    assert run("drive", *_WAY, "--out", table, "--truth", truth).returncode == 0
    assert run("drive", *_WAY).stdout == driven(tmp_path, " ".join(_WAY)).nmea
    fixes = [row for row in read_rows(truth) if row.fix]
    cells = list(csv.DictReader(io.StringIO(table.read_text())))
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    track = ET.fromstring(gpx.read_text())
    points = track.findall(".//g:trkpt", space)
    assert len(track.findall(".//g:trkseg", space)) == 2
    assert len(fixes) == len(cells) == len(points) > 60
    for fix, cell, point in zip(fixes, cells, points, strict=True):
        assert fix.time == datetime.fromisoformat(cell["time"])
        assert fix.time == datetime.fromisoformat(point.findtext("g:time", "", space))
        assert float(cell["lat_deg"]) == float(point.attrib["lat"])
        assert float(cell["lon_deg"]) == float(point.attrib["lon"])
        assert float(cell["lat_deg"]) == pytest.approx(fix.fix_lat_deg, abs=1e-7)


def test_truth_times_are_exact(tmp_path: Path) -> None:
    """Times are RFC 3339 with milliseconds, one row each instant from the told begin."""
    driven(tmp_path, f"{' '.join(_WAY)} --rate 10 --start-at 2026-12-31T23:59:58+00:00")
    lines = (tmp_path / "truth.csv").read_text().splitlines()
    times = [line.split(",")[0] for line in lines[1:]]
    pattern = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d00Z")
    assert all(pattern.fullmatch(time) for time in times)
    assert times[0] == "2026-12-31T23:59:58.000Z"
    assert times[25] == "2027-01-01T00:00:00.500Z"
    assert times == sorted(set(times))


def test_truth_same_seed_same_bytes(tmp_path: Path) -> None:
    """Truth is the same at every run, whatever the order of hashes; another seed is another one."""
    written = []
    for name, seed, order in (("a", "5", "1"), ("b", "5", "2"), ("c", "6", "1")):
        files = [tmp_path / f"{name}.csv", tmp_path / f"{name}.json"]
        truths = [word for file in files for word in ("--truth", file)]
        command = ("drive", "--seed", seed, "--stops", "1", *truths, "--out", tmp_path / "d.nmea")
        assert run(*command, environment={"PYTHONHASHSEED": order}).returncode == 0
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    assert written[0] != written[2]
