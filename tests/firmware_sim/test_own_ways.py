"""Drives along ways of one's own: waypoints, GeoJSON lines, addresses, stops and parking."""

import json
import math
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from milepost_firmware_sim.cli import main
from milepost_firmware_sim.town.addresses import AddressBook
from milepost_firmware_sim.town.generator import generate_town
from tests.firmware_sim.driven import Row, apart_m, driven

_KMH = 1 / 3.6


def _feature(line: list[list[float]], **properties: Any) -> dict[str, Any]:
    geometry = {"type": "LineString", "coordinates": line}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _written(folder: Path, found: Any) -> Path:
    file = folder / "line.geojson"
    file.write_text(json.dumps(found))
    return file


def _nearest_m(rows: list[Row], lat_deg: float, lon_deg: float) -> float:
    return min(apart_m((row.lat_deg, row.lon_deg), (lat_deg, lon_deg)) for row in rows)


def _dwell_s(stop: dict[str, Any]) -> float:
    arrived, departed = (datetime.fromisoformat(stop[name]) for name in ("arrived", "departed"))
    return (departed - arrived).total_seconds()


def test_waypoints_anywhere_are_joined_by_straight_lines(tmp_path: Path) -> None:
    """Waypoints in Berlin are passed in their order at the limit, with a stop where one is told."""
    drive = driven(
        tmp_path,
        "--via 52.5200,13.4000 --via 52.5240,13.4050 --via 52.5270,13.4120@45s "
        "--via 52.5230,13.4200 --speed-kmh 40 --rate 5",
    )
    rows = drive.rows
    assert apart_m((rows[0].lat_deg, rows[0].lon_deg), (52.52, 13.4)) < 0.1
    assert apart_m((rows[-1].lat_deg, rows[-1].lon_deg), (52.523, 13.42)) < 0.1
    assert _nearest_m(rows, 52.5240, 13.4050) < 4.0
    assert max(row.speed_mps for row in rows) == pytest.approx(40 * _KMH, abs=0.01)
    assert [stop["name"] for stop in drive.told["stops"]] == [
        "52.5200,13.4000",
        "52.5270,13.4120",
        "52.5230,13.4200",
    ]
    assert _dwell_s(drive.told["stops"][1]) == pytest.approx(45.0, abs=0.002)
    standing = [row for row in rows if row.stop == "52.5270,13.4120"]
    assert apart_m((standing[0].lat_deg, standing[0].lon_deg), (52.527, 13.412)) < 0.1
    straight_m = apart_m((52.52, 13.4), (52.524, 13.405)) + apart_m(
        (52.524, 13.405), (52.527, 13.412)
    )
    straight_m += apart_m((52.527, 13.412), (52.523, 13.42))
    assert drive.told["length_m"] == pytest.approx(straight_m, rel=0.01)


def test_waypoints_across_the_date_line(tmp_path: Path) -> None:
    """A way from 179.99 east to 179.99 west is two kilometres long, and every fix lies on it."""
    drive = driven(tmp_path, "--via -17.0,179.99 --via -17.0,-179.99")
    assert drive.told["length_m"] == pytest.approx(2129.0, rel=0.002)
    assert all(abs(row.lon_deg) <= 180.0 for row in drive.rows)
    assert all(abs(row.fix_lon_deg or 0.0) <= 180.0 for row in drive.rows)


def test_line_speeds_and_tunnels_hold_for_their_part(tmp_path: Path) -> None:
    """Each feature's speed is kept and reached on it, and its tunnel is one; Points are no line."""
    line = {
        "type": "FeatureCollection",
        "features": [
            _feature([[7.0, 46.5, 400.0], [7.01, 46.504, 420.0]], speed_kmh=30),
            _feature([[7.01, 46.504, 420.0], [7.02, 46.508, 430.0]], speed_kmh=60, tunnel=True),
            _feature([[7.02, 46.508], [7.03, 46.512], [7.04, 46.516]], speed_kmh=[80, 50]),
            {
                "type": "Feature",
                "properties": {"name": "a mark"},
                "geometry": {"type": "Point", "coordinates": [7.0, 46.5]},
            },
        ],
    }
    rows = driven(tmp_path, f"--line {_written(tmp_path, line)} --rate 5").rows
    for west, east, kmh, below in (
        (7.0, 7.0099, 30, False),
        (7.0101, 7.0199, 60, True),
        (7.0201, 7.0299, 80, False),
        (7.0301, 7.04, 50, False),
    ):
        part = [row for row in rows if west <= row.lon_deg <= east]
        assert max(row.speed_mps for row in part) == pytest.approx(kmh * _KMH, abs=0.01)
        assert {row.in_tunnel for row in part} == {below}
    assert rows[0].altitude_m == 400.0
    assert max(row.altitude_m for row in rows) == 430.0


