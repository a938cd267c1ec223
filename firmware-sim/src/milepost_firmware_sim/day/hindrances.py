"""What holds a van up on its way: a jam, a closed street, a break of its driver.

In flow a way, out flows the way that is driven instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import dist, fsum
from random import Random

from milepost_firmware_sim.path import Path
from milepost_firmware_sim.plane import Point, between
from milepost_firmware_sim.town.addresses import Address
from milepost_firmware_sim.town.router import Router, Way
from milepost_firmware_sim.town.town import Town

_JAM_S = (480.0, 1200.0)
_JAM_M = 350.0
_CREEP_MPS = 1.8
_YARD = "service"
_BREAK_S = (900.0, 1800.0)
_PARKING_M = 15.0
# A way around that is no longer is no detour, one through the whole town nobody drives.
_AROUND_M = (100.0, 3000.0)
_WORTH_TELLING_M = 400.0
_CLOSURES_TRIED = 12


@dataclass(frozen=True, slots=True)
class Hindered:
    """A way with a jam on it.

    Attributes:
        first: The point of it where it begins to differ.
        last: The one where that ends.
        street: Where that is.
    """

    path: Path
    first: int
    last: int
    street: str


@dataclass(frozen=True, slots=True)
class Rest:
    """A way with a break on it.

    Attributes:
        place: Where the van stands.
        seconds: How long.
        street: Where that is.
    """

    path: Path
    place: Point
    seconds: float
    street: str


@dataclass(frozen=True, slots=True)
class Detour:
    """A way around a closed street.

    Attributes:
        street: The closed one.
    """

    way: Way
    street: str


def jammed(path: Path, random: Random) -> Hindered:
    """Let the traffic creep on a part of a way, stop and go, so that it takes 8 to 20 minutes more.

    Args:
        path: With its halts.
        random: Chooses where, and how long.
    """
    lengths = [dist(one, other) for one, other in pairwise(path.points)]
    ranks = [stretch.rank for stretch in path.stretches]
    # Not in the depot's yard, and not where the way is nearly over.
    early = range(max(1, len(lengths) * 2 // 3))
    first = random.choice([at for at in early if ranks[at] != _YARD] or early)
    last, metres = first, 0.0
    while last < len(lengths) and metres < _JAM_M:
        metres += lengths[last]
        last += 1
    creeping = [replace(one, limit_mps=min(one.limit_mps, _CREEP_MPS)) for one in path.stretches]
    driven_s = fsum(
        metres / path.stretches[at].limit_mps
        for at, metres in enumerate(lengths)
        if first <= at < last
    )
    left_s = random.uniform(*_JAM_S) - (metres / _CREEP_MPS - driven_s)
    stands = range(max(first, 1), last)
    waits = dict(path.halts)
    for at in stands:
        waits[at] = waits.get(at, 0.0) + max(left_s, 0.0) / len(stands)
    slowed = (*path.stretches[:first], *creeping[first:last], *path.stretches[last:])
    changed = replace(path, stretches=slowed, halts=tuple(sorted(waits.items())))
    return Hindered(changed, first, last, path.stretches[first].street)


def with_break(path: Path, random: Random) -> Rest | None:
    """Let the driver rest at the side of a quiet street; None where there is no place for it."""
    lengths = [dist(one, other) for one, other in pairwise(path.points)]
    free = [at for at in range(1, len(lengths) - 1) if lengths[at] >= _PARKING_M]
    quiet = [at for at in free if path.stretches[at].rank != "primary"]
    if not free:
        return None
    at, seconds = random.choice(quiet or free), random.uniform(*_BREAK_S)
    points, stretches, altitudes = path.points, path.stretches, path.altitudes_m
    place = between(points[at], points[at + 1], 0.5)
    halts = [(index if index <= at else index + 1, wait_s) for index, wait_s in path.halts]
    resting = Path(
        points=(*points[: at + 1], place, *points[at + 1 :]),
        stretches=(*stretches[: at + 1], *stretches[at:]),
        altitudes_m=(*altitudes[: at + 1], altitudes[at], *altitudes[at + 1 :]),
        halts=tuple(sorted([*halts, (at + 1, seconds)])),
    )
    return Rest(resting, place, seconds, stretches[at].street)


def way_around(town: Town, here: Address, way: Way, random: Random) -> Detour | None:
    """Close a street on a way and drive around it; None where no way around is worth the name.

    Args:
        town: Where.
        here: Where the way begins.
        way: As it was meant.
        random: Chooses the street.
    """
    points = way.path.points
    ends = [{one.behind, one.ahead} for one in (here, way.arrival)]
    # A van gets away from where it stands, and to where it has to stand.
    inner = [at for at in range(1, len(points) - 2) if {*points[at : at + 2]} not in ends]
    random.shuffle(inner)
    router, least_m, best = Router(town), _AROUND_M[0], None
    for at in inner[:_CLOSURES_TRIED]:
        around = _closed_way(router, points[at : at + 2], here, way.arrival)
        if around is None:
            continue
        longer_m = around.length_m - way.length_m
        if least_m <= longer_m <= _AROUND_M[1]:
            least_m, best = longer_m, Detour(around, way.path.stretches[at].street)
        if best is not None and least_m >= _WORTH_TELLING_M:
            break
    return best


def _closed_way(
    router: Router, closed: Sequence[Point], here: Address, goal: Address
) -> Way | None:
    """Return the way while a stretch is closed, which is then open again; None: no way is left."""
    one, other = closed
    edges = [edge for edge in ((one, other), (other, one)) if router.graph.has_edge(*edge)]
    facts = [router.graph.edges[edge] for edge in edges]
    router.graph.remove_edges_from(edges)
    try:
        return router.way(here, goal, turned=False)
    except KeyError:  # no street leads there any more
        return None
    finally:
        for edge, known in zip(edges, facts, strict=True):
            router.graph.add_edge(*edge, **known)
