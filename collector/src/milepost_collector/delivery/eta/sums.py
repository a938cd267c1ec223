"""Rows of sums: what is kept of many durations, so that it can be added to, merged and aged.

A row holds how much was seen, the mean of the logarithm, the sum of squares around that mean, and
the mean of the size that the durations depend on (the logarithm of a length). Merging is exact and
associative: Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance" (1983), the form
of pairwise sums; one value at a time it is Welford's (1962).
"""

from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    """Which durations a row is about.

    Attributes:
        kind: What takes that long, as `leg.band` or `service.area`.
        place: A cell, two cells, a band of sizes; empty: anywhere.
        hour: Local hour, 0 to 23.
        weekday: Local, 0 (Monday) to 6.
    """

    kind: str
    place: str
    hour: int
    weekday: int


@dataclass(frozen=True, slots=True)
class Sums:
    """A row.

    Attributes:
        weight: How many values, each counting less the older it is.
        mean: Of the values.
        squares: Sum of squared distances from the mean, weighted.
        size: Mean of the sizes.
    """

    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    size: float = 0.0

    def merged(self, other: "Sums") -> "Sums":
        """Return the row of all that either has seen."""
        weight = self.weight + other.weight
        if weight <= 0.0:
            return Sums()
        share = other.weight / weight
        apart = other.mean - self.mean
        return Sums(
            weight,
            self.mean + share * apart,
            self.squares + other.squares + apart * apart * self.weight * share,
            self.size + share * (other.size - self.size),
        )

    def aged(self, factor: float) -> "Sums":
        """Return the row counting less.

        Args:
            factor: 0 to 1.
        """
        return Sums(self.weight * factor, self.mean, self.squares * factor, self.size)
