"""The buffer of a simulated vehicle: what it has committed, held in memory for the whole run.

A fix is a function of its instant, so the buffer keeps which instants became which numbers and
makes the fixes again when they are read: hours of thousands of vehicles cost next to no memory,
and all of it can be sent again to a database that was set back.

Invariants, as in the agent's buffer on disk:
- A run's numbers count from 1 without a hole; what a number stands for never changes.
- It outlives the runs of the agent, and so does what was told of acks before the last commit;
  what came after it is forgotten with the run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.effect import Effect, Rewind, SetAside, Stored
from milepost_schemas.delivery.sender import Ledger
from milepost_schemas.fix import Fix, KeptFix


@dataclass(slots=True)
class _Run:
    """One run of the agent.

    Attributes:
        stream: Its 8 bytes.
        after_hole: The vehicle had driven before it without an agent.
        first: The instant of number 1.
        newest: The newest committed number.
        stored: What is written of acks.
        refused: Numbers that the server never takes.
    """

    stream: bytes
    after_hole: bool
    first: int = 0
    newest: int = 0
    stored: int = 0
    refused: set[int] = field(default_factory=set)


class Buffer:
    """What one vehicle holds.

    Args:
        measure: Makes the fix of an instant, always the same.
    """

    def __init__(self, measure: Callable[[int], Fix]) -> None:
        self._measure = measure
        self._runs: dict[bytes, _Run] = {}
        self._heard: dict[bytes, int] = {}

    def begin_stream(self, stream: bytes) -> None:
        """Begin a run of the agent; what the last one did not commit is lost."""
        self._heard.clear()
        self._runs[stream] = _Run(stream, after_hole=bool(self._runs))

    def commit(self, stream: bytes, first: int, count: int) -> int:
        """Commit `count` instants from `first` on, and what acks said; return the newest number."""
        run = self._runs[stream]
        if run.newest == 0:
            run.first = first
        assert run.first + run.newest == first  # noqa: S101 - a run has no hole
        run.newest += count
        for heard, seq in self._heard.items():
            self._runs[heard].stored = seq
        self._heard.clear()
        return run.newest

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what an ack means; a moved pointer is written with the next commit."""
        for effect in effects:
            match effect:
                case Stored(stream, seq):
                    self._heard[stream] = seq
                case Rewind():
                    self._heard.clear()
                    for run in self._runs.values():
                        run.stored = 0
                case SetAside(stream, seq):
                    self._runs[stream].refused.add(seq)

    def ledgers(self) -> list[Ledger]:
        """Return how far each run has come, oldest first."""
        return [Ledger(run.stream, run.stored, run.newest) for run in self._runs.values()]

    def read(self, stream: bytes, after: int, limit: int) -> list[KeptFix]:
        """Return at most `limit` committed fixes of a stream with a number above `after`."""
        run = self._runs[stream]
        numbers = range(after + 1, run.newest + 1)
        held = (seq for seq in numbers if seq not in run.refused)
        return [self._kept(run, seq) for seq in islice(held, limit)]

    def gaps(self, stream: bytes) -> list[Gap]:
        """Return the numbers of a stream that will never be sent, ascending."""
        refused = sorted(self._runs[stream].refused)
        return [Gap(seq, seq, GapReason.REFUSED) for seq in refused]

    def committed(self) -> Iterator[tuple[bytes, KeptFix]]:
        """Yield every fix that was ever committed, with its stream; also those set aside."""
        for run in self._runs.values():
            for seq in range(1, run.newest + 1):
                yield run.stream, self._kept(run, seq)

    def _kept(self, run: _Run, seq: int) -> KeptFix:
        fix = self._measure(run.first + seq - 1)
        return KeptFix(seq, fix, hole=seq == 1 and run.after_hole)
