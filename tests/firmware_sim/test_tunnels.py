"""Below the ground: estimated fixes, then none, then a jump that settles."""

import itertools
import json
from pathlib import Path

import networkx as nx
import pytest

from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.town import street_graph
from tests.firmware_sim.driven import Driven, Row, apart_m, driven

_LINE = {
    "type": "Feature",
    "properties": {"speed_kmh": 60, "tunnel": [False, True, False, True, False]},
    "geometry": {
        "type": "LineString",
        "coordinates": [
            [11.0, 48.0], [11.006, 48.0], [11.018, 48.003],
            [11.024, 48.003], [11.0243, 48.003], [11.032, 48.003],
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Driven:
    """Return a drive through a tunnel of 950 m and under a bridge of 20 m."""
    folder = tmp_path_factory.mktemp("tunnel")
    (folder / "line.geojson").write_text(json.dumps(_LINE))
    return driven(folder, f"--line {folder}/line.geojson --rate 5 --receiver sirf --seed 3")


def _runs(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    return [(kind, list(run)) for kind, run in itertools.groupby(rows, key=lambda row: row.fix)]


def test_tunnel_is_estimated_then_void_then_found_again(through: Driven) -> None:
    """A long tunnel gives seconds of estimates, then nothing until a moment after its end."""
    assert len(through.told["tunnels"]) == 2
    (_, before), (first, estimated), (second, void), (third, after), *_ = _runs(through.rows)
    assert (first, second, third) == ("estimated", "", "3D")
    assert estimated[0].in_tunnel
    assert not before[-1].in_tunnel
    assert 3.0 <= len(estimated) / 5 <= 8.2
    assert void[0].in_tunnel
    assert 0.8 <= sum(not row.in_tunnel for row in void) / 5 <= 3.2
    assert not after[0].in_tunnel
    assert {(row.satellites, row.hdop) for row in estimated} == {(0, 50.0)}
    assert {row.hdop for row in void} == {None}


def test_tunnel_estimates_go_straight_on_and_drift_away(through: Driven) -> None:
    """Estimates go on at one speed and course; what the van does meanwhile is their error."""
    estimated = _runs(through.rows)[1][1]
    places = [(row.fix_lat_deg or 0.0, row.fix_lon_deg or 0.0) for row in estimated]
    steps = [apart_m(one, other) for one, other in itertools.pairwise(places)]
    assert max(steps) - min(steps) < 0.01
    errors = [row.error_m or 0.0 for row in estimated]
    assert errors[-1] > errors[0]


def test_tunnel_end_jumps_and_settles(through: Driven) -> None:
    """The first fix after it has few satellites and is off; within 20 s it is as good as before."""
    _, _, _, (_, after), *_ = _runs(through.rows)
    assert after[0].satellites <= 5
    assert after[20 * 5].satellites > after[0].satellites
    assert (after[0].error_m or 0.0) > 8.0
    assert (after[20 * 5].error_m or 0.0) < 8.0


def test_bridge_is_too_short_to_lose_the_sky(through: Driven) -> None:
    """Below a bridge a moving van has some estimates and no void instant."""
    bridge = _runs(through.rows)[4:]
    assert [kind for kind, _ in bridge] == ["estimated", "3D"]
    assert 1 <= len(bridge[0][1]) <= 8


def test_tunnel_sentences_are_those_of_a_receiver(through: Driven) -> None:
    """Estimates are mode E and quality 6; void instants have status V and no position."""
    lines = through.nmea.decode().splitlines()
    rmc = [line.split("*")[0].split(",") for line in lines if line.startswith("$GPRMC")]
    gga = [line.split(",") for line in lines if line.startswith("$GPGGA")]
    assert len(rmc) == len(gga) == len(through.rows)
    for row, sentence, other in zip(through.rows, rmc, gga, strict=True):
        status, mode, quality = sentence[2], sentence[12], other[6]
        expected = {"3D": ("A", "A", "1"), "estimated": ("A", "E", "6"), "": ("V", "N", "0")}
        assert (status, mode, quality) == expected[row.fix]
        assert (sentence[3:7] == ["", "", "", ""]) == (row.fix == "")
        assert sentence[9] == "050126"


def test_tunnel_option_covers_any_part_of_a_drive(tmp_path: Path) -> None:
    """`--tunnel` takes the sky for so many seconds, standing or moving; again for another one."""
    drive = driven(tmp_path, "--via 48.0,11.0 --via 48.0,11.02 --tunnel 5,20 --tunnel 60,12.5")
    below = [(row.time.minute * 60 + row.time.second) for row in drive.rows if row.in_tunnel]
    assert below == [*range(5, 25), *range(60, 73)]
    assert [row.fix for row in drive.rows[15:25]] == [""] * 10


def test_drive_that_begins_below_the_ground_knows_no_place(tmp_path: Path) -> None:
    """Without a fix before it nothing can be estimated."""
    drive = driven(tmp_path, "--via 48.0,11.0 --via 48.0,11.01 --tunnel 0,10")
    assert {row.fix for row in drive.rows[:11]} == {""}
    assert drive.rows[20].fix == "3D"


@pytest.mark.parametrize("seed", range(5))
def test_town_has_tunnels_on_main_roads(seed: int) -> None:
    """Each town has two tunnels; nothing branches off inside, and nobody lives there."""
    town = generate_town(seed)
    tunnels = [street for street in town.streets if street.tunnel]
    assert len(tunnels) == 2
    graph = street_graph(town)
    for street in tunnels:
        assert street.rank == "primary"
        inside = [town.projection.to_plane(place) for place in street.line[1:-1]]
        assert all(graph.degree(point) == 4 for point in inside)
        ends = [town.projection.to_plane(street.line[end]) for end in (0, -1)]
        assert nx.shortest_path_length(graph, *ends, weight="length_m") >= 150.0


def test_town_tunnel_is_driven_through(tmp_path: Path) -> None:
    """From before a town's tunnel to beyond it the way leads through, and the sky is gone there."""
    town = generate_town(3)
    (tunnel, *_) = (street for street in town.streets if street.tunnel)
    roads = [street for street in town.streets if street.name == tunnel.name and street != tunnel]
    before = next(road.line[-2] for road in roads if road.line[-1] == tunnel.line[0])
    beyond = next(road.line[1] for road in roads if road.line[0] == tunnel.line[-1])
    vias = [f"--via {place[1]},{place[0]}" for place in (before, beyond)]
    drive = driven(tmp_path, f"--seed 3 {' '.join(vias)}")
    assert sum(row.in_tunnel for row in drive.rows) > 10
    assert [kind for kind, _ in _runs(drive.rows)] == ["3D", "estimated", "", "3D"]
