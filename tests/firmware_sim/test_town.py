"""The town that a seed draws."""

import json
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

from milepost_firmware_sim.plane import Point, crosses
from milepost_firmware_sim.town import Town, TownError, read_town, street_graph, to_geojson
from milepost_firmware_sim.town_generator import generate_town
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
