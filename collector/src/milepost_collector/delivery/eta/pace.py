"""How today compares: whether this vehicle's legs and services take longer than expected.

The residuals of finished legs (services likewise) are noise around a pace that the day's driver,
load and weather share and that fades: a Gauss-Markov process, of which the newest counts most.
The estimate is its posterior mean as if each residual measured the present with a weight that
decays (exponential smoothing with shrinkage; the shared variance is learned from the products of
neighbouring residuals, as an autocovariance is).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

# The pace of six hours ago counts 1/e, and today's holds for the next hours likewise.
FADES_MS = 6 * 3_600_000.0
# Nobody's pace is told by one wild leg: residuals count up to so many deviations (Huber 1964).
_WILDEST = 2.0


class Seen(NamedTuple):
    """A finished duration against what was expected.

    Attributes:
        time_ms: When it ended.
        residual: Logarithm of the duration over the expected one.
        variance: Of the residual, without the pace.
    """

    time_ms: float
    residual: float
    variance: float


class Pace(NamedTuple):
    """A vehicle's pace now.

    Attributes:
        mean: Logarithm: 0.1 is 10 % slower than expected.
        variance: How unsure that is.
    """

    mean: float
    variance: float


def pace(seen: Sequence[Seen], shared: float, now_ms: float, habit: float = 0.0) -> Pace:
    """Return the pace that residuals show.

    Args:
        seen: Of today.
        shared: The variance of the pace among vehicles and days.
        now_ms: Not before any of them.
        habit: The vehicle's pace on other days.
    """
    if shared <= 0.0:
        return Pace(habit, 0.0)
    precision, total = 1.0 / shared, 0.0
    for time_ms, residual, variance in seen:
        farthest = _WILDEST * math.sqrt(variance + shared)
        known = math.exp((time_ms - now_ms) / FADES_MS) / max(variance, 1e-6)
        precision += known
        total += known * min(max(residual - habit, -farthest), farthest)
    return Pace(habit + total / precision, 1.0 / precision)
