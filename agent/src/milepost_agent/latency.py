"""How long fixes are on their way, from the line of the receiver to the committed row."""

import math
from collections import Counter, deque

# Buckets grow by 5 %, so a percentile is true within 3 %.
GROWTH = 1.05

# Fixes whose reading instant is remembered until they are stored: an hour at 10 Hz.
_MAX_WAITING = 36_000


class LatencyMeter:
    """Time from reading a fix's line to hearing that its row is committed.

    The answer's own way back is included, so the figure errs upward. What was read before a
    restart is not measured.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, float]] = deque(maxlen=_MAX_WAITING)
        self._buckets: Counter[int] = Counter()

    def read(self, seq: int, read_s: float) -> None:
        """A fix of this run was numbered; its line was read at `read_s` (monotonic seconds)."""
        self._waiting.append((seq, read_s))

    def stored(self, seq: int, now_s: float) -> None:
        """Everything of this run up to `seq` is known to be committed at `now_s`."""
        while self._waiting and self._waiting[0][0] <= seq:
            _, read_s = self._waiting.popleft()
            milliseconds = max((now_s - read_s) * 1000, 0.1)
            self._buckets[round(math.log(milliseconds, GROWTH))] += 1

    def forget(self) -> None:
        """Measure no more what is under way: numbers begin again."""
        self._waiting.clear()

    def percentile_ms(self, share: float) -> float | None:
        """Return the latency that `share` (0 to 1) of all fixes stayed within; None without any."""
        total = self._buckets.total()
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= share * total:
                return round(GROWTH**bucket, 1)
        return None

    @property
    def buckets(self) -> dict[int, int]:
        """Counts by bucket; bucket n holds latencies around GROWTH**n milliseconds."""
        return dict(self._buckets)
