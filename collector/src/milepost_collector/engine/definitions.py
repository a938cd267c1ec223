"""Definitions: which fences were in force at which GPS time."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from milepost_collector.engine.fence import Fence


@dataclass(frozen=True, slots=True)
class Definitions:
    """All versions of the definitions; none is ever overwritten.

    Attributes:
        version: The newest version's number; 0 without any.
        effective_ms: From when each version is in force, GPS milliseconds, ascending.
        fences: The fences of each version.
    """

    version: int = 0
    effective_ms: tuple[int, ...] = ()
    fences: tuple[tuple[Fence, ...], ...] = ()

    @classmethod
    def of(cls, version: int, versions: Sequence[tuple[int, tuple[Fence, ...]]]) -> "Definitions":
        """Order versions, each from when it is in force and its fences, by that time."""
        ordered = sorted(versions, key=lambda each: each[0])
        return cls(version, tuple(e[0] for e in ordered), tuple(e[1] for e in ordered))

    @property
    def most_fences(self) -> int:
        """How many fences the version with the most has; with 0 the engine has nothing to do."""
        return max(map(len, self.fences), default=0)

    def in_force(self, time_ms: int) -> tuple[Fence, ...]:
        """Return the fences that a fix of this GPS time meets."""
        index = bisect_right(self.effective_ms, time_ms)
        return self.fences[index - 1] if index else ()
