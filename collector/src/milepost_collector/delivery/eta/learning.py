"""Takes a finished day into a book: what its legs and services took, and how forecasts did on it.

A day is forecast before it is learned: scores (`calibration`) and the products that tell how much
of a day's residuals is shared (`pace`) come from estimates that have not seen it (prequential:
Dawid, "Statistical theory: the prequential approach", JRSS A 147, 1984). Errors of the first days
say more of how little was known than of the fleet: they count as far as estimates were ripe.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from milepost_collector.delivery.eta.book import HABIT, MEAN, PACE, Book, timed, untimed
from milepost_collector.delivery.eta.calibration import score_key
from milepost_collector.delivery.eta.course import measured
from milepost_collector.delivery.eta.day import Day
from milepost_collector.delivery.eta.estimates import (
    DETOUR,
    HALT,
    LATE,
    LEG,
    SERVICE,
    Estimates,
    leg_places,
    leg_prior,
    service_places,
    service_prior,
)
from milepost_collector.delivery.eta.outlook import Drive, Outlook
from milepost_collector.delivery.eta.pace import Seen
from milepost_collector.delivery.eta.walk import raw_forecast

# Scores are taken so often.
_SCORED_S = 180.0
# A duration counts as no more than so many times the prior guess, nor less than its inverse.
_WILDEST = 2.5
_WILDEST_TIMES = 8.0
# Standing shorter than that is a red light, and in the times of legs already.
_RED_S = 60.0
_WILDEST_LATE_S = 7_200.0
# Nearer places say little about how far round streets go.
_LEAST_STRAIGHT_M = 100.0


def learn(book: Book, day: Day, estimates: Estimates) -> None:
    """Take a day into a book.

    Args:
        book: Is added to.
        day: Finished.
        estimates: Of before that day.
    """
    outlook = Outlook(measured(day.route, estimates.detour), estimates)
    visits = outlook.known(day.visits)
    _score(book, day, outlook)
    _compare(book, outlook, LEG, outlook.seen_legs(day.left_ms, visits))
    _compare(book, outlook, SERVICE, outlook.seen_services(visits))
    for drive in outlook.drives(day.left_ms, visits):
        _learn_leg(book, outlook, drive)
    for stay in outlook.stays(visits):
        call = day.route.calls[stay.end]
        prior, places = service_prior(call), service_places(call)
        _learn(book, SERVICE, stay, (*prior, *places), day.route.offset_s)
    for halt_s in day.halts_s():
        if halt_s >= _RED_S:
            book.add(untimed(HALT), math.log(halt_s))
    if day.left_ms is not None and day.route.departs_ms is not None:
        late_s = (day.left_ms - day.route.departs_ms) / 1000.0
        book.add(untimed(LATE), max(min(late_s, _WILDEST_LATE_S), -_WILDEST_LATE_S))


def _learn_leg(book: Book, outlook: Outlook, drive: Drive) -> None:
    leg = outlook.course.leg_between(drive.begin, drive.end)
    prior, places = leg_prior(leg), leg_places(leg)
    _learn(book, LEG, drive, (*prior, *places), outlook.course.route.offset_s)
    if leg.along_m is not None and leg.straight_m > _LEAST_STRAIGHT_M:
        book.add(untimed(DETOUR), math.log(leg.length_m / leg.straight_m))


def _learn(
    book: Book, kind: str, drive: Drive, about: tuple[float, float, str, str], offset_s: float
) -> None:
    """Add a duration to the rows of its size, its area and its place."""
    prior_s, size, area, place = about
    value = max(min(math.log(drive.lasted_s / prior_s), _WILDEST), -_WILDEST)
    for rung, name in (("size", f"{math.floor(size)}"), ("area", area), ("place", place)):
        book.add(timed(f"{kind}.{rung}", name, drive.middle_ms, offset_s), value, size)


def _compare(book: Book, outlook: Outlook, kind: str, seen: Sequence[Seen]) -> None:
    """Add what neighbours of a day have in common, what is usual for the vehicle, and the mean.

    The mean of exp(residual) is what takes an expected logarithm back to an expected duration
    (Duan, "Smearing estimate", JASA 78, 1983); here over that of a lognormal.
    """
    ripe, vehicle = outlook.estimates.ripe, outlook.course.route.vehicle
    habit = outlook.habit_legs if kind == LEG else outlook.habit_services
    for each in seen:
        over = min(math.exp(each.residual - habit - each.variance / 2.0), _WILDEST_TIMES)
        book.add(untimed(MEAN + kind), over, weight=ripe)
        if vehicle:
            told = max(min(each.residual, _WILDEST), -_WILDEST)
            book.add(untimed(HABIT + kind, vehicle), told, weight=math.sqrt(ripe))
    for one, other in pairwise(seen):
        product = (one.residual - habit) * (other.residual - habit)
        book.add(untimed(PACE + kind), product, weight=math.sqrt(ripe))


def _score(book: Book, day: Day, outlook: Outlook) -> None:
    """Add how far forecasts of the day were off, in their own deviations."""
    came_ms = {visit.id: visit.arrived_ms for visit in day.visits}
    for now_ms in day.instants_ms(_SCORED_S):
        base_ms, raws = raw_forecast(outlook, day.at(now_ms))
        for number, ahead_s, deviation_s in raws:
            arrived_ms = came_ms.get(day.route.calls[number].id)
            if arrived_ms is not None:
                score = ((arrived_ms - base_ms) / 1000.0 - ahead_s) / deviation_s
                book.add(score_key(ahead_s, score), score, weight=outlook.estimates.ripe)
