"""The command `town`: a seed's town, or the way between two of its places, as GeoJSON."""

from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.output import Output
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.geojson import read_town, to_geojson
from milepost_firmware_sim.town.paths import path_geojson
from milepost_firmware_sim.town.router import Least
from milepost_firmware_sim.town.town import TownError

_LEAST = {"length": Least.LENGTH, "time": Least.TIME}


def town(
    seed: Annotated[int, typer.Option(help="The same seed draws the same town.")],
    town: Annotated[
        Path | None, typer.Option(help="GeoJSON of a town, with --path; else the seed's.")
    ] = None,
    path: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="FROM TO",
            help="Only the way between two places: addresses, Depot, or LAT,LON.",
        ),
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="length|time", help="Shortest or quickest way.")
    ] = "length",
    out: Annotated[Path | None, typer.Option(help="GeoJSON file; else standard output.")] = None,
) -> None:
    """Draw a town as GeoJSON: river, bridges, ring road, old quarter, depot, some 200 streets."""
    if by not in _LEAST:
        raise TownError(f"--by {by}: neither length nor time")
    place = generate_town(seed) if town is None else read_town(town)
    text = to_geojson(place) if path is None else path_geojson(place, *path, _LEAST[by])
    with Output(out) as output:
        output.write(text.encode())
