"""What to write when: the step of a replay, apart from the loop that waits.

In flows the clock, out flow the bytes that are due. Time is only an argument, so a day is played in
a test without waiting.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from milepost_firmware_sim.recording import Recording
from milepost_firmware_sim.redate import redate

# More than a reader takes at once is not gathered at once.
_MOST_PIECES = 512


@dataclass(frozen=True, slots=True)
class Start:
    """How a recording meets the clock.

    Attributes:
        begin_s: Clock reading, in Unix seconds, at which the first fix is due.
        offset_s: Added to every date and time of the recording.
    """

    begin_s: float
    offset_s: int


@dataclass(frozen=True, slots=True)
class Burst:
    """Bytes that are due together.

    Attributes:
        data: The bytes; may be empty.
        due_s: Clock reading at which more is due, in Unix seconds; None after the end.
    """

    data: bytes
    due_s: float | None


def start_recorded(now_s: float) -> Start:
    """Play from now on with the times as they were recorded."""
    return Start(now_s, 0)


def start_at(recording: Recording, instant_s: float, now_s: float) -> Start:
    """Move the first fix to an instant, in Unix seconds, and play from now on.

    The offset is rounded down to whole seconds, so that every sentence moves by exactly the same
    whatever its resolution, and no fix is dated later than the clock. What is rounded away is taken
    from the first wait, so that (at speed 1, from now) each line is due at its own new time.
    """
    offset_s = math.floor(instant_s - recording.pace.origin_s)
    lost_s = instant_s - recording.pace.origin_s - offset_s
    return Start(now_s - lost_s, offset_s)


class Player:
    """Hands out a recording piece by piece as the clock goes.

    Attributes:
        speed: How many times faster than the clock it is played; above 0. The new times then run
            ahead of the clock (behind it, below 1).
        loop: Begin again at the end, with times that go on upward.
    """

    def __init__(self, recording: Recording, start: Start, *, speed: float, loop: bool) -> None:
        self.speed = speed
        self.loop = loop
        self._recording = recording
        self._start = start
        self._next = 0
        self._round = 0
        self._period_s = loop_period_s(recording)

    def step(self, now_s: float) -> Burst:
        """Return what is due at clock reading `now_s`, in Unix seconds, and when more is."""
        times = self._recording.pace.times_s
        shift_s = self._round * self._period_s
        reached = (now_s - self._start.begin_s) * self.speed - shift_s
        # Before the first fix nothing waits in the first round: those times are already past.
        end = bisect_right(times, max(reached, 0.0) if self._round == 0 else reached, self._next)
        end = min(end, self._next + _MOST_PIECES)
        offset_s = self._start.offset_s + shift_s
        pieces = self._recording.pieces[self._next : end]
        data = (
            b"".join(redate(piece, offset_s) for piece in pieces) if offset_s else b"".join(pieces)
        )
        self._next = end
        if end == len(times):
            if not self.loop:
                return Burst(data, None)
            self._round += 1
            self._next = 0
            shift_s = self._round * self._period_s
        due_s = self._start.begin_s + (times[self._next] + shift_s) / self.speed
        return Burst(data, due_s)


def loop_period_s(recording: Recording) -> int:
    """Return after how many whole seconds a recording begins again without repeating a time.

    That is its length from the first time to the last, and one usual step more.
    """
    return math.ceil(recording.lead_s + recording.span_s + _usual_step_s(recording))


def _usual_step_s(recording: Recording) -> float:
    times = recording.pace.times_s
    steps = sorted(later - sooner for sooner, later in pairwise(times) if later > sooner)
    return max(steps[len(steps) // 2], 0.1) if steps else 1.0
