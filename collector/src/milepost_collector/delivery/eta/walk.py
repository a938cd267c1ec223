"""The remaining stops one after the other, and what adds up on the way.

From the instant at which the vehicle was last heard of, durations are added up stop by stop: the
rest of what is running (a leg by how far it is still to go, a service by how long it has lasted,
standing in traffic likewise), then legs and services, each at the hour at which it will be. What
scatters by chance adds up in squares; what legs share, today's pace, adds up as it is. The sum is
taken as lognormal (Fenton, "The sum of log-normal probability distributions", IRE Trans. 1960).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from milepost_collector.delivery.eta.lognormal import Spread, remaining, spread, waited
from milepost_collector.delivery.eta.outlook import Outlook
from milepost_collector.delivery.eta.pace import FADES_MS, Pace, Seen, pace
from milepost_collector.delivery.eta.route import Position, Visit

# No forecast is surer than that.
_LEAST_DEVIATION_S = 10.0
# Who stands longer than this on a leg stands for more than a red light.
_RED_S = 60.0
# Who drives away from a stop is not thought to be farther from it than so many legs.
_MOST_LEFT = 2.0
# From so much of a leg on, its own pace counts.
_TELLING_SHARE = 0.1
# So much of a leg's variance is the same all along it.
_OWN_SHARE = 0.4
# Nothing is told by one wild beginning: it counts up to so many deviations.
_WILDEST = 2.5


@dataclass(frozen=True, slots=True)
class Now:
    """What is known at an instant.

    Attributes:
        now_ms: When the forecast is made.
        visits: Stops that were made today and that are being made, in the order of arrival.
        position: None: unknown; then the clock tells how far the vehicle has come.
        left_ms: When the vehicle left its start; None: it has not, or nobody knows.
        dropped: Ids of calls that will not be made any more.
    """

    now_ms: int
    visits: tuple[Visit, ...] = ()
    position: Position | None = None
    left_ms: int | None = None
    dropped: frozenset[str] = frozenset()


class Raw(NamedTuple):
    """A forecast before it is calibrated.

    Attributes:
        number: Of the call.
        ahead_s: After the base instant: the median.
        deviation_s: Standard.
    """

    number: int
    ahead_s: float
    deviation_s: float


def raw_forecast(outlook: Outlook, now: Now) -> tuple[float, list[Raw]]:
    """Return the instant that forecasts count from, and them before calibration."""
    made = outlook.known(now.visits)
    base_ms = _base_ms(now, made)
    return base_ms, _Walk(outlook, now, made, base_ms).raws()


def _base_ms(now: Now, made: Sequence[Visit]) -> float:
    """Return when the vehicle was last heard of: by its position, else by what it did."""
    told = [visit.departed_ms or visit.arrived_ms for visit in made[-1:]]
    told += [] if now.left_ms is None else [now.left_ms]
    if now.position is None:
        return now.now_ms
    return min(max(*told, now.position.time_ms) if told else now.position.time_ms, now.now_ms)


class _Walk:
    """One way through the remaining stops: what has been added up on it so far."""

    def __init__(self, outlook: Outlook, now: Now, made: list[Visit], base_ms: float) -> None:
        self._outlook, self._now, self._base_ms = outlook, now, base_ms
        self._route, self._estimates = outlook.course.route, outlook.estimates
        self._made, self._last = made, outlook.course.numbers[made[-1].id] if made else None
        self._seen = outlook.seen_legs(now.left_ms, made)
        self._legs = self._pace_of_legs()
        seen, shared = outlook.seen_services(made), self._estimates.days_services
        self._services = pace(seen, shared, base_ms, outlook.habit_services)
        self._mean_s = self._variance = 0.0
        # The seconds that depend on the pace of legs and of services: they err together.
        self._leg_s = self._service_s = 0.0

    def raws(self) -> list[Raw]:
        """Return the forecasts of all remaining stops."""
        found: list[Raw] = []
        order = self._remaining()
        if order:
            self._begin(order[0])
        for place, number in enumerate(order):
            if place:
                self._whole_leg(order[place - 1], number)
            found.append(self._raw(number))
            if place < len(order) - 1:
                self._whole_service(number)
        return found

    def _remaining(self) -> list[int]:
        """Return the calls to be made: those ahead, then those that were passed by."""
        gone = {visit.id for visit in self._made} | self._now.dropped
        numbers = [number for number, call in enumerate(self._route.calls) if call.id not in gone]
        ahead = -1 if self._last is None else self._last
        return sorted(numbers, key=lambda number: number < ahead)

    def _raw(self, number: int) -> Raw:
        mean_s, variance = max(self._mean_s, 0.0), self._total()
        ratio = min(variance / (mean_s * mean_s), 1.0) if mean_s > 0.0 else 0.0
        deviation_s = math.sqrt(variance + _LEAST_DEVIATION_S**2)
        return Raw(number, mean_s / math.sqrt(1.0 + ratio), deviation_s)

    def _total(self) -> float:
        by_legs = self._leg_s * self._leg_s * self._legs.variance
        return (
            self._variance + by_legs + self._service_s * self._service_s * self._services.variance
        )

    def _begin(self, number: int) -> None:
        """Add what is left of what the vehicle is doing, up to the first remaining stop."""
        if self._made and self._made[-1].departed_ms is None and self._last is not None:
            self._rest_of_service(self._last, self._made[-1])
            self._whole_leg(self._last, number)
            return
        begun_ms = self._made[-1].departed_ms if self._made else self._now.left_ms
        if begun_ms is None:
            self._depart()
            begun_ms = round(self._base_ms)
        self._rest_of_leg(number, begun_ms)

    def _depart(self) -> None:
        """Add the time until the vehicle leaves its start."""
        late_s, deviation_s = self._estimates.late_s
        if self._route.departs_ms is not None:
            planned_s = (self._route.departs_ms - self._base_ms) / 1000.0
            leaves = waited(Spread(planned_s + late_s, deviation_s**2), 0.0)
            self._mean_s, self._variance = leaves

    def _rest_of_service(self, number: int, visit: Visit) -> None:
        expected = self._outlook.service(number)
        elapsed_s = (self._base_ms - self._outlook.begun_ms(visit)) / 1000.0
        log_hour = self._estimates.services.at_hour(self._hour())
        median_s = expected.median_s * math.exp(log_hour + self._services.mean)
        rest = remaining(median_s, math.sqrt(expected.variance), max(elapsed_s, 0.0))
        self._add_service(rest)
        self._mean_s += max(-elapsed_s, 0.0)  # the window has not opened yet

    def _rest_of_leg(self, number: int, begun_ms: int) -> None:
        """Add the rest of a leg: by the place of the vehicle, else by how long it has lasted."""
        position = self._now.position
        leg = self._outlook.course.leg_between(self._last, number)
        expected = self._outlook.leg(self._last, number)
        if leg.start is None and position is not None:
            leg = self._outlook.course.leg_from((position.lat_deg, position.lon_deg), number)
            expected = self._estimates.leg(leg)
        median_s = expected.median_s * math.exp(self._estimates.legs.at_hour(self._hour()))
        elapsed_s = max(self._base_ms - begun_ms, 0.0) / 1000.0
        deviation = math.sqrt(expected.variance)
        if position is None or leg.outside_m <= 0.0:
            median_s *= math.exp(self._legs.mean)
            self._add_leg(remaining(median_s, deviation, elapsed_s))
            return
        by_clock = min(elapsed_s / median_s, 1.0)
        place = position.lat_deg, position.lon_deg
        left = min(self._outlook.course.rest_m(leg, place, by_clock) / leg.outside_m, _MOST_LEFT)
        own = self._own_pace(median_s, expected.variance, 1.0 - left, elapsed_s)
        whole = spread(median_s * math.exp(self._legs.mean + own), deviation)
        self._add_leg(Spread(whole.mean_s * left, whole.variance * left))
        self._stand(position)

    def _own_pace(self, median_s: float, variance: float, done: float, elapsed_s: float) -> float:
        """Return how the rest of a leg will compare because its beginning did; tell today's pace.

        A leg's residual is partly its own, from its first metre to its last (the street, the
        weather there), partly chance by the metre; what is done tells of both.
        """
        if done < _TELLING_SHARE or elapsed_s <= 0.0:
            return 0.0
        residual = math.log(elapsed_s / (median_s * done))
        noise = variance * (_OWN_SHARE + (1.0 - _OWN_SHARE) / done)
        self._seen.append(Seen(self._base_ms, residual, noise))
        self._legs = self._pace_of_legs()
        farthest = _WILDEST * math.sqrt(noise)
        rest = min(max(residual - self._legs.mean, -farthest), farthest)
        return rest * _OWN_SHARE * variance / noise

    def _pace_of_legs(self) -> Pace:
        shared = self._estimates.days_legs
        return pace(self._seen, shared, self._base_ms, self._outlook.habit_legs)

    def _stand(self, position: Position) -> None:
        """Add what is left of standing in traffic for longer than a light is red."""
        if position.standing_s is not None and position.standing_s > _RED_S:
            mean, deviation = self._estimates.halt
            rest = remaining(math.exp(mean), deviation, position.standing_s)
            self._mean_s += rest.mean_s
            self._variance += rest.variance

    def _whole_leg(self, begin: int | None, end: int) -> None:
        expected = self._outlook.leg(begin, end)
        fading = math.exp(-1000.0 * self._mean_s / FADES_MS)
        middle_s = self._mean_s + expected.median_s / 2.0
        log_hour = self._estimates.legs.at_hour(self._hour(middle_s))
        habit = self._outlook.habit_legs
        now = habit + (self._legs.mean - habit) * fading
        median_s = expected.median_s * math.exp(log_hour + now)
        self._add_leg(spread(median_s, math.sqrt(expected.variance)))

    def _whole_service(self, number: int) -> None:
        """Add a service, and before it waiting for a window."""
        window = self._route.calls[number].window
        if window is not None and self._route.waits:
            self._wait((window.from_ms - self._base_ms) / 1000.0)
        expected = self._outlook.service(number)
        fading = math.exp(-1000.0 * self._mean_s / FADES_MS)
        log_hour = self._estimates.services.at_hour(self._hour(self._mean_s))
        habit = self._outlook.habit_services
        now = habit + (self._services.mean - habit) * fading
        median_s = expected.median_s * math.exp(log_hour + now)
        self._add_service(spread(median_s, math.sqrt(expected.variance)))

    def _wait(self, opens_s: float) -> None:
        """Let what goes on begin no earlier than an instant; slack takes errors away."""
        before = self._total()
        self._mean_s, after = waited(Spread(self._mean_s, before), opens_s)
        kept = after / before if before > 0.0 else 1.0
        self._variance *= kept
        self._leg_s *= math.sqrt(kept)
        self._service_s *= math.sqrt(kept)

    def _hour(self, after_s: float = 0.0) -> float:
        return self._outlook.hour(self._base_ms + 1000.0 * after_s)

    def _add_leg(self, lasting: Spread) -> None:
        mean_s = lasting.mean_s * self._estimates.mean_leg
        self._mean_s += mean_s
        self._variance += lasting.variance
        self._leg_s += mean_s

    def _add_service(self, lasting: Spread) -> None:
        mean_s = lasting.mean_s * self._estimates.mean_service
        self._mean_s += mean_s
        self._variance += lasting.variance
        self._service_s += mean_s
