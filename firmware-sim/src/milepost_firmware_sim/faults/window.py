"""When a fault is there: from a time, for a length, again and again.

Times are seconds of the play: of the recording's own clock since its first fix, whatever `--speed`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count


@dataclass(frozen=True, slots=True)
class Window:
    """The times of one fault.

    Attributes:
        begin_s: First second; minus infinity: from the first byte on.
        length_s: How long, from the beginning or, where that is the first byte, from the first fix;
            None: to the end.
        every_s: It comes again after so many seconds; None: once.
        instant_s: Unix seconds on the receiver's clock that `begin_s` counts from; None: the first
            fix.
    """

    begin_s: float = -math.inf
    length_s: float | None = None
    every_s: float | None = None
    instant_s: float | None = None

    def on_clock(self, first_fix_s: float) -> "Window":
        """Return the window in seconds of the play, whose first fix has this Unix time."""
        if self.instant_s is None:
            return self
        return replace(self, begin_s=self.instant_s - first_fix_s, instant_s=None)

    def holds(self, time_s: float) -> bool:
        """Say whether the fault is there at a time of the play."""
        since_s = time_s - self._counted_from_s
        if since_s < 0.0:
            return math.isinf(self.begin_s)
        if self.every_s is not None:
            since_s %= self.every_s
        return self.length_s is None or since_s < self.length_s

    def number(self, time_s: float) -> int:
        """Count the times that the fault came before; 0 in its first window."""
        return 0 if self.every_s is None else math.floor((time_s - self.begin_s) / self.every_s)

    def spans(self) -> Iterator[tuple[float, float]]:
        """Yield beginning and end of each time that the fault is there; the end may be infinite.

        What begins with the first byte begins here with the first fix.
        """
        for number in count():
            begin_s = self._counted_from_s + number * (self.every_s or 0.0)
            yield begin_s, math.inf if self.length_s is None else begin_s + self.length_s
            if self.every_s is None:
                return

    @property
    def _counted_from_s(self) -> float:
        return 0.0 if math.isinf(self.begin_s) else self.begin_s