def test_line_of_many_near_points_is_driven_smoothly(tmp_path: Path) -> None:
    """A recorded track with a point a metre and half a metre of noise slows nobody down."""
    points = [[11.0 + 1.4e-5 * number, 48.0 + 3e-6 * (number % 2)] for number in range(800)]
    line = {"type": "LineString", "coordinates": points}
    rows = driven(tmp_path, f"--line {_written(tmp_path, line)} --speed-kmh 50").rows
    cruising = [row for row in rows if row.speed_mps > 49 * _KMH]
    assert len(cruising) > 35


def test_line_stops_and_parking_are_told(tmp_path: Path) -> None:
    """Stops on a line last as told; parked, the engine is off: at the begin, a stop, the end."""
    line = {"type": "MultiLineString", "coordinates": [
        [[11.0, 48.0], [11.01, 48.0]], [[11.01, 48.0], [11.02, 48.0]],
    ]}  # fmt: skip
    drive = driven(
        tmp_path,
        f"--line {_written(tmp_path, line)} --stop 48.0001,11.005@20s --stop 48.0,11.015@40s "
        "--park 2m@1 --park 90s@begin --park 600s",
    )
    first, second = drive.told["stops"][1:-1]
    assert _dwell_s(first) == pytest.approx(20.0 + 120.0, abs=0.002)
    assert _dwell_s(second) == pytest.approx(40.0, abs=0.002)
    assert first["lat_deg"] == pytest.approx(48.0, abs=2e-6)
    off = [row for row in drive.rows if not row.engine_on]
    assert len(off) in range(120 + 90 + 600 - 3, 120 + 90 + 600 + 4)
    assert all(row.stands for row in off)
    assert {row.stop for row in off} == {
        drive.told["stops"][0]["name"],
        "48.0001,11.005",
        drive.told["stops"][-1]["name"],
    }


def test_addresses_are_driven_to_along_streets(tmp_path: Path) -> None:
    """From an address over stops to another one: where the town's file says, as long as asked."""
    town = generate_town(9)
    book = AddressBook(town)
    streets = [one.name for one in town.streets if one.rank == "residential"]
    begin, stop, end = (f"3 {streets[number]}" for number in (0, 40, -1))
    passed = town.streets[0].line[0]
    drive = driven(
        tmp_path,
        f'--seed 9 --from "{begin}" --stop "{stop}@75s" --stop {passed[1]},{passed[0]}@0s '
        f'--stop "{streets[20]} 2" --to "{end.upper()}"',
    )
    stops = drive.told["stops"]
    assert [one["name"] for one in stops] == [begin, stop, f"2 {streets[20]}", end]
    for one in stops:
        place = town.projection.to_degrees(book.find(one["name"]).point)
        assert apart_m((one["lat_deg"], one["lon_deg"]), place[::-1]) < 0.2
    assert _dwell_s(stops[1]) == pytest.approx(75.0, abs=0.002)
    assert 60.0 <= _dwell_s(stops[2]) <= 240.0
    assert _nearest_m(drive.rows, passed[1], passed[0]) < 15.0
    vertices = {place for street in town.streets for place in street.line}
    moving = [row for row in drive.rows if row.speed_mps > 1.0]
    near = [
        min(apart_m((row.lat_deg, row.lon_deg), (v[1], v[0])) for v in vertices) for row in moving
    ]
    assert max(near) < 150.0


def test_waypoints_in_town_follow_its_streets(tmp_path: Path) -> None:
    """The same waypoints make a longer way along the streets than straight on."""
    town = generate_town(1)
    one, other = town.streets[30].line[0], town.streets[-1].line[-1]
    vias = f"--via {one[1]},{one[0]} --via {other[1]},{other[0]}"
    along = driven(tmp_path, vias).told["length_m"]
    straight = driven(tmp_path, f"{vias} --straight").told["length_m"]
    assert straight == pytest.approx(apart_m(one[::-1], other[::-1]), abs=0.5)
    assert along > 1.05 * straight


