"""A seeded fleet in a town of right angles: days with traffic by hour and random service.

Vans drive along planned ways at a speed that depends on the hour, the weekday and how near the
middle of the town they are, on how the day is, and on chance; stops take as long as their kind
does, and chance. The plan knows the kinds of nobody, nor traffic.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from milepost_collector.delivery.eta.day import Day, positions
from milepost_collector.delivery.eta.route import Call, Degrees, Route, Visit

# Monday, 2026-01-05, 00:00 UTC; where the town is that is local time.
MONDAY = 20_458
DAY_MS = 86_400_000
MIDDLE = (51.5, 0.0)
METRES_A_DEGREE = 111_195.0
HALF_M = 4_000.0
FREE_MPS = 9.0
PLANNED_SERVICE_S = 180.0
KINDS_S = {"house": 110.0, "flat": 200.0, "shop": 380.0}
STEP_S = 4.0
TOLD_S = 20.0

Metres = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a fleet is like.

    Attributes:
        vans: How many there are; each makes `stops` a day.
        customers: Who is delivered to now and then.
        path: The plan holds the way.
        planned: The plan holds times.
    """

    vans: int = 10
    stops: int = 14
    customers: int = 300
    path: bool = True
    planned: bool = True


def fleet_days(seed: int, days: int, fleet: Fleet | None = None) -> list[Day]:
    """Drive a fleet for some calendar days, without Sundays."""
    fleet = fleet or Fleet()
    random = Random(seed)
    customers = [_customer(random) for _ in range(fleet.customers)]
    numbers = [number for number in range(MONDAY, MONDAY + 2 * days + 7) if number % 7 != 3]
    return [
        _day(random, fleet, customers, number, van)
        for number in numbers[:days]
        for van in range(fleet.vans)
    ]


def degrees(place: Metres) -> Degrees:
    """Return latitude and longitude of a place given in metres east and north of the middle."""
    scale = METRES_A_DEGREE * math.cos(math.radians(MIDDLE[0]))
    return MIDDLE[0] + place[1] / METRES_A_DEGREE, MIDDLE[1] + place[0] / scale


def _customer(random: Random) -> tuple[Metres, float]:
    """Return where a customer is, and how long a delivery there usually takes."""
    place = random.uniform(-HALF_M, HALF_M), random.uniform(-HALF_M, HALF_M)
    usual_s = random.choice(list(KINDS_S.values())) * random.lognormvariate(0.0, 0.2)
    return place, usual_s


def speed_mps(number: int, second: float, place: Metres) -> float:
    """Return how fast traffic flows at a second of a day."""
    hour = second / 3600.0
    rush = 0.75 * math.exp(-(((hour - 8.3) / 0.9) ** 2)) + math.exp(-(((hour - 16.8) / 1.2) ** 2))
    workday = 0.35 if number % 7 == 2 else 1.0
    middle = math.exp(-((math.hypot(*place) / 2500.0) ** 2))
    return FREE_MPS / (1.0 + workday * rush * (0.5 + 0.6 * middle) + 0.35 * middle)


