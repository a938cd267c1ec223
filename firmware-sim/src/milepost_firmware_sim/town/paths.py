"""The way between two places of a town, as GeoJSON (RFC 7946) that can be driven again."""

import json

from milepost_firmware_sim.path import Surroundings
from milepost_firmware_sim.town.addresses import AddressBook
from milepost_firmware_sim.town.places import find_place
from milepost_firmware_sim.town.router import Least, Router, Way
from milepost_firmware_sim.town.town import Town, TownError


def path_geojson(town: Town, start: str, goal: str, least: Least) -> str:
    """Write the way between two places as one feature, a LineString.

    Its properties are `from`, `to`, `length_m`, `time_s` at the speed limits, `streets` in their
    order, and for each stretch between two vertices `speed_kmh`, `tunnel` and `surroundings`.

    Raises:
        TownError: A place is not in the town, or both are the same.
    """
    book = AddressBook(town)
    one, other = (find_place(book, place) for place in (start, goal))
    way = Router(town).way(one, other, least=least)
    if way is None:
        raise TownError(f"{goal}: is where the way begins")
    return json.dumps(_feature(town, one.name, way)) + "\n"


def _feature(town: Town, start: str, way: Way) -> dict[str, object]:
    projection = town.projection
    stretches = way.path.stretches
    streets = [
        stretch.street
        for number, stretch in enumerate(stretches)
        if number == 0 or stretch.street != stretches[number - 1].street
    ]
    properties = {
        "from": start,
        "to": way.arrival.name,
        "length_m": round(way.length_m, 1),
        "time_s": round(way.time_s, 1),
        "streets": streets,
        "speed_kmh": [round(stretch.limit_mps * 3.6, 1) for stretch in stretches],
        "tunnel": [stretch.surroundings is Surroundings.TUNNEL for stretch in stretches],
        "surroundings": [stretch.surroundings.value for stretch in stretches],
    }
    line = [_rounded(projection.to_degrees_exact(point)) for point in way.path.points]
    geometry = {"type": "LineString", "coordinates": line}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _rounded(place: tuple[float, float]) -> list[float]:
    return [round(one, 7) for one in place]
