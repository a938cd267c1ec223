"""Puts stretches of main roads below the ground, so that a receiver loses the sky there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from milepost_firmware_sim.plane import Projection, length_m
from milepost_firmware_sim.town.town import Street

# A street is bent between its crossings: every fourth vertex is one (see `plane.bend`).
BEND_PARTS = 4
# Shorter ones are bridges seen from below; a receiver hardly loses the sky.
_SHORTEST_M = 170.0


def with_tunnels(streets: Sequence[Street], projection: Projection, seed: int) -> Iterator[Street]:
    """Cut one tunnel into a ring road and one into another main road; yield all streets.

    A tunnel runs from one crossing to the next, and keeps the name of its street.
    """
    random = Random(f"tunnels of {seed}")  # noqa: S311 - a drawing, not a secret
    roads = [one for one in streets if one.rank == "primary" and not one.bridge]
    rings = [one for one in roads if one.name.endswith(" Ring")]
    others = [one for one in roads if one not in rings]
    chosen = {}
    for group in (rings, others):
        places = [(road.id, at) for road in group for at in _long_stretches(road, projection)]
        if places:
            road_id, at = random.choice(places)
            chosen[road_id] = at
    for street in streets:
        if street.id in chosen:
            yield from _cut(street, chosen[street.id])
        else:
            yield street


def _long_stretches(street: Street, projection: Projection) -> Iterator[int]:
    """Yield the first vertices of stretches that are long enough, but not the street's last one."""
    line = [projection.to_plane(place) for place in street.line]
    # The outermost stretch of a road leads out of the town, where no drive goes.
    for at in range(0, len(line) - 2 * BEND_PARTS, BEND_PARTS):
        if length_m(line[at : at + BEND_PARTS + 1]) >= _SHORTEST_M:
            yield at


def _cut(street: Street, at: int) -> Iterator[Street]:
    end = at + BEND_PARTS
    if at > 0:
        yield replace(street, line=street.line[: at + 1])
    yield replace(street, id=f"{street.id}-tunnel", line=street.line[at : end + 1], tunnel=True)
    yield replace(street, id=f"{street.id}-beyond", line=street.line[end:])
