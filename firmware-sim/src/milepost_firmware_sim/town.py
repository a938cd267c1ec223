"""A town: its streets, waters and greens, as GeoJSON and as a graph to drive on.

In flows GeoJSON (a FeatureCollection), out flows a `Town`, and back. Invariants: streets meet where
they share a vertex, exactly; along a one-way street one drives in the order of its vertices.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx

from milepost_firmware_sim.plane import LonLat, Point, Projection, length_m


class TownError(ValueError):
    """A file is no town that can be driven on."""


@dataclass(frozen=True, slots=True)
class Street:
    """A street, or the part of one between two changes of its name.

    Attributes:
        id: Unique in the town.
        rank: `primary`, `secondary`, `residential`, `lane` (old quarter) or `service` (depot).
        speed_mps: Speed limit.
        oneway: Driven only in the order of the line.
        bridge: Crosses the river.
        line: Its vertices, (longitude, latitude) in degrees.
    """

    id: str
    name: str
    rank: str
    speed_mps: float
    oneway: bool
    bridge: bool
    line: tuple[LonLat, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """Anything else that is drawn: river, railway, park, depot, quarter.

    Attributes:
        shape: `LineString` or `Polygon` (then `line` is its closed outer ring).
    """

    id: str
    kind: str
    name: str
    shape: str
    line: tuple[LonLat, ...]


@dataclass(frozen=True, slots=True)
class Town:
    """A town.

    Attributes:
        gate: Where the depot's street ends: drives begin and end here; (longitude, latitude).
    """

    name: str
    streets: tuple[Street, ...]
    features: tuple[Feature, ...]
    gate: LonLat

    @property
    def projection(self) -> Projection:
        """Return flat metres around the depot's gate."""
        return Projection(self.gate[1], self.gate[0])


def street_graph(town: Town) -> "nx.DiGraph[Point]":
    """Turn the streets into a directed graph of their vertices.

    Nodes are points in metres of `town.projection`. Edges carry `length_m`, `time_s` at the speed
    limit, `speed_mps` and `street` (its id).
    """
    graph: nx.DiGraph[Point] = nx.DiGraph()
    projection = town.projection
    for street in town.streets:
        line = [projection.to_plane(place) for place in street.line]
        for one, other in pairwise(line):
            metres = length_m((one, other))
            facts = {
                "length_m": metres,
                "time_s": metres / street.speed_mps,
                "speed_mps": street.speed_mps,
                "street": street.id,
            }
            graph.add_edge(one, other, **facts)
            if not street.oneway:
                graph.add_edge(other, one, **facts)
    return graph


def to_geojson(town: Town) -> str:
    """Write a town as GeoJSON (RFC 7946), one feature a line."""
    features = [_other_json(feature, town.gate) for feature in town.features]
    features += [_street_json(street) for street in town.streets]
    rows = ",\n".join(json.dumps(feature, separators=(",", ":")) for feature in features)
    head = json.dumps({"type": "FeatureCollection", "name": town.name})
    return f'{head[:-1]}, "features": [\n{rows}\n]}}\n'


def read_town(path: Path) -> Town:
    """Read a town from a GeoJSON file that `to_geojson` wrote, or one with the same properties.

    Raises:
        TownError: The file cannot be read, or is not such a town.
    """
    try:
        return from_geojson(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TownError(f"town {path}: {error.strerror}") from None
    except KeyError as error:
        raise TownError(f"town {path}: a feature lacks {error}") from None
    except (TypeError, AttributeError, IndexError, ValueError) as error:
        raise TownError(f"town {path}: not the GeoJSON of a town: {error}") from None


def from_geojson(text: str) -> Town:
    """Read a town from GeoJSON; anything missing raises the error of the place where it is."""
    collection = json.loads(text)
    features = collection["features"]
    streets = tuple(_street(one) for one in features if one["properties"]["kind"] == "street")
    others = tuple(_other(one) for one in features if one["properties"]["kind"] != "street")
    gates = [one["properties"]["gate"] for one in features if one["properties"]["kind"] == "depot"]
    if not gates:
        raise ValueError("no feature of kind depot")
    gate = (float(gates[0][0]), float(gates[0][1]))
    if not any(gate in street.line for street in streets):
        raise ValueError(f"no street ends at the depot's gate {gate}")
    town = Town(str(collection.get("name", "")), streets, others, gate)
    if not nx.is_strongly_connected(street_graph(town)):
        raise ValueError("its streets do not all lead to one another")
    return town


def _street_json(street: Street) -> dict[str, object]:
    properties = {
        "kind": "street",
        "name": street.name,
        "class": street.rank,
        "speed_mps": street.speed_mps,
        "oneway": street.oneway,
        "bridge": street.bridge,
    }
    geometry = {"type": "LineString", "coordinates": street.line}
    return {"type": "Feature", "id": street.id, "properties": properties, "geometry": geometry}


def _other_json(feature: Feature, gate: LonLat) -> dict[str, object]:
    properties: dict[str, object] = {"kind": feature.kind, "name": feature.name}
    if feature.kind == "depot":
        properties["gate"] = gate
    polygon = feature.shape == "Polygon"
    geometry = {"type": feature.shape, "coordinates": [feature.line] if polygon else feature.line}
    return {"type": "Feature", "id": feature.id, "properties": properties, "geometry": geometry}


def _street(feature: Any) -> Street:
    facts = feature["properties"]
    speed_mps = float(facts["speed_mps"])
    if not 0.0 < speed_mps < 100.0:
        raise ValueError(f"speed_mps {speed_mps} of {feature['id']} is not above 0 and below 100")
    line = _line(feature["geometry"]["coordinates"])
    if len(line) < 2:
        raise ValueError(f"{feature['id']} has fewer than two vertices")
    return Street(
        id=str(feature["id"]),
        name=str(facts["name"]),
        rank=str(facts["class"]),
        speed_mps=speed_mps,
        oneway=bool(facts["oneway"]),
        bridge=bool(facts.get("bridge", False)),
        line=line,
    )


def _other(feature: Any) -> Feature:
    geometry = feature["geometry"]
    polygon = geometry["type"] == "Polygon"
    coordinates = geometry["coordinates"][0] if polygon else geometry["coordinates"]
    facts = feature["properties"]
    return Feature(
        id=str(feature["id"]),
        kind=str(facts["kind"]),
        name=str(facts["name"]),
        shape=str(geometry["type"]),
        line=_line(coordinates),
    )


def _line(coordinates: Iterable[Any]) -> tuple[LonLat, ...]:
    return tuple((float(place[0]), float(place[1])) for place in coordinates)
