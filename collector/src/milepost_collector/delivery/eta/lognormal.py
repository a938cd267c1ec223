"""Durations whose logarithm is normal: their means, what remains of a running one, and waiting.

Travel and service times are skewed to the right; the lognormal fits both well (travel: Hollander,
Liu, "The principles of calibrating traffic microsimulation models", 2008; Westgate et al. 2013 for
ambulances).
"""

import math
from typing import NamedTuple

# A duration that is far longer than expected is no proof of eternity: farther out the tail is that
# of this many standard deviations.
_FARTHEST = 3.0


class Spread(NamedTuple):
    """How long something takes.

    Attributes:
        mean_s: Expected.
        variance: Seconds squared.
    """

    mean_s: float
    variance: float


def spread(median_s: float, sigma: float) -> Spread:
    """Return mean and variance of a lognormal (Johnson, Kotz, Balakrishnan 1994, chapter 14)."""
    factor = math.exp(sigma * sigma)
    mean_s = median_s * math.sqrt(factor)
    return Spread(mean_s, mean_s * mean_s * (factor - 1.0))


def remaining(median_s: float, sigma: float, elapsed_s: float) -> Spread:
    """Return what remains of a duration that has lasted so long already.

    The moments of a lognormal cut off below: E[X^k; X > t] = exp(k mu + k^2 s^2 / 2) *
    Phi((mu + k s^2 - ln t) / s), over P(X > t) (Jawitz, "Moments of truncated continuous univariate
    distributions", Advances in Water Resources 27, 2004).
    """
    if elapsed_s <= 0.0 or sigma <= 0.0:
        whole = spread(median_s, sigma)
        return Spread(max(whole.mean_s - max(elapsed_s, 0.0), 0.0), whole.variance)
    deviations = (math.log(elapsed_s) - math.log(median_s)) / sigma
    if deviations > _FARTHEST:  # as if the usual were so much longer that it fits
        median_s, deviations = elapsed_s * math.exp(-_FARTHEST * sigma), _FARTHEST
    lasting = _above(deviations)
    first = median_s * math.exp(sigma * sigma / 2.0) * _above(deviations - sigma) / lasting
    second = median_s**2 * math.exp(2.0 * sigma**2) * _above(deviations - 2.0 * sigma) / lasting
    return Spread(max(first - elapsed_s, 0.0), max(second - first * first, 0.0))


def waited(early: Spread, opens_s: float) -> Spread:
    """Return when something begins that cannot begin before an instant.

    The moments of max(X, c) for a normal X (Clark, "The greatest of a finite set of random
    variables", Operations Research 9, 1961).
    """
    deviation = math.sqrt(early.variance)
    if deviation <= 0.0:
        return Spread(max(early.mean_s, opens_s), 0.0)
    late = (early.mean_s - opens_s) / deviation
    if abs(late) > 6.0:
        return early if late > 0.0 else Spread(opens_s, 0.0)
    above, density = _above(-late), math.exp(-late * late / 2.0) / math.sqrt(2.0 * math.pi)
    excess = deviation * (late * above + density)
    square = early.variance * ((late * late + 1.0) * above + late * density)
    return Spread(opens_s + excess, max(square - excess * excess, 0.0))


def _above(deviations: float) -> float:
    """Return how likely a normal is that many deviations above its mean."""
    return 0.5 * math.erfc(deviations / math.sqrt(2.0))
