"""What a book says today: everything that forecasts need, worked out once for many of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from milepost_collector.delivery.eta.book import HABIT, MEAN, PACE, Book, area_cell, place_cell
from milepost_collector.delivery.eta.calibration import Calibration, calibrated
from milepost_collector.delivery.eta.course import Leg
from milepost_collector.delivery.eta.ladder import AREA_END, Ladder, apart, ladder
from milepost_collector.delivery.eta.route import Call, Degrees
from milepost_collector.delivery.eta.sums import Sums

LEG, SERVICE = "leg", "service"
DETOUR, LATE, HALT = "detour", "late", "halt"

# Prior guesses. A leg: to start and to park, and the speed of a van: streets, then the roads that
# longer ways lead over. A street network is
# some 1.3 times as long as the crow flies (Boscoe, Henry, Zdeb 2012: 1.4 in the United States).
_PARKING_S = 20.0
_STREETS = ((0.0, 2_000.0, 8.0), (2_000.0, 10_000.0, 13.0), (10_000.0, math.inf, 20.0))
_LEAST_M = 30.0
_LEAST_SERVICE_S = 20.0
_DETOUR = 1.35
_LEG_VARIANCE = 0.12
_SERVICE_VARIANCE = 0.25
# So much of the variance is thought to be the day's, before any is seen; and what that is worth.
_DAYS_SHARE = 0.15
_DAYS_WORTH = 40.0
_DETOUR_WORTH = 10.0
_MEAN_WORTH = 100.0
_LATE_WORTH = 3.0
_RIPE_LEGS = 500.0
_LATE_DEVIATION_S = 300.0
# Standing in traffic for long: the logarithm of how long, and its deviation.
_HALT = (math.log(120.0), 0.9)
_HALT_WORTH = 10.0


@dataclass(frozen=True, slots=True)
class Expected:
    """How long something is expected to take, apart from the hour.

    Attributes:
        median_s: Half of the times it takes longer.
        variance: Of the logarithm.
    """

    median_s: float
    variance: float


@dataclass(frozen=True, slots=True)
class Estimates:
    """What is believed of a fleet.

    Attributes:
        legs: Durations of legs.
        services: Durations of services.
        detour: What straight lines are multiplied by.
        days_legs: The variance that all legs of a vehicle share for some hours.
        days_services: Likewise of services.
        habits_legs: How vehicles differ from the fleet in legs, by vehicle: a logarithm.
        habits_services: Likewise in services.
        mean_leg: How much longer legs take in the mean than lognormal ones would.
        mean_service: Likewise of services.
        late_s: How late vehicles leave the depot: mean and deviation.
        halt: How long who stands in traffic stands: mean and deviation of the logarithm.
        calibration: How far forecasts were off.
        coverage: Which share of arrivals an interval is to hold.
        ripe: How far errors of these estimates tell of later ones: 0 without anything learned,
            near 1 after some thousand legs.
    """

    legs: Ladder
    services: Ladder
    detour: float
    days_legs: float
    days_services: float
    habits_legs: Mapping[str, float]
    habits_services: Mapping[str, float]
    mean_leg: float
    mean_service: float
    late_s: tuple[float, float]
    halt: tuple[float, float]
    calibration: Calibration
    coverage: float
    ripe: float

    @staticmethod
    def of(book: Book, coverage: float = 0.8) -> "Estimates":
        """Return what a book says.

        Args:
            book: What was learned; an empty one gives the priors.
            coverage: Which share of arrivals an interval is to hold; 0 to 1, without both.
        """
        kinds = {
            kind: _all(book, kind)
            for kind in (
                *(DETOUR, LATE, HALT),
                *(PACE + LEG, PACE + SERVICE, MEAN + LEG, MEAN + SERVICE),
            )
        }
        legs = ladder(book, LEG, _LEG_VARIANCE)
        services = ladder(book, SERVICE, _SERVICE_VARIANCE)
        late = kinds[LATE].merged(Sums(_LATE_WORTH, 0.0, _LATE_WORTH * _LATE_DEVIATION_S**2))
        halt = kinds[HALT].merged(Sums(_HALT_WORTH, _HALT[0], _HALT_WORTH * _HALT[1] ** 2))
        detour = kinds[DETOUR].merged(Sums(_DETOUR_WORTH, math.log(_DETOUR)))
        return Estimates(
            legs,
            services,
            max(math.exp(detour.mean), 1.0),
            _of_days(kinds[PACE + LEG], _LEG_VARIANCE) + legs.unsure,
            _of_days(kinds[PACE + SERVICE], _SERVICE_VARIANCE) + services.unsure,
            apart(book, HABIT + LEG, _LEG_VARIANCE),
            apart(book, HABIT + SERVICE, _SERVICE_VARIANCE),
            kinds[MEAN + LEG].merged(Sums(_MEAN_WORTH, 1.0)).mean,
            kinds[MEAN + SERVICE].merged(Sums(_MEAN_WORTH, 1.0)).mean,
            (late.mean, math.sqrt(late.squares / late.weight)),
            (halt.mean, math.sqrt(halt.squares / halt.weight)),
            calibrated(book, coverage),
            coverage,
            _ripe(book),
        )

    def leg(self, leg: Leg) -> Expected:
        """Return how long a leg takes."""
        prior_s, size = leg_prior(leg)
        mean, variance = self.legs.lasting(size, *leg_places(leg))
        return Expected(prior_s * math.exp(mean), variance)

    def service(self, call: Call) -> Expected:
        """Return how long a stop takes."""
        prior_s, size = service_prior(call)
        mean, variance = self.services.lasting(size, *service_places(call))
        return Expected(prior_s * math.exp(mean), variance)


def leg_prior(leg: Leg) -> tuple[float, float]:
    """Return the prior guess of a leg's duration, and its size."""
    length_m = max(leg.outside_m, _LEAST_M)
    driving_s = sum(
        max(min(length_m, end_m) - begin_m, 0.0) / mps for begin_m, end_m, mps in _STREETS
    )
    return _PARKING_S + driving_s, math.log2(length_m)


def service_prior(call: Call) -> tuple[float, float]:
    """Return the prior guess of a service's duration, and its size."""
    service_s = max(call.service_s, _LEAST_SERVICE_S)
    return service_s, math.log2(service_s)


def leg_places(leg: Leg) -> tuple[str, str]:
    """Return the area and the pair of places of a leg."""
    start = leg.start or leg.end
    area = area_cell(_middle(start, leg.end))
    return area, f"{area}{AREA_END}{place_cell(start)}>{place_cell(leg.end)}"


def service_places(call: Call) -> tuple[str, str]:
    """Return the area and the place of a stop."""
    area = area_cell(call.place)
    return area, f"{area}{AREA_END}{place_cell(call.place)}"


def _middle(one: Degrees, other: Degrees) -> Degrees:
    return (one[0] + other[0]) / 2.0, (one[1] + other[1]) / 2.0


def _all(book: Book, kind: str) -> Sums:
    found = Sums()
    for _, sums in book.of_kind(kind):
        found = found.merged(sums)
    return found


def _ripe(book: Book) -> float:
    legs = _all(book, f"{LEG}.size").weight
    return (legs / (legs + _RIPE_LEGS)) ** 2


def _of_days(products: Sums, prior_variance: float) -> float:
    """Return what neighbours of a day share: the mean product of their residuals."""
    prior = Sums(_DAYS_WORTH, _DAYS_SHARE * prior_variance)
    return max(products.merged(prior).mean, 0.0)
