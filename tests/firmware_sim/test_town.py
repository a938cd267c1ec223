"""The town that a seed draws."""

import json
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import networkx as nx
import pytest

from milepost_firmware_sim.cli import main
from milepost_firmware_sim.plane import Point, crosses
from milepost_firmware_sim.town.addresses import AddressBook
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.geojson import read_town, to_geojson
from milepost_firmware_sim.town.town import Town, TownError, street_graph
from tests.firmware_sim.driven import apart_m, driven
from tests.firmware_sim.programs import run

_SEEDS = range(5)


@cache
def _drawn(seed: int) -> Town:
    return generate_town(seed)


def _line_of(town: Town, kind: str) -> list[Point]:
    (feature,) = [one for one in town.features if one.kind == kind]
    return [town.projection.to_plane(place) for place in feature.line]


def test_town_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two runs of the program write the same file, and another seed another one."""
    first = run("town", "--seed", "7").stdout
    assert run("town", "--seed", "7", "--out", tmp_path / "town.geojson").returncode == 0
    assert (tmp_path / "town.geojson").read_bytes() == first
    assert run("town", "--seed", "8").stdout != first


@pytest.mark.parametrize("seed", _SEEDS)
def test_town_has_some_two_hundred_streets(seed: int) -> None:
    """There are about 200 names of streets, and all of them lead to all others."""
    town = _drawn(seed)
    assert 180 <= len({street.name for street in town.streets}) <= 250
    assert all(street.name for street in town.streets)
    assert nx.is_strongly_connected(street_graph(town))


@pytest.mark.parametrize("seed", _SEEDS)
def test_town_river_is_crossed_by_two_bridges_alone(seed: int) -> None:
    """Two streets cross the river, both are bridges, and none crosses the railway."""
    town = _drawn(seed)
    river, railway = _line_of(town, "river"), _line_of(town, "railway")
    crossing = []
    for street in town.streets:
        line = [town.projection.to_plane(place) for place in street.line]
        assert not crosses(line, railway)
        if crosses(line, river):
            crossing.append(street)
    assert len(crossing) == 2
    assert all(street.bridge for street in crossing)
    assert sum(street.bridge for street in town.streets) == 2


@pytest.mark.parametrize("seed", _SEEDS)
def test_town_has_what_a_town_has(seed: int) -> None:
    """There are a ring road, an old quarter with one-way lanes, parks, and a depot."""
    town = _drawn(seed)
    kinds = [feature.kind for feature in town.features]
    assert kinds.count("park") >= 3
    assert kinds.count("depot") == kinds.count("quarter") == 1
    assert any(street.name.endswith(" Ring") for street in town.streets)
    oneways = [street for street in town.streets if street.oneway]
    assert len(oneways) >= 5
    assert {street.rank for street in oneways} == {"lane"}


def test_town_is_bent() -> None:
    """Streets are no grid: they run in every direction, and few are straight."""
    town = generate_town(3)
    directions = set()
    for street in town.streets:
        line = [town.projection.to_plane(place) for place in street.line]
        east_m, north_m = line[-1][0] - line[0][0], line[-1][1] - line[0][1]
        directions.add(round(10.0 * north_m / (abs(east_m) + abs(north_m) + 0.001)))
    assert len(directions) >= 15


def test_town_geojson_is_read_as_written(tmp_path: Path) -> None:
    """A town comes back from its file as it was, and the file is plain GeoJSON."""
    town = generate_town(5)
    file = tmp_path / "town.geojson"
    file.write_text(to_geojson(town))
    assert read_town(file) == town
    collection = json.loads(file.read_text())
    assert collection["type"] == "FeatureCollection"
    assert len({feature["id"] for feature in collection["features"]}) == len(collection["features"])
    for feature in collection["features"]:
        if feature["properties"]["kind"] == "street":
            assert set(feature["properties"]) >= {"name", "class", "speed_mps", "oneway"}
        for lon_deg, lat_deg in _flat(feature["geometry"]["coordinates"]):
            assert 10.3 < lon_deg < 10.7
            assert 51.4 < lat_deg < 51.7


def _flat(coordinates: list[list[object]]) -> list[list[float]]:
    nested = isinstance(coordinates[0][0], list)
    return coordinates[0] if nested else coordinates  # type: ignore[return-value]


def _without_bridges(town: Town) -> Town:
    streets = tuple(street for street in town.streets if not street.bridge)
    return Town(town.name, streets, town.features, town.gate)


def test_read_town_that_cannot_be_driven_is_refused(tmp_path: Path) -> None:
    """A town in two parts, without a depot, or that is something else is refused by name."""
    town = generate_town(5)
    no_depot = to_geojson(town).replace('"depot"', '"shed"')
    for text in (to_geojson(_without_bridges(town)), no_depot, "[]", "{}", '{"features": [{}]}'):
        file = tmp_path / "town.geojson"
        file.write_text(text)
        with pytest.raises(TownError) as error:
            read_town(file)
        assert str(file) in str(error.value)


_Place = tuple[float, float]


class _Streets:
    """The streets of a town as its GeoJSON tells them, read without the program's own reader."""

    def __init__(self, collection: dict[str, Any]) -> None:
        self.graph: nx.DiGraph[_Place] = nx.DiGraph()
        for feature in collection["features"]:
            facts = feature["properties"]
            if facts["kind"] != "street":
                continue
            line = [tuple(place) for place in feature["geometry"]["coordinates"]]
            for one, other in pairwise(line):
                metres = apart_m(one[::-1], other[::-1])
                cost = {"length_m": metres, "time_s": metres / facts["speed_mps"]}
                self.graph.add_edge(one, other, **cost)
                if not facts["oneway"]:
                    self.graph.add_edge(other, one, **cost)


