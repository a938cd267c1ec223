"""The order of sentences in a receiver's cycle, learned.

In flow how each instant began and ended that was waited out, out flows what ends an instant, so
that its fix need not wait for the next one to begin.

A cycle's end is the type of its last sentence, and how many GSA it held if that is one. Ends
repeat: from cycle to cycle, or from each n-th to the next where the receiver sends some sentences
in each n-th only. What has repeated for some time is believed, until an end is another. A sentence
that comes behind what was held for the end asks for twice as long the next time. Likewise a pause
within an instant doubles the quiet time that ends one.
"""

from collections import Counter
from collections.abc import Iterable

# How a cycle ends: the type of its last sentence, and if that is a GSA, how many it held; else 1.
End = tuple[str, int]

# Cycles of the same end before it is believed, at first and at most.
_FIRST_ALIKE = 4
_MOST_ALIKE = 16

# More ends than are ever compared, twice.
_MOST_ENDS = 128

# How often is looked whether ends repeat, in cycles.
_LOOK_EACH = 4

# The longest period that is recognised, in cycles: receivers are told to send GSV each fifth time.
_LONGEST_PERIOD = 10

# A line that is quiet for so long has said all of its instant, as long as no pause within instants
# was seen. The longest standard sentence (82 characters) takes 171 ms at 4800 baud.
_FIRST_QUIET_S = 0.18
_MOST_QUIET_S = 0.72

# A type that began so many cycles is one that cycles begin with.
_BEGINS = 2


class SentenceOrder:
    """What is known of the order of a receiver's sentences.

    Attributes:
        quiet_s: The silence that ends an instant whose end has not come.
        end: How the next cycle will end; None while that is not known.
    """

    def __init__(self) -> None:
        self.quiet_s = _FIRST_QUIET_S
        self.end: End | None = None
        self._needed = _FIRST_ALIKE
        self._ends: list[End] = []
        self._period: int | None = None
        self._beginnings: Counter[str] = Counter()

    def learn(self, types: Iterable[str], end: End) -> None:
        """Take the types of the sentences of an instant that is over, and how it ended."""
        ends = self._ends
        if self._period is None or end != self.end:
            self._beginnings[next(iter(types))] += 1
            if self._period is not None:
                ends.clear()
            ends.append(end)
            self._period = None if len(ends) % _LOOK_EACH else self._recognised()
        else:
            ends.append(end)
        self.end = None if self._period is None else ends[-self._period]
        if len(ends) >= _MOST_ENDS:
            del ends[: -_MOST_ENDS // 2]

    def _recognised(self) -> int | None:
        ends = self._ends
        for period in range(1, _LONGEST_PERIOD + 1):
            alike = max(self._needed - 1, 2 * period)
            if len(ends) < alike + period:
                return None
            if ends[-alike:] == ends[-alike - period : -period]:
                return period
        return None

    def can_begin(self, kind: str) -> bool:
        """Whether a sentence of this type may be the first of an instant."""
        return self.end is None or self._beginnings[kind] >= _BEGINS

    def was_late(self, *, after_quiet: bool) -> None:
        """Take that a sentence came behind the end of its instant.

        Args:
            after_quiet: A silence had ended the instant; otherwise what was held for its end.
        """
        self._ends.clear()
        self._period = self.end = None
        if after_quiet:
            self.quiet_s = min(self.quiet_s * 2, _MOST_QUIET_S)
        else:
            self._needed = min(self._needed * 2, _MOST_ALIKE)