def _day(
    random: Random, fleet: Fleet, customers: list[tuple[Metres, float]], number: int, van: int
) -> Day:
    depot = (-HALF_M, -HALF_M)
    chosen = random.sample(customers, fleet.stops)
    chosen.sort(key=lambda one: math.atan2(one[0][1] - depot[1], one[0][0] - depot[0]))
    begin_s = (7.5 + 0.5 * (van % 6)) * 3600.0
    ways = [_way(random, one, other) for one, other in _legs(depot, [c[0] for c in chosen])]
    drive = _Drive(random, number)
    drive.second = begin_s + max(random.gauss(240.0, 240.0), -120.0)
    drive.told(depot)
    left_s = drive.second
    visits, planned_s, calls = [], begin_s, []
    for place, (way, (_, usual_s)) in enumerate(zip(ways, chosen, strict=True)):
        planned_s += _length_m(way) / FREE_MPS + 30.0
        lat_deg, lon_deg = degrees(way[-1])
        planned_ms = _ms(number, planned_s) if fleet.planned else None
        calls.append(Call(f"s{place}", lat_deg, lon_deg, PLANNED_SERVICE_S, None, planned_ms, 0.0))
        planned_s += PLANNED_SERVICE_S
        drive.along(way)
        arrived_s = drive.second
        drive.stand(usual_s * drive.slow * random.lognormvariate(0.0, 0.45))
        visits.append(Visit(f"s{place}", _ms(number, arrived_s), _ms(number, drive.second)))
    path = tuple(degrees(point) for way in ways for point in way) if fleet.path else ()
    departs_ms = _ms(number, begin_s)
    route = Route(tuple(calls), path, degrees(depot), departs_ms, start_radius_m=0.0)
    track = positions((_ms(number, second), *place) for second, place in drive.track)
    name = f"van-{van}-{number}"
    return Day(name, number, route, _ms(number, left_s), tuple(visits), track)


def _legs(depot: Metres, places: list[Metres]) -> list[tuple[Metres, Metres]]:
    return list(zip([depot, *places], places, strict=False))


def _way(random: Random, one: Metres, other: Metres) -> list[Metres]:
    """Return a way along streets that run north and east."""
    corner = (one[0], other[1]) if random.random() < 0.5 else (other[0], one[1])
    return [one, corner, other]


def _length_m(way: list[Metres]) -> float:
    return sum(math.dist(one, other) for one, other in pairwise(way))


def _ms(number: int, second: float) -> int:
    return number * DAY_MS + round(1000.0 * second)


class _Drive:
    """A van on a day: how that goes, and what was heard of it."""

    def __init__(self, random: Random, number: int) -> None:
        self._random, self._number = random, number
        self._pace, self.slow = random.lognormvariate(0.0, 0.1), random.lognormvariate(0.0, 0.15)
        self.second = 0.0
        self.track: list[tuple[float, Degrees]] = []

    def told(self, place: Metres) -> None:
        """Tell where the van is, some metres aside."""
        aside = place[0] + self._random.gauss(0.0, 3.0), place[1] + self._random.gauss(0.0, 3.0)
        self.track.append((self.second, degrees(aside)))

    def along(self, way: list[Metres]) -> None:
        """Drive; a light is red now and then."""
        chance, place = self._random.lognormvariate(0.0, 0.2), way[0]
        ends = [0.0]
        for one, other in pairwise(way):
            ends.append(ends[-1] + math.dist(one, other))
        done_m, light_m = 0.0, self._random.expovariate(1.0 / 700.0)
        while done_m < ends[-1]:
            mps = speed_mps(self._number, self.second, place) / (self._pace * chance)
            step_m = mps * STEP_S
            self.second += STEP_S * min(1.0, (ends[-1] - done_m) / step_m)
            done_m = min(done_m + step_m, ends[-1])
            place = _at(way, ends, done_m)
            if self.second - self.track[-1][0] >= TOLD_S:
                self.told(place)
            if done_m > light_m:
                light_m += self._random.expovariate(1.0 / 700.0)
                self.stand(self._random.uniform(2.0, 40.0))
        self._place = place

    def stand(self, seconds: float) -> None:
        """Stand; what is heard meanwhile is where."""
        until = self.second + seconds
        last = self.track[-1][1]
        while self.second + 30.0 < until:
            self.second += 30.0
            self.track.append((self.second, last))
        self.second = until


def _at(way: list[Metres], ends: list[float], done_m: float) -> Metres:
    leg = min(bisect_right(ends, done_m), len(way) - 1)
    length_m = ends[leg] - ends[leg - 1]
    share = (done_m - ends[leg - 1]) / length_m if length_m > 0.0 else 1.0
    one, other = way[leg - 1], way[leg]
    return one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])