def _lines() -> dict[str, Any]:
    good = [[7.0, 46.5], [7.1, 46.6]]
    return {
        "empty": {"type": "FeatureCollection", "features": []},
        "point": {"type": "Point", "coordinates": [7.0, 46.5]},
        "one": {"type": "LineString", "coordinates": [[7.0, 46.5]]},
        "same": {"type": "LineString", "coordinates": [[7.0, 46.5], [7.0, 46.5]]},
        "north": {"type": "LineString", "coordinates": [[7.0, 46.5], [7.0, 91.0]]},
        "words": {"type": "LineString", "coordinates": [["7.0", "46.5"], [7.0, 46.6]]},
        "flat": {"type": "LineString", "coordinates": [7.0, 46.5]},
        "bare": {"type": "LineString"},
        "list": [1, 2],
        "kind": {"type": "Way", "coordinates": good},
        "apart": {"type": "MultiLineString", "coordinates": [good, [[8.0, 46.5], [8.1, 46.5]]]},
        "fast": _feature(good, speed_kmh=1000),
        "slow": _feature(good, speed_kmh="quick"),
        "count": _feature(good, speed_kmh=[50, 60]),
        "tunnel": _feature(good, tunnel="yes"),
        "around": _feature(good, surroundings="wood"),
    }


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--from", "12 Nowhere Street"], "--from 12 Nowhere Street: no such street in"),
        (["--from", "2 {typo}"], "close: {street}"),
        (["--to", "999 {street}"], "{street} has the numbers 1 to"),
        (["--stop", "48.0,11.0"], "--stop 48.0,11.0: outside"),
        (["--via", "51.53,10.48", "--via", "48.0,11.0"], "--via 48.0,11.0: outside"),
        (["--via", "48.0,11.0"], "needs two waypoints"),
        (["--via", "48.0,11.0", "--via", "48.0,11.0"], "there already"),
        (["--via", "48.0", "--via", "48.0,11.0"], "--via 48.0: not LAT,LON"),
        (["--via", "98.0,11.0", "--via", "48.0,11.0"], "latitude 98"),
        (["--via", "48.0,191.0", "--via", "48.0,11.0"], "longitude 191"),
        (["--stop", "2 {street}@soon"], "@soon"),
        (["--from", "Depot", "--to", "Depot"], "--to Depot: the van is there already"),
        (["--via", "51.53,10.48", "--stop", "2 {street}"], "--via and --stop"),
        (["--line", "{folder}/none"], "none: No such file"),
        (["--line", "{folder}/text"], "not JSON"),
        (["--line", "{folder}/empty"], "holds no LineString"),
        (["--line", "{folder}/point"], "holds no LineString"),
        (["--line", "{folder}/one"], "fewer than two positions"),
        (["--line", "{folder}/same"], "no length"),
        (["--line", "{folder}/north"], "latitude 91"),
        (["--line", "{folder}/words"], "not a number"),
        (["--line", "{folder}/flat"], "--line"),
        (["--line", "{folder}/bare"], "'coordinates' is missing"),
        (["--line", "{folder}/list"], "not GeoJSON"),
        (["--line", "{folder}/kind"], "'Way'"),
        (["--line", "{folder}/apart"], "line 2 begins"),
        (["--line", "{folder}/fast"], "speed_kmh 1000"),
        (["--line", "{folder}/slow"], "speed_kmh 'quick'"),
        (["--line", "{folder}/count"], "speed_kmh has 2 values for 1 stretches"),
        (["--line", "{folder}/tunnel"], "tunnel 'yes'"),
        (["--line", "{folder}/around"], "surroundings 'wood'"),
        (["--line", "{folder}/fast", "--stops", "3"], "do not go together"),
        (["--minutes", "5", "--from", "Depot"], "do not go together"),
        (["--straight", "--stops", "2"], "--straight"),
        (["--speed-kmh", "30", "--stops", "2"], "--speed-kmh"),
        (["--speed-kmh", "30", "--via", "51.53,10.48", "--via", "51.54,10.48"], "--speed-kmh"),
        (["--park", "soon"], "--park soon"),
        (["--park", "9m@7", "--stops", "2"], "the drive has 2 stops"),
        (["--tunnel", "60"], "--tunnel 60"),
        (["--tunnel", "99999,5"], "the drive lasts"),
        (["--rate", "3"], "--rate 3"),
        (["--noise", "-1"], "--noise -1"),
        (["--receiver", "abacus"], "abacus"),
        (["--truth", "{folder}/truth.txt"], ".csv (rows) or .json (stops)"),
        (["--truth", "{folder}/none/truth.csv"], "--truth"),
    ],
)
def test_wrong_ways_are_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    told: str,
) -> None:
    """A place, a file or an option that cannot be: exit code 2 and one line that names it."""
    (tmp_path / "text").write_text("to the left, then straight on")
    for name, line in _lines().items():
        (tmp_path / name).write_text(json.dumps(line))
    street = next(one.name for one in generate_town(1).streets if one.rank == "residential")
    words = {"folder": str(tmp_path), "street": street, "typo": street.replace("e", "a", 1)}
    given = [one.format(**words) for one in typed]
    monkeypatch.setattr(sys, "argv", ["milepost-sim", "drive", "--seed", "1", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert told.format(**words) in said.err


def test_long_line_keeps_lengths_and_courses(tmp_path: Path) -> None:
    """On a way of 100 km speed and place agree at both ends as in the middle: the plane is true."""
    line = {"type": "LineString", "coordinates": [[9.0, 52.0], [10.4, 52.2]]}
    rows = driven(tmp_path, f"--line {_written(tmp_path, line)} --speed-kmh 360 --noise 0").rows
    cruising = [row for row in rows if row.speed_mps == 100.0]
    assert len(cruising) > 850
    for one, other in list(pairwise(cruising))[::25]:
        moved_m = apart_m((one.lat_deg, one.lon_deg), (other.lat_deg, other.lon_deg))
        assert moved_m == pytest.approx(100.0, rel=2e-4)
        east_m = apart_m((one.lat_deg, one.lon_deg), (one.lat_deg, other.lon_deg))
        assert math.sin(math.radians(one.course_deg)) == pytest.approx(east_m / moved_m, abs=1e-3)
