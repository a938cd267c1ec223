"""The scaled clock that all programs of one system share.

`MILEPOST_CLOCK=start,factor` names a straight line through the true time: at `start` (RFC 3339)
both clocks agree, and from then on the scaled one runs `factor` times as fast. Two programs that
start at different moments therefore read the same scaled time at the same moment. The line is
defined before `start` as well, so any offset can be expressed when the factor is not 1.

Only clock readings of the domain are scaled (fix times, plans, windows). Keepalives, leases and
timeouts stay on the monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

ENVIRONMENT_KEY = "MILEPOST_CLOCK"


class TimescaleError(ValueError):
    """MILEPOST_CLOCK is not `start,factor`."""


@dataclass(frozen=True, slots=True)
class Timescale:
    """A straight line from true time to scaled time.

    Attributes:
        start_s: The true instant, in Unix seconds, at which both clocks agree.
        factor: How many scaled seconds pass in a true second; above 0.
    """

    start_s: float = 0.0
    factor: float = 1.0

    def scaled(self, true_s: float) -> float:
        """Turn true Unix seconds into scaled Unix seconds."""
        return self.start_s + (true_s - self.start_s) * self.factor

    def true(self, scaled_s: float) -> float:
        """Turn scaled Unix seconds into true Unix seconds."""
        return self.start_s + (scaled_s - self.start_s) / self.factor

    @classmethod
    def through(cls, true_s: float, scaled_s: float, factor: float) -> "Timescale":
        """Draw the line that reads `scaled_s` at `true_s` and runs `factor` times as fast.

        Raises:
            TimescaleError: With factor 1 and two different instants no such line has a start.
        """
        if true_s == scaled_s:
            return cls(true_s, factor)
        if factor == 1.0:
            raise TimescaleError("a clock of factor 1 reads the true time and no other")
        return cls((scaled_s - factor * true_s) / (1.0 - factor), factor)

    def __str__(self) -> str:
        return f"{self.start_s!r},{self.factor!r}"


TRUE_TIME = Timescale()


def timescale_from(environment: Mapping[str, str]) -> Timescale:
    """Read `MILEPOST_CLOCK`; without it, scaled time is true time.

    The start is RFC 3339 with an offset (`2026-11-21T08:00:00Z`) or Unix seconds.

    Raises:
        TimescaleError: The value is not `start,factor`, the start has no offset, or the factor
            is not above 0.
    """
    text = environment.get(ENVIRONMENT_KEY)
    if not text:
        return TRUE_TIME
    start, comma, factor = text.partition(",")
    try:
        if not comma:
            raise ValueError("there is no comma")
        scale = Timescale(_instant(start), float(factor))
        if not isfinite(scale.start_s):
            raise ValueError(f"the start {start} is no instant")
        if not (isfinite(scale.factor) and scale.factor > 0):
            raise ValueError(f"the factor {factor} is not above 0")
    except ValueError as error:
        raise TimescaleError(
            f"{ENVIRONMENT_KEY}={text!r} is not `start,factor` "
            f"such as 2026-11-21T08:00:00Z,60: {error}"
        ) from None
    return scale


def _instant(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"the start {text} has no offset from UTC")
    return instant.timestamp()
