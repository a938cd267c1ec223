"""What makes a stated coverage true: how far forecasts of the past were off, by how far ahead.

Split conformal prediction with locally weighted residuals (Lei, G'Sell, Rinaldo, Tibshirani,
Wasserman, "Distribution-free predictive inference for regression", JASA 113, 2018), each side by
itself as in conformalised quantile regression (Romano, Patterson, Candes, NeurIPS 2019): a score is
(came - forecast) / forecast's deviation, taken of days that the forecast had not learned from. By
horizon, since errors of minutes and of hours are not alike (Mondrian: Vovk 2012). Scores are kept
as counted buckets, rows of the book like all others, so that they add, merge and age.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from milepost_collector.delivery.eta.book import SCORE, Book
from milepost_collector.delivery.eta.sums import Key

# Horizons at which scores are kept apart: 2 minutes, doubling.
_FIRST_S = 120.0
_HORIZONS = 8
# Buckets of scores, from -6 to 6.
_FARTHEST = 6.0
_PER_ONE = 20
_BUCKETS = int(2 * _FARTHEST * _PER_ONE)
# A normal distribution is believed like so many scores until there are some.
_PRIOR_WORTH = 30.0
# Stretches that are that much longer than the shortest are as good.
_NEARLY = 1.05

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores below which arrivals lie, by horizon.

    Attributes:
        low: The score at which the interval begins.
        point: The score that half of all come nearest to.
        high: The score at which the interval ends.
    """

    low: tuple[float, ...]
    point: tuple[float, ...]
    high: tuple[float, ...]

    def at(self, ahead_s: float) -> tuple[float, float, float]:
        """Return low, point and high for a horizon, gliding between those that are kept."""
        place = min(max(math.log2(max(ahead_s, 1.0) / _FIRST_S), 0.0), _HORIZONS - 1.0)
        first = min(int(place), _HORIZONS - 2)
        share = place - first
        rest = 1.0 - share
        return (
            self.low[first] * rest + self.low[first + 1] * share,
            self.point[first] * rest + self.point[first + 1] * share,
            self.high[first] * rest + self.high[first + 1] * share,
        )


def score_key(ahead_s: float, score: float) -> Key:
    """Return the key of the row in which a score is counted."""
    horizon = min(max(round(math.log2(max(ahead_s, 1.0) / _FIRST_S)), 0), _HORIZONS - 1)
    bucket = min(max(math.floor((score + _FARTHEST) * _PER_ONE), 0), _BUCKETS - 1)
    return Key(SCORE, f"{horizon}:{bucket}", 0, 0)


def calibrated(book: Book, coverage: float) -> Calibration:
    """Return the scores between which the stated share of arrivals lies.

    Args:
        book: Its rows of scores.
        coverage: 0 to 1, without both.
    """
    counts = np.zeros((_HORIZONS, _BUCKETS))
    for key, sums in book.of_kind(SCORE):
        horizon, bucket = key.place.split(":")
        counts[int(horizon), int(bucket)] += sums.weight
    ends = (np.arange(_BUCKETS + 1) - _FARTHEST * _PER_ONE) / _PER_ONE
    normal = np.array([0.5 * math.erfc(-end / math.sqrt(2.0)) for end in ends])
    counts += _PRIOR_WORTH * np.diff(normal)
    outside = (1.0 - coverage) / 2.0
    sides = [[_quantile(row, ends, share) for row in counts] for share in (outside, 1.0 - outside)]
    middle = [_typical(row, ends) for row in counts]
    return Calibration(tuple(sides[0]), tuple(middle), tuple(sides[1]))


def _quantile(counts: _Numbers, ends: _Numbers, share: float) -> float:
    below = np.concatenate([[0.0], np.cumsum(counts)])
    return float(np.interp(share * below[-1], below, ends))


def _typical(counts: _Numbers, ends: _Numbers) -> float:
    """Return the middle of the shortest stretches that hold half of the scores.

    It is the point with the least median absolute error (least median of squares: Rousseeuw,
    "Least median of squares regression", JASA 79, 1984, theorem 2); of a skewed distribution it
    lies between mode and median. Nearly shortest ones are averaged: one alone jumps about.
    """
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    begins = ends[below <= 0.5]
    until = np.interp(below[below <= 0.5] + 0.5, below, ends)
    lengths = until - begins
    near = lengths <= lengths.min() * _NEARLY
    return float(((begins + until) / 2.0)[near].mean())
