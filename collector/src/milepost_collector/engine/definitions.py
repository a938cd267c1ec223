"""Definitions: which fences and rules were in force at which GPS time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milepost_collector.engine.fence import Fence
from milepost_collector.engine.nearby import FenceIndex
from milepost_collector.engine.rules import RuleBook
from milepost_schemas.bulk.rows import Integers


@dataclass(frozen=True, slots=True)
class Version:
    """What is in force from some time on.

    Attributes:
        fences: The fences, ready to be searched.
        rules: The rules of the fleet.
    """

    fences: FenceIndex
    rules: RuleBook

    @classmethod
    def of(cls, fences: Sequence[Fence] = (), rules: RuleBook | None = None) -> "Version":
        """Make a version."""
        return cls(FenceIndex(fences), rules or RuleBook())


class Definitions:
    """All versions of the definitions; none is ever overwritten.

    Before the first one there are no fences, and the usual rules hold.

    Args:
        version: The newest version's number; 0 without any.
        versions: Each with the GPS time, in milliseconds since 1970, from which it is in force.
        planned: Stops and routes of all plans, each for its vehicle and as long as it holds.

    Attributes:
        planned: As given.
        version: Likewise.
    """

    def __init__(
        self,
        version: int = 0,
        versions: Sequence[tuple[int, Version]] = (),
        planned: FenceIndex | None = None,
    ) -> None:
        self.version = version
        self.planned = planned or FenceIndex(())
        ordered = sorted(versions, key=lambda each: each[0])
        self._effective_ms = np.array([each[0] for each in ordered], np.int64)
        self._versions = (Version.of(), *(each[1] for each in ordered))

    @classmethod
    def always(cls, version: Version, planned: FenceIndex | None = None) -> "Definitions":
        """Make definitions that have one version, in force at any time."""
        return cls(1, [(-(2**62), version)], planned)

    @property
    def most_fences(self) -> int:
        """How many fences the version with the most has."""
        return max(len(each.fences.fences) for each in self._versions)

    def numbers_at(self, time_ms: Integers) -> Integers:
        """Return which version holds at GPS times: a number for `numbered`."""
        return np.searchsorted(self._effective_ms, time_ms, side="right")

    def numbered(self, number: int) -> Version:
        """Return a version."""
        return self._versions[number]
