"""Waiting longer after each failure in a row, with jitter, so that many do not knock at once."""

import random

FIRST_S = 0.2
MAX_S = 5.0
_JITTER = 0.2

# Beyond any limit by then; a float has no 2.0**1024.
_MAX_DOUBLINGS = 64


class Backoff:
    """How long to wait before the next try.

    Args:
        first_s: After the first failure.
        max_s: At most.
    """

    def __init__(self, first_s: float = FIRST_S, max_s: float = MAX_S) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self.failures = 0

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0

    def failed(self) -> float:
        """Count a failure; return the seconds to wait."""
        wait_s = min(self._first_s * 2.0 ** min(self.failures, _MAX_DOUBLINGS), self._max_s)
        self.failures += 1
        return wait_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter, no secret
