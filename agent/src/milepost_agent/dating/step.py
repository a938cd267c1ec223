"""Which dates of a live receiver keep step with the monotonic counter, and so gain trust.

In flow moments: an instant of the receiver's, and the counter when it was read. A line is all
moments that keep step since its first one; a rival is a line that contradicts it.
"""

from dataclasses import dataclass

TRUST_MS = 600_000

# How far off an instant still keeps step: lines are read late when the disk or the port stalls, and
# cheap crystals are off by up to 100 ppm.
STEP_MS = 2_000
_DRIFT = 1e-4

# An instant so near to the last one goes on from it: leap seconds that a receiver learns late, a
# counter that jumped.
_GOES_ON_MS = 60_000


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, and the counter when it was; both in milliseconds."""

    time_ms: int
    counter_ms: int

    def at(self, counter_ms: int) -> int:
        """Carry the instant on to another reading of the counter."""
        return self.time_ms + counter_ms - self.counter_ms

    def off_ms(self, other: "Moment") -> int:
        """Return how far another moment is from where the counter carries this one."""
        return abs(other.time_ms - self.at(other.counter_ms))


@dataclass(slots=True)
class _Line:
    first: Moment
    newest: Moment
    step_ms: float

    @property
    def age_ms(self) -> int:
        return self.newest.counter_ms - self.first.counter_ms

    def keeps_step(self, moment: Moment) -> bool:
        since_ms = abs(moment.counter_ms - self.first.counter_ms)
        return self.first.off_ms(moment) <= self.step_ms + _DRIFT * since_ms


class Steps:
    """The line that holds, and the rival that may replace it.

    A rival that keeps step for as long as the line did, or for 10 minutes, replaces it; the line
    being heard in between ends the rival.

    Args:
        pace: Seconds of the domain in a second of the counter, where that is more than one: what
            is read late is so many times later.
    """

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._line: _Line | None = None
        self._rival: _Line | None = None

    @property
    def trusted(self) -> Moment | None:
        """The newest moment of the line, when it kept step for 10 minutes."""
        line = self._line
        return line.newest if line is not None and line.age_ms >= TRUST_MS else None

    @property
    def held(self) -> Moment | None:
        """The newest moment of the line, trusted or not."""
        return None if self._line is None else self._line.newest

    def contradicts(self, moment: Moment, last: Moment | None) -> bool:
        """Return whether the line is trusted, and the moment neither keeps step nor goes on.

        Args:
            moment: To be judged.
            last: The last one that was believed.
        """
        line = self._line
        if line is None or line.age_ms < TRUST_MS or line.keeps_step(moment):
            return False
        return last is None or not (
            abs(moment.time_ms - last.time_ms) <= _GOES_ON_MS * self._pace
            or last.off_ms(moment) <= STEP_MS * self._pace
        )

    def learn(self, moment: Moment, *, contested: bool) -> bool:
        """Count a moment for its line.

        Args:
            moment: An instant of a fix.
            contested: What is trusted forbids it: it cannot speak for the line, nor for a rival
                that has kept step for less than 10 minutes.

        Returns:
            Whether the moment is of the line now, also when it was of a rival before.
        """
        line = self._line
        if not contested and (line is None or line.keeps_step(moment)):
            self._line = line = line or self._begun(moment)
            line.newest = moment
            self._rival = None
            return True
        rival = self._rival
        if rival is None or not rival.keeps_step(moment):
            rival = self._begun(moment)
        rival.newest = moment
        self._rival = rival
        needed_ms = TRUST_MS if contested or line is None else min(line.age_ms, TRUST_MS)
        if rival.age_ms < needed_ms:
            return False
        self._line, self._rival = rival, None
        return True

    def restart(self) -> None:
        """Forget the line and its rival: the server has contradicted them."""
        self._line = self._rival = None

    def _begun(self, moment: Moment) -> _Line:
        return _Line(moment, moment, STEP_MS * self._pace)
