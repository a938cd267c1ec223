"""A town as GeoJSON (RFC 7946), written and read back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import networkx as nx

from milepost_firmware_sim.plane import LonLat
from milepost_firmware_sim.town.addresses import Houses, number_houses
from milepost_firmware_sim.town.town import Feature, Street, Town, TownError, street_graph


def to_geojson(town: Town) -> str:
    """Write a town as GeoJSON, one feature a line."""
    features = [_other_json(feature, town.gate) for feature in town.features]
    features += [_street_json(houses) for houses in number_houses(town)]
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


def _street_json(houses: Houses) -> dict[str, object]:
    street = houses.street
    properties = {
        "kind": "street",
        "name": street.name,
        "class": street.rank,
        "speed_mps": street.speed_mps,
        "oneway": street.oneway,
        "bridge": street.bridge,
        "tunnel": street.tunnel,
        "houses": [houses.first, houses.last],
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
        tunnel=bool(facts.get("tunnel", False)),
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