@pytest.fixture(scope="module")
def streets() -> _Streets:
    """Return the streets of one town."""
    return _Streets(json.loads(run("town", "--seed", "7").stdout))


def _path(one: str, other: str, *more: str) -> dict[str, Any]:
    done = run("town", "--seed", "7", "--path", one, other, *more)
    assert (done.returncode, done.stderr) == (0, b"")
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(("by", "weight"), [("length", "length_m"), ("time", "time_s")])
def test_path_is_the_least_of_all(streets: _Streets, by: str, weight: str) -> None:
    """Between two crossings the way is as long (or quick) as Dijkstra's over the GeoJSON."""
    crossings = [one for one in streets.graph if streets.graph.degree(one) > 6]
    chance = Random(3)
    for _ in range(2):
        one, other = chance.sample(crossings, 2)
        feature = _path(*(f"{place[1]},{place[0]}" for place in (one, other)), "--by", by)
        least = nx.dijkstra_path_length(streets.graph, one, other, weight)
        assert feature["properties"][weight] == pytest.approx(least, rel=1e-4, abs=0.1)


def test_path_keeps_one_way_streets(streets: _Streets) -> None:
    """From and to houses in one-way lanes each stretch is driven as its street allows."""
    town = generate_town(7)
    lanes = [street for street in town.streets if street.oneway]
    there_m, back_m = list[float](), list[float]()
    for lane, other in pairwise(lanes[:3]):
        one, two = f"1 {lane.name}", f"2 {other.name}"
        for start, end, lengths in ((one, two, there_m), (two, one, back_m)):
            feature = _path(start, end)
            lengths.append(feature["properties"]["length_m"])
            line = [tuple(place) for place in feature["geometry"]["coordinates"]]
            inner = [(round(lon_deg, 6), round(lat_deg, 6)) for lon_deg, lat_deg in line[1:-1]]
            assert all(streets.graph.has_edge(a, b) for a, b in pairwise(inner))
            into = streets.graph.predecessors(inner[0])
            assert min(_off_m(before, inner[0], line[0]) for before in into) < 0.3
            out = streets.graph.successors(inner[-1])
            assert min(_off_m(inner[-1], after, line[-1]) for after in out) < 0.3
    assert there_m != back_m


def _off_m(one: _Place, other: _Place, place: _Place) -> float:
    """Return how much longer it is from one to the other over a place."""
    over_m = apart_m(one[::-1], place[::-1]) + apart_m(place[::-1], other[::-1])
    return over_m - apart_m(one[::-1], other[::-1])


def test_path_is_geojson_that_can_be_driven(tmp_path: Path) -> None:
    """Its length is its line's, its time its limits', and `drive --line` follows it."""
    street = next(one for one in generate_town(7).streets if one.rank == "residential")
    file = tmp_path / "way.geojson"
    run("town", "--seed", "7", "--path", "Depot", f"4 {street.name}", "--out", file)
    feature = json.loads(file.read_text())
    facts, line = feature["properties"], feature["geometry"]["coordinates"]
    lengths = [apart_m(one[::-1], other[::-1]) for one, other in pairwise(line)]
    assert (facts["from"], facts["to"]) == ("Depot", f"4 {street.name}")
    assert facts["length_m"] == pytest.approx(sum(lengths), rel=1e-4)
    times = [m / (kmh / 3.6) for m, kmh in zip(lengths, facts["speed_kmh"], strict=True)]
    assert facts["time_s"] == pytest.approx(sum(times), rel=1e-3)
    assert facts["streets"][0] == "Depot Yard"
    assert facts["streets"][-1] == street.name
    drive = driven(tmp_path, f"--line {file}")
    assert drive.told["length_m"] == pytest.approx(facts["length_m"], rel=0.05)
    end = drive.rows[-1]
    assert apart_m((end.lat_deg, end.lon_deg), (line[-1][1], line[-1][0])) < 0.2


def test_path_along_one_street_is_direct() -> None:
    """Between two houses of a two-way street the way is as long as they are apart, both ways."""
    street = next(one for one in generate_town(7).streets if one.rank == "secondary")
    near, far = f"3 {street.name}", f"5 {street.name}"
    there, back = (_path(*both)["properties"] for both in ((near, far), (far, near)))
    assert there["length_m"] == back["length_m"] == pytest.approx(18.0, abs=2.0)
    assert there["streets"] == [street.name]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--path", "1 Nowhere Street", "Depot"], "1 Nowhere Street: no such street"),
        (["--path", "Depot", "Depot"], "Depot: is where the way begins"),
        (["--path", "Depot", "48.0,11.0"], "48.0,11.0: outside"),
        (["--path", "Depot", "99.0,11.0"], "latitude 99"),
        (["--path", "Depot"], "--path"),
        (["--path", "Depot", "1 x", "--by", "beauty"], "--by beauty"),
    ],
)
def test_path_between_wrong_places_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    told: str,
) -> None:
    """A place that is not there ends with 2 and one line."""
    monkeypatch.setattr(sys, "argv", ["milepost-sim", "town", "--seed", "7", *typed])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert told in said.err


@pytest.mark.parametrize("seed", _SEEDS)
def test_addresses_are_found_as_they_are_named(seed: int) -> None:
    """A drawn address is found again by its name, however it is typed, and lies on its street."""
    town = generate_town(seed)
    book = AddressBook(town)
    chance = Random(seed)
    for _ in range(50):
        address = book.draw(chance)
        number, name = address.name.split(" ", 1)
        assert book.find(address.name) == address
        assert book.find(f"  {name.lower()}  {number} ") == address
        line = {town.projection.to_plane(p) for s in town.streets if s.name == name for p in s.line}
        assert {address.behind, address.ahead} <= line
