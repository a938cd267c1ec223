"""A route together with what the fleet's past makes one expect of it: made once, used for a day."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from milepost_collector.delivery.eta.book import hour_of_week
from milepost_collector.delivery.eta.course import Course
from milepost_collector.delivery.eta.estimates import Estimates, Expected
from milepost_collector.delivery.eta.pace import Seen
from milepost_collector.delivery.eta.route import Visit

_LEAST_S = 1.0


class Drive(NamedTuple):
    """A finished leg.

    Attributes:
        begin: The number of the call that it left; None: the start.
        end: The number of the call that it came to.
        begin_ms: When.
        end_ms: When.
    """

    begin: int | None
    end: int
    begin_ms: int
    end_ms: int

    @property
    def lasted_s(self) -> float:
        """How long it took; 1 s at least."""
        return max((self.end_ms - self.begin_ms) / 1000.0, _LEAST_S)

    @property
    def middle_ms(self) -> float:
        """When half of that was over."""
        return (self.begin_ms + self.end_ms) / 2.0


class Outlook:
    """What is expected of each leg and stop of a measured route, apart from the hour."""

    def __init__(self, course: Course, estimates: Estimates) -> None:
        self.course, self.estimates = course, estimates
        self._legs = [estimates.leg(leg) for leg in course.legs]
        self._services = [estimates.service(call) for call in course.route.calls]
        vehicle = course.route.vehicle
        self.habit_legs = estimates.habits_legs.get(vehicle, 0.0)
        self.habit_services = estimates.habits_services.get(vehicle, 0.0)

    def leg(self, begin: int | None, end: int) -> Expected:
        """Return what is expected of the leg between two calls; None: from the start."""
        if end == (0 if begin is None else begin + 1):
            return self._legs[end]
        return self.estimates.leg(self.course.leg_between(begin, end))

    def service(self, number: int) -> Expected:
        """Return what is expected of the service at a call."""
        return self._services[number]

    def known(self, visits: Sequence[Visit]) -> list[Visit]:
        """Return the visits to calls of this route."""
        return [visit for visit in visits if visit.id in self.course.numbers]

    def drives(self, left_ms: int | None, visits: Sequence[Visit]) -> Iterator[Drive]:
        """Yield the finished legs of a day."""
        numbers = self.course.numbers
        if visits and left_ms is not None and self.course.route.start is not None:
            first = visits[0]
            yield Drive(None, numbers[first.id], left_ms, first.arrived_ms)
        for one, other in pairwise(visits):
            if one.departed_ms is not None and one.id != other.id:
                yield Drive(numbers[one.id], numbers[other.id], one.departed_ms, other.arrived_ms)

    def begun_ms(self, visit: Visit) -> int:
        """Return when the service of a visit began: who waits for a window does not serve yet."""
        window = self.course.route.calls[self.course.numbers[visit.id]].window
        if window is None or not self.course.route.waits:
            return visit.arrived_ms
        opened_ms = max(visit.arrived_ms, window.from_ms)
        # Who left before the window opened, or just then, did not wait for it.
        early = visit.departed_ms is not None and visit.departed_ms <= opened_ms
        return visit.arrived_ms if early else opened_ms

    def seen_legs(self, left_ms: int | None, visits: Sequence[Visit]) -> list[Seen]:
        """Return the finished legs against what was expected of them."""
        ladder = self.estimates.legs
        return [
            self._seen(
                self.leg(drive.begin, drive.end), ladder.at_hour(self.hour(drive.middle_ms)), drive
            )
            for drive in self.drives(left_ms, visits)
        ]

    def stays(self, visits: Sequence[Visit]) -> Iterator[Drive]:
        """Yield the finished services of a day, each from a call to itself."""
        for visit in visits:
            if visit.departed_ms is not None:
                number = self.course.numbers[visit.id]
                yield Drive(number, number, self.begun_ms(visit), visit.departed_ms)

    def seen_services(self, visits: Sequence[Visit]) -> list[Seen]:
        """Return the finished services against what was expected of them."""
        ladder = self.estimates.services
        return [
            self._seen(self._services[stay.end], ladder.at_hour(self.hour(stay.begin_ms)), stay)
            for stay in self.stays(visits)
        ]

    def hour(self, time_ms: float) -> float:
        """Return the local hour of the week."""
        return hour_of_week(time_ms, self.course.route.offset_s)

    @staticmethod
    def _seen(expected: Expected, log_hour: float, drive: Drive) -> Seen:
        residual = math.log(drive.lasted_s / expected.median_s) - log_hour
        return Seen(drive.end_ms, residual, expected.variance)
