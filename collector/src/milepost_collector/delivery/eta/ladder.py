"""What durations of one kind depend on, from rows of sums: from the fleet down to one place.

The logarithm of a duration, over a prior guess, is the sum of: the fleet's mean, an effect of the
size (length of the leg, planned service), of the hour and weekday, of the area, of the place (for
legs the pair of places). Each effect is shrunk toward the rung above by what is known of it:
effect = weight * mean / (weight + s2 / t2), the empirical Bayes form of James and Stein's estimator
(Efron, Morris, "Stein's estimation rule and its competitors", JASA 68, 1973; Morris, "Parametric
empirical Bayes inference", JASA 78, 1983). t2, how much places (hours, sizes) really differ, is
estimated by moments (DerSimonian, Laird, "Meta-analysis in clinical trials", 1986), itself drawn
toward a prior. The rungs that cross (size and hour) are fitted by turns (backfitting: Buja, Hastie,
Tibshirani 1989).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from milepost_collector.delivery.eta.book import WEEK_H, Book
from milepost_collector.delivery.eta.sums import Key, Sums

# A place is named by its area, this, and its own cell.
AREA_END = "/"

_SWEEPS = 4
# What the priors are worth: the spread, in durations; t2, in groups.
_SPREAD_WORTH = 20.0
_DIFFER_WORTH = 5.0
# How much effects are thought to differ before anything is seen: their variance.
_FLEETS_DIFFER = 0.25
_SIZES_DIFFER = 0.04
_HOURS_DIFFER = 0.02
_WEEKDAYS_DIFFER = 0.005
_PLACES_DIFFER = 0.02
# So much of the spread cannot be explained by areas and places, whatever the moments say.
_LEAST_CHANCE = 0.3

_Numbers = NDArray[np.float64]
_Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rung:
    """Effects of places, and what is not known of them.

    Attributes:
        effects: By place: how much longer it takes, and the variance of that; a logarithm.
        differ: Variance of the effect of a place that nobody has seen.
    """

    effects: dict[str, tuple[float, float]] = field(default_factory=dict)
    differ: float = _PLACES_DIFFER

    def at(self, place: str) -> tuple[float, float]:
        """Return the effect of a place and its variance."""
        return self.effects.get(place, (0.0, self.differ))


@dataclass(frozen=True, slots=True)
class Ladder:
    """How durations of a kind are expected to be, as logarithms over the prior guess.

    Attributes:
        fleet: The mean of all.
        unsure: The variance of that: fleets differ, and little may have been seen of this one.
        hours: The effect of each hour of the week.
        sizes: Where the effects of sizes are known, ascending.
        by_size: The effect at each.
        chance: The variance that nothing explains, at each; at least one.
        areas: Effects of areas.
        places: Effects of places, or of pairs of them.
    """

    fleet: float
    unsure: float
    hours: tuple[float, ...]
    sizes: tuple[float, ...]
    by_size: tuple[float, ...]
    chance: tuple[float, ...]
    areas: Rung
    places: Rung

    def lasting(self, size: float, area: str, place: str) -> tuple[float, float]:
        """Return what is expected apart from the hour: the logarithm, and its variance."""
        by_area, area_variance = self.areas.at(area)
        by_place, place_variance = self.places.at(place)
        by_size, chance = 0.0, self.chance[0]
        if self.sizes:
            by_size = float(np.interp(size, self.sizes, self.by_size))
            chance = float(np.interp(size, self.sizes, self.chance))
        variance = chance + area_variance + place_variance
        return self.fleet + by_size + by_area + by_place, variance

    def at_hour(self, hour: float) -> float:
        """Return the effect of an hour of the week, 0 to below 168, gliding between hours."""
        before = hour - 0.5
        number = math.floor(before)
        share = before - number
        hours = self.hours
        return hours[number] * (1.0 - share) + hours[(number + 1) % WEEK_H] * share


def ladder(book: Book, kind: str, prior_variance: float) -> Ladder:
    """Return what a book knows of a kind: rows `kind.size`, `kind.area` and `kind.place`.

    Args:
        book: What was learned.
        kind: Such as `leg`.
        prior_variance: How durations are thought to scatter before any is seen.
    """
    table = _Table(book.of_kind(f"{kind}.size"))
    begun = _crossed(table, prior_variance)
    chance = begun.chance[0] if not len(table.weights) else _mean(table, begun.chance)
    areas = _rung(begun, _Table(book.of_kind(f"{kind}.area")), chance)
    begun = replace(begun, areas=areas)
    places = _rung(begun, _Table(book.of_kind(f"{kind}.place")), chance)
    left = max(1.0 - (areas.differ + places.differ) / chance, _LEAST_CHANCE)
    return replace(begun, places=places, chance=tuple(each * left for each in begun.chance))


class _Table:
    """Rows as columns; the groups are their places."""

    def __init__(self, rows: Sequence[tuple[Key, Sums]]) -> None:
        rows = sorted((row for row in rows if row[1].weight > 0.0), key=lambda row: row[0])
        self.names = sorted({key.place for key, _ in rows})
        numbers = {name: number for number, name in enumerate(self.names)}
        self.group: _Places = np.array([numbers[key.place] for key, _ in rows], np.intp)
        self.hours: _Places = np.array([24 * key.weekday + key.hour for key, _ in rows], np.intp)
        values = np.array([_row(sums) for _, sums in rows], np.float64).reshape(len(rows), 4)
        self.weights, self.means, self.squares, self.size = values.T

    def of_groups(self, values: _Numbers) -> _Numbers:
        """Return sums of values by group."""
        return _sums(self.group, values, len(self.names))


def _row(sums: Sums) -> tuple[float, float, float, float]:
    return sums.weight, sums.mean, sums.squares, sums.size


def _mean(table: _Table, by_group: Sequence[float]) -> float:
    return float(np.average(np.array(by_group), weights=table.of_groups(table.weights)))


def _crossed(table: _Table, prior_variance: float) -> Ladder:
    """Return the rungs that cross: the fleet, sizes and hours."""
    nowhere = Rung(differ=0.0)
    if not len(table.weights):
        hours = (0.0,) * WEEK_H
        return Ladder(0.0, _FLEETS_DIFFER, hours, (), (), (prior_variance,), nowhere, nowhere)
    weights = table.weights
    worth = prior_variance / _FLEETS_DIFFER
    fleet = float((weights * table.means).sum() / (weights.sum() + worth))
    by_size, by_hour = np.zeros(len(table.names)), np.zeros(WEEK_H)
    rest = table.means - fleet
    for _ in range(_SWEEPS):
        chance = _spread(table, rest, prior_variance)
        without = table.means - fleet - by_hour[table.hours]
        by_size = _effects(table, without, chance, _SIZES_DIFFER)[0]
        without = table.means - fleet - by_size[table.group]
        by_hour = _hourly(table, without, chance)
        rest = without - by_hour[table.hours]
    sums = table.of_groups(table.squares + weights * rest**2)
    groups = table.of_groups(weights)
    chances = (sums + _SPREAD_WORTH * chance) / (groups + _SPREAD_WORTH)
    sizes = table.of_groups(weights * table.size) / groups
    order = np.argsort(sizes)
    unsure = _FLEETS_DIFFER * worth / (float(weights.sum()) + worth)
    return Ladder(
        fleet,
        unsure,
        tuple(by_hour.tolist()),
        tuple(sizes[order].tolist()),
        tuple(by_size[order].tolist()),
        tuple(chances[order].tolist()),
        nowhere,
        nowhere,
    )


def _spread(table: _Table, rest: _Numbers, prior_variance: float) -> float:
    """Return the variance within groups, drawn toward a prior."""
    squares = float((table.squares + table.weights * rest**2).sum())
    weight = float(table.weights.sum())
    return (squares + _SPREAD_WORTH * prior_variance) / (weight + _SPREAD_WORTH)


def _effects(
    table: _Table, rest: _Numbers, chance: float, prior_differ: float
) -> tuple[_Numbers, _Numbers, float]:
    """Return the shrunk effect of each group, its variance, and how much groups differ."""
    return _shrunk(table.group, len(table.names), table.weights, rest, chance, prior_differ)


def _shrunk(
    group: _Places,
    groups: int,
    weights: _Numbers,
    rest: _Numbers,
    chance: float,
    prior_differ: float,
) -> tuple[_Numbers, _Numbers, float]:
    weight, total = _sums(group, weights, groups), _sums(group, weights * rest, groups)
    seen = weight > 0.0
    count = int(seen.sum())
    excess = float((total[seen] ** 2 / weight[seen]).sum()) - count * chance
    moment = max(excess / max(float(weight.sum()), 1e-9), 0.0)
    differ = (moment * count + prior_differ * _DIFFER_WORTH) / (count + _DIFFER_WORTH)
    worth = weight + chance / differ
    return total / worth, differ * (1.0 - weight / worth), differ


def _sums(group: _Places, values: _Numbers, groups: int) -> _Numbers:
    """Return the sums of values by group."""
    found: _Numbers = np.bincount(group, values, minlength=groups).astype(np.float64)
    return found


def _hourly(table: _Table, rest: _Numbers, chance: float) -> _Numbers:
    """Return the effects of hours of the week: the hour's on all days, and on that day."""
    hours, weights = table.hours % 24, table.weights
    daily = _shrunk(hours, 24, weights, rest, chance, _HOURS_DIFFER)[0]
    left = rest - daily[hours]
    weekly = _shrunk(table.hours, WEEK_H, weights, left, chance, _WEEKDAYS_DIFFER)[0]
    return np.tile(daily, 7) + weekly


def apart(book: Book, kind: str, chance: float) -> dict[str, float]:
    """Return shrunk means of the rows of a kind, by place: how far apart groups are.

    Args:
        book: What was learned.
        kind: Of rows whose values are about 0.
        chance: The variance of values within a group.
    """
    table = _Table(book.of_kind(kind))
    effects = _effects(table, table.means, chance, _PLACES_DIFFER)[0]
    return dict(zip(table.names, effects.tolist(), strict=True))


def _rung(below: Ladder, table: _Table, chance: float) -> Rung:
    """Return the effects of places on what the rungs so far leave."""
    if not len(table.weights):
        return Rung()
    expected = below.fleet + np.array(below.hours)[table.hours]
    if below.sizes:
        expected += np.interp(table.size, below.sizes, below.by_size)
    by_area = np.array([below.areas.at(name.split(AREA_END)[0])[0] for name in table.names])
    rest = table.means - expected - by_area[table.group]
    effects, variances, differ = _effects(table, rest, chance, _PLACES_DIFFER)
    pairs = zip(effects.tolist(), variances.tolist(), strict=True)
    return Rung(dict(zip(table.names, pairs, strict=True)), differ)
