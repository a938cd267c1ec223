"""How fast one gets along: by hour and weekday, street, day and luck.

In flow a way and when it is driven, out flows the way with the speeds that the traffic allows, and
with waits at lights and give-way lines. The limit of a street times a factor of at most 1 is what
is driven there. The factor falls in the rush hours, on main roads more than in side streets; a few
streets are slow every working day; each day, van and leg has its own luck (lognormal, as measured
travel times are: Susilawati, Taylor and Somenahalli, Distributions of travel time variability on
urban roads, Journal of Advanced Transportation 47, 2013).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from milepost_firmware_sim.path import Path, Stretch
from milepost_firmware_sim.town.town import Town
from milepost_firmware_sim.town.traffic import Traffic

_SATURDAY, _SUNDAY, _FRIDAY = 5, 6, 4
# Hour of the day and factor on a main road; between them it changes evenly.
_WORKING = (
    (0.0, 0.97), (5.0, 0.96), (6.5, 0.82), (7.75, 0.48), (9.0, 0.66), (10.5, 0.82), (12.5, 0.76),
    (14.0, 0.80), (15.5, 0.66), (17.0, 0.42), (18.5, 0.62), (20.0, 0.86), (22.0, 0.95),
    (24.0, 0.97),
)  # fmt: skip
_BEFORE_WEEKEND = (
    (0.0, 0.97), (5.0, 0.96), (6.5, 0.85), (7.75, 0.56), (9.0, 0.72), (11.0, 0.80), (13.0, 0.62),
    (15.0, 0.42), (17.0, 0.56), (19.0, 0.78), (22.0, 0.93), (24.0, 0.97),
)  # fmt: skip
_SHOPPING = (
    (0.0, 0.97), (7.0, 0.95), (9.5, 0.80), (11.5, 0.66), (13.5, 0.72), (16.0, 0.82), (20.0, 0.93),
    (24.0, 0.97),
)  # fmt: skip
_QUIET = ((0.0, 0.97), (11.0, 0.94), (15.0, 0.88), (18.0, 0.92), (24.0, 0.97))
# How much of it a street of this rank feels.
_FELT = {"primary": 1.0, "secondary": 0.9, "residential": 0.6, "lane": 0.45, "service": 0.0}
_DAY_SIGMA, _VAN_SIGMA, _LEG_SIGMA = 0.06, 0.04, 0.10
_LEAST = 0.15
# On a road half as fast one waits so much longer at its lights: 1 + 2 * 0.5.
_LONGER_WAITS = 2.0
_SLOW_STREETS = 4
_SLOW_HOURS = ((7.0, 10.0), (11.0, 14.0), (14.0, 18.0), (7.0, 18.0))
_SLOW_FACTOR = (0.35, 0.6)


@dataclass(frozen=True, slots=True)
class SlowStreet:
    """A street that is slow every day but Sunday.

    Attributes:
        street: Its name.
        from_hour: Hour of the day there; likewise `to_hour`.
        factor: Of the speed that it would have.
    """

    street: str
    from_hour: float
    to_hour: float
    factor: float


class Congestion:
    """The traffic of a town.

    Attributes:
        slow_streets: Those that are always slow.
    """

    def __init__(self, town: Town, traffic: Traffic, seed: int) -> None:
        random = Random(f"slow streets {seed}")  # noqa: S311 - a drawing, not a secret
        names = sorted({one.name for one in town.streets if one.rank in ("primary", "secondary")})
        slow = random.sample(names, min(_SLOW_STREETS, len(names)))
        hours = [_SLOW_HOURS[number % len(_SLOW_HOURS)] for number in range(len(slow))]
        self.slow_streets = tuple(
            SlowStreet(name, *between, round(random.uniform(*_SLOW_FACTOR), 2))
            for name, between in zip(slow, hours, strict=True)
        )
        self._slow = {one.street: one for one in self.slow_streets}
        self._traffic = traffic
        self._seed = seed

    def slowed(self, path: Path, leaves: datetime, van: str, random: Random) -> Path:
        """Return a way as the traffic lets it be driven.

        Args:
            path: Without halts.
            leaves: When it is begun, in the town's own time.
            van: Who drives; some are bolder.
            random: Luck of this leg.
        """
        day = leaves.date().isoformat()
        luck = random.lognormvariate(0.0, _LEG_SIGMA)
        luck *= self._luck(f"day {day}", _DAY_SIGMA) * self._luck(f"van {van}", _VAN_SIGMA)
        weekday, begin_hour = leaves.weekday(), _hour(leaves)
        stretches, elapsed_s = list[Stretch](), 0.0
        for one, other, stretch in zip(path.points, path.points[1:], path.stretches, strict=False):
            hour = begin_hour + elapsed_s / 3600.0
            factor = min(1.0, max(_LEAST, luck * self.factor(stretch, weekday, hour)))
            stretches.append(replace(stretch, limit_mps=stretch.limit_mps * factor))
            metres = ((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5
            elapsed_s += metres / stretches[-1].limit_mps
        waiting = self._traffic.with_halts(replace(path, stretches=tuple(stretches)), random)
        longer = 1.0 + _LONGER_WAITS * (1.0 - _flow(weekday, begin_hour))
        return replace(waiting, halts=tuple((at, wait * longer) for at, wait in waiting.halts))

    def factor(self, stretch: Stretch, weekday: int, hour: float) -> float:
        """Return the usual factor of a stretch, without any luck.

        Args:
            stretch: Of a town's street.
            weekday: Monday is 0.
            hour: Of the day, in the town's own time; 24 and more is the night after.
        """
        factor = 1.0 - (1.0 - _flow(weekday, hour)) * _FELT.get(stretch.rank, 0.0)
        slow = self._slow.get(stretch.street)
        if slow is not None and weekday != _SUNDAY and slow.from_hour <= hour < slow.to_hour:
            factor *= slow.factor
        return factor

    def _luck(self, whose: str, sigma: float) -> float:
        drawn = Random(f"luck of {self._seed} {whose}")  # noqa: S311 - a drawing, not a secret
        return drawn.lognormvariate(0.0, sigma)


def _hour(time: datetime) -> float:
    return time.hour + time.minute / 60.0 + time.second / 3600.0


def _flow(weekday: int, hour: float) -> float:
    """Return the factor of a main road."""
    curves = {_SATURDAY: _SHOPPING, _SUNDAY: _QUIET, _FRIDAY: _BEFORE_WEEKEND}
    return _on_curve(curves.get(weekday, _WORKING), hour % 24.0)


def _on_curve(curve: Sequence[tuple[float, float]], hour: float) -> float:
    after = min(bisect_right(curve, hour, key=lambda corner: corner[0]), len(curve) - 1)
    (begin, low), (end, high) = curve[after - 1], curve[after]
    return low + (high - low) * (hour - begin) / (end - begin)
