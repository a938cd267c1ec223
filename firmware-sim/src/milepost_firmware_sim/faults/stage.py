"""What all faults that change the stream have in common.

A stage takes the lines of one epoch and the time of the play, and gives back the lines that come
out. What it does hangs on nothing but its fault, its seed and the epochs before: the same seed
gives the same bytes, however the play is paced.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.faults.language import Fault
from milepost_firmware_sim.sentence import Checksum, Sentence, find_sentence, rewritten


@dataclass(frozen=True, slots=True)
class PlayTimes:
    """Where the play stands on the receiver's clock.

    Attributes:
        first_fix_s: Unix seconds that the first fix says, as played.
        last_s: Seconds from it to the last epoch of the first round.
    """

    first_fix_s: float
    last_s: float


class Stage(ABC):
    """A fault at work; a kind of fault overrides `hit`.

    Attributes:
        hits: How many epochs, lines or bytes it has changed.
    """

    def __init__(self, fault: Fault, random: Random, times: PlayTimes) -> None:
        self.fault = fault
        self.random = random
        self.times = times
        self.window = fault.window.on_clock(times.first_fix_s)
        self.hits = 0

    def apply(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Return the lines of an epoch as they come out."""
        return self.hit(time_s, lines) if self.window.holds(time_s) else self.spare(lines)

    @abstractmethod
    def hit(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Change an epoch in which the fault is there."""

    def spare(self, lines: list[bytes]) -> list[bytes]:
        """Pass on an epoch in which it is not."""
        return lines

    def finish(self) -> list[bytes]:
        """Return what is still held after the last epoch."""
        return []

    def strikes(self) -> bool:
        """Draw whether the next candidate is hit, and count it."""
        struck = self.fault.share >= 1.0 or self.random.random() < self.fault.share
        self.hits += struck
        return struck

    def strikes_line(self, line: bytes) -> bool:
        """Draw for a line; one that the fault does not name is never hit."""
        return self._names(line) and self.strikes()

    def _names(self, line: bytes) -> bool:
        only = self.fault.only
        if not only:
            return True
        sentence = find_sentence(line)
        if sentence is None:
            return False
        return bool(only & {sentence.formatter.decode(), sentence.fields[0].decode()})


class SentenceStage(Stage):
    """A receiver that errs: its sentences are rewritten, with right checksums.

    What was damaged before stays as it is.
    """

    def hit(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Rewrite the sentences of an epoch."""
        changed = [self._rewritten(line, time_s) for line in lines]
        self.hits += changed != lines
        return changed

    @abstractmethod
    def fields(self, sentence: Sentence, time_s: float) -> list[bytes]:
        """Return the fields that the sentence has now."""

    def _rewritten(self, line: bytes, time_s: float) -> bytes:
        sentence = find_sentence(line)
        if sentence is None or sentence.checksum is not Checksum.RIGHT:
            return line
        fields = self.fields(sentence, time_s)
        return line if fields == sentence.fields else rewritten(line, sentence, fields)
