"""The order of a round: nearest neighbour, then turned about while that makes it shorter.

In flow a depot and addresses, out flows their order, by metres along the streets.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import dist, fsum

import networkx as nx

from milepost_firmware_sim.town.addresses import Address
from milepost_firmware_sim.town.router import Least, Router

# Less is no gain: sums of other orders differ by as much.
_GAIN_M = 0.01


def round_order(router: Router, depot: Address, places: Sequence[Address]) -> list[int]:
    """Return the indices of `places` in the order of a short round from the depot and back."""
    stations = [depot, *places]
    metres = [_metres_from(router, one, stations) for one in stations]
    order = _nearest_first(metres)
    return [station - 1 for station in _improved(order, metres)[1:-1]]


def _metres_from(router: Router, start: Address, goals: Sequence[Address]) -> list[float]:
    reached = nx.single_source_dijkstra_path_length(
        router.graph, start.ahead, weight=Least.LENGTH.value
    )
    begin_m = dist(start.point, start.ahead)
    return [begin_m + _metres_to(router, reached, goal) for goal in goals]


def _metres_to(router: Router, reached: dict[tuple[float, float], float], goal: Address) -> float:
    """Return the metres to an address, entered from the nearer end that one may enter from."""
    ends = [(goal.behind, goal.ahead), (goal.ahead, goal.behind)]
    open_ends = [one for one in ends if one[0] == one[1] or router.graph.has_edge(*one)]
    return min(reached[first] + dist(first, goal.point) for first, _ in open_ends)


def _nearest_first(metres: Sequence[Sequence[float]]) -> list[int]:
    order, left = [0], set(range(1, len(metres)))
    while left:
        nearest = min(left, key=lambda station: (metres[order[-1]][station], station))
        order.append(nearest)
        left.remove(nearest)
    return [*order, 0]


def _improved(order: list[int], metres: Sequence[Sequence[float]]) -> list[int]:
    """Turn parts of the round about while that makes it shorter (2-opt; one-way streets count)."""

    def length_m(round_: list[int]) -> float:
        return fsum(metres[one][other] for one, other in pairwise(round_))

    best_m, better = length_m(order), True
    while better:
        better = False
        for first in range(1, len(order) - 2):
            for last in range(first + 1, len(order) - 1):
                turned = [*order[:first], *order[first : last + 1][::-1], *order[last + 1 :]]
                turned_m = length_m(turned)
                if turned_m < best_m - _GAIN_M:
                    order, best_m, better = turned, turned_m, True
    return order
