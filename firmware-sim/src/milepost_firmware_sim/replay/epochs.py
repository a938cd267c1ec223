"""A recording epoch by epoch, as the receiver sends it: re-dated, then through the faults.

An epoch is all pieces of one time of the play, so that what comes out hangs on the recording and
the faults alone, and never on how the play is paced.
"""

import math
from bisect import bisect_right
from itertools import pairwise

from milepost_firmware_sim.faults.chain import FaultChain
from milepost_firmware_sim.faults.port_faults import Edge
from milepost_firmware_sim.replay.recording import Recording, cut
from milepost_firmware_sim.replay.redate import redate

# A log without any time is one epoch; it is taken in parts.
_MOST_PIECES = 512


class Epochs:
    """Hands out the epochs of a recording, round after round where it loops."""

    def __init__(
        self,
        recording: Recording,
        offset_s: int,
        *,
        loop: bool,
        faults: FaultChain | None = None,
    ) -> None:
        """Begin with the first one.

        Args:
            recording: What is played.
            offset_s: Added to every date and time.
            loop: Begin again at the end, with times that go on upward.
            faults: What happens on the way; None: nothing.
        """
        self._pieces = recording.pieces
        self._times = recording.pace.times_s
        self._offset_s = offset_s
        self._loop = loop
        self._faults = faults
        self._next = 0
        self._shift_s = 0
        self._period_s = loop_period_s(recording)

    @property
    def next_s(self) -> float | None:
        """Tell when the next epoch is, in seconds of the play; None after the last one."""
        if self._next < len(self._times):
            return self._times[self._next] + self._shift_s
        return None

    @property
    def next_edge_s(self) -> float | None:
        """Tell when something happens to the port; None where nothing does before the end."""
        if self._faults is None or self.next_s is None:
            return None
        return self._faults.next_edge_s()

    @property
    def is_first_round(self) -> bool:
        """Say whether the recording has not begun again yet."""
        return self._shift_s == 0

    def edge(self) -> Edge:
        """Take what happens to the port next."""
        return Edge() if self._faults is None else self._faults.edge()

    def take(self) -> list[bytes]:
        """Return the lines of the next epoch, which there must be."""
        begin, time_s = self._next, self._times[self._next]
        limit = min(begin + _MOST_PIECES, len(self._times))
        end = bisect_right(self._times, time_s, begin, limit)
        offset_s = self._offset_s + self._shift_s
        lines = [line for piece in self._pieces[begin:end] for line in _lines(piece)]
        if offset_s:
            lines = [redate(line, offset_s) for line in lines]
        played_s = time_s + self._shift_s
        if self._faults is not None:
            lines = self._faults.apply(played_s, lines)
        self._next = end
        if end == len(self._times) and self._loop:
            self._next = 0
            self._shift_s += self._period_s
        elif end == len(self._times) and self._faults is not None:
            lines = lines + self._faults.finish()
        return lines


def loop_period_s(recording: Recording) -> int:
    """Return after how many whole seconds a recording begins again without repeating a time.

    That is its length from the first time to the last, and one usual step more.
    """
    return math.ceil(recording.lead_s + recording.span_s + _usual_step_s(recording))


def _usual_step_s(recording: Recording) -> float:
    times = recording.pace.times_s
    steps = sorted(later - sooner for sooner, later in pairwise(times) if later > sooner)
    return max(steps[len(steps) // 2], 0.1) if steps else 1.0


def _lines(piece: bytes) -> list[bytes]:
    """Return the lines of a piece, which is one itself unless it was written as an epoch."""
    return [piece] if piece.count(b"$") < 2 else cut(piece)
