"""Forecasts measured on past days: what they would have told, beside the baselines.

Days are taken in the order of time. The first ones are learned, one calendar day after the other,
each forecast from the days before it alone; then the book is closed, and the rest is held out: at
regular instants every remaining stop is forecast, and compared with when the vehicle came.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from milepost_collector.delivery.eta.baselines import (
    MeanSpeed,
    delay_ms,
    planned_ms,
    straight_etas_ms,
)
from milepost_collector.delivery.eta.book import Book
from milepost_collector.delivery.eta.course import measured
from milepost_collector.delivery.eta.day import Day
from milepost_collector.delivery.eta.estimates import Estimates
from milepost_collector.delivery.eta.forecast import forecast
from milepost_collector.delivery.eta.learning import learn
from milepost_collector.delivery.eta.outlook import Outlook

# Horizons in minutes, and from which to which real one each goes: the middles between them.
HORIZONS_MIN = {5: (2.5, 10.0), 15: (10.0, 22.5), 30: (22.5, 45.0), 60: (45.0, 90.0)}
FORECAST, STRAIGHT, PLAN, SHIFTED = "forecast", "straight", "plan", "plan_shifted"
METHODS = (FORECAST, STRAIGHT, PLAN, SHIFTED)
BASELINES = METHODS[1:]

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """How forecasts did at one horizon.

    Attributes:
        forecasts: How many were compared.
        median_s: Median absolute error by method.
        mean_s: Mean absolute error by method.
        coverage: Share of arrivals within the interval.
        width_s: Mean width of intervals.
    """

    forecasts: int
    median_s: dict[str, float]
    mean_s: dict[str, float]
    coverage: float
    width_s: float

    @property
    def better(self) -> str:
        """The baseline with the smaller median error."""
        return min(BASELINES, key=lambda name: self.median_s[name])

    @property
    def gain(self) -> float:
        """How far the median error is below that of the better baseline, as a share."""
        least = self.median_s[self.better]
        return 1.0 - self.median_s[FORECAST] / least if least > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A backtest's outcome.

    Attributes:
        learned: Vehicle days that were learned.
        held_out: Vehicle days that were forecast.
        arrivals: Arrivals of those that were forecast at least once.
        coverage: The stated one.
        overall: Over all horizons; None: nothing was forecast.
        by_horizon: By minutes; those that occurred.
        rows: How large the book is.
    """

    learned: int
    held_out: int
    arrivals: int
    coverage: float
    overall: Figures | None
    by_horizon: dict[int, Figures] = field(default_factory=dict)
    rows: int = 0


def backtest(
    days: Iterable[Day], learn_days: int, *, coverage: float = 0.8, every_s: float = 60.0
) -> Report:
    """Learn the first calendar days, forecast the others.

    Args:
        days: Vehicle days.
        learn_days: How many calendar days are learned.
        coverage: Which share of arrivals intervals are to hold.
        every_s: How far instants are apart.
    """
    ordered = sorted(days, key=lambda day: (day.number, day.name))
    groups = [list(group) for _, group in groupby(ordered, key=lambda day: day.number)]
    book, speed = learned(groups[:learn_days], coverage)
    estimates = Estimates.of(book, coverage)
    held_out = [day for group in groups[learn_days:] for day in group]
    rows: list[_Row] = []
    arrivals = 0
    for day in held_out:
        told = list(_compared(day, estimates, speed, every_s))
        arrivals += len({call for call, _ in told})
        rows += [row for _, row in told]
    count = sum(map(len, groups[:learn_days]))
    table = np.array(rows, np.float64).reshape(len(rows), 3 + len(METHODS))
    return Report(
        count,
        len(held_out),
        arrivals,
        coverage,
        _figures(table) if rows else None,
        dict(_by_horizon(table)),
        len(book),
    )


def learned(groups: Sequence[Sequence[Day]], coverage: float = 0.8) -> tuple[Book, MeanSpeed]:
    """Return what calendar days teach: each is forecast from those before it, then learned."""
    book, speed = Book(), MeanSpeed()
    before: int | None = None
    for group in groups:
        estimates = Estimates.of(book, coverage)
        if before is not None:
            book.age(group[0].number - before)
        before = group[0].number
        for day in group:
            learn(book, day, estimates)
            speed.learn(day)
    return book, speed


# Seconds until the vehicle came, whether the interval held it, its width, errors by method.
_Row = tuple[float, ...]


def _compared(
    day: Day, estimates: Estimates, speed: MeanSpeed, every_s: float
) -> Iterator[tuple[str, _Row]]:
    """Yield for each forecast of a day whose it is, and how it did."""
    outlook = Outlook(measured(day.route, estimates.detour), estimates)
    came = {visit.id: visit.arrived_ms for visit in day.visits}
    calls = {call.id: call for call in day.route.calls}
    instants = day.instants_ms(every_s)
    planned = planned_ms(day.route, instants.start, speed.mps)
    for now_ms in instants:
        now = day.at(now_ms)
        etas = forecast(outlook, now)
        order = [calls[eta.id] for eta in etas]
        straights = straight_etas_ms(now, day.route, order, speed.mps)
        shift_ms = delay_ms(day.route, planned, now.visits, now.left_ms)
        for eta, straight_ms in zip(etas, straights, strict=True):
            came_ms = came.get(eta.id)
            if came_ms is None:
                continue
            plan_ms = planned[eta.id]
            guesses = (eta.point_ms, straight_ms, plan_ms, plan_ms + shift_ms)
            errors = [(max(guess, now_ms) - came_ms) / 1000.0 for guess in guesses]
            within = eta.low_ms <= came_ms <= eta.high_ms
            width_s = (eta.high_ms - eta.low_ms) / 1000.0
            yield eta.id, ((came_ms - now_ms) / 1000.0, float(within), width_s, *errors)


def _by_horizon(table: _Numbers) -> Iterator[tuple[int, Figures]]:
    for minutes, (begin, end) in HORIZONS_MIN.items():
        part = table[(table[:, 0] >= 60.0 * begin) & (table[:, 0] < 60.0 * end)]
        if len(part):
            yield minutes, _figures(part)


def _figures(table: _Numbers) -> Figures:
    errors = np.abs(table[:, 3:])
    medians, means = np.median(errors, axis=0).tolist(), errors.mean(axis=0).tolist()
    return Figures(
        len(table),
        dict(zip(METHODS, medians, strict=True)),
        dict(zip(METHODS, means, strict=True)),
        float(table[:, 1].mean()),
        float(table[:, 2].mean()),
    )
