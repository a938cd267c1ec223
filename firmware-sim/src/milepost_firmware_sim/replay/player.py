"""What to write when: the step of a replay, apart from the loop that waits.

In flows the clock, out flow the bytes that are due. Time is only an argument, so a day is played in
a test without waiting.
"""

import math
from collections import deque
from dataclasses import dataclass

from milepost_firmware_sim.faults.chain import FaultChain
from milepost_firmware_sim.faults.port_faults import PortAction
from milepost_firmware_sim.replay.epochs import Epochs
from milepost_firmware_sim.replay.recording import Recording

# More than a reader takes at once is not gathered at once.
_MOST_LINES = 512


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
        action: What to do to the port once the bytes are gone.
        name: New name for the port's link, where the action gives it one.
    """

    data: bytes
    due_s: float | None
    action: PortAction | None = None
    name: str | None = None


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
    """Hands out a recording epoch by epoch as the clock goes.

    Attributes:
        speed: How many times faster than the clock it is played; above 0, infinite for as fast as
            the reader takes it. The new times then run ahead of the clock (behind it, below 1).
        played_s: Seconds of the play that are over.
    """

    def __init__(
        self,
        recording: Recording,
        start: Start,
        *,
        speed: float,
        loop: bool,
        faults: FaultChain | None = None,
    ) -> None:
        self.speed = speed
        self.played_s = recording.pace.times_s[0]
        self._epochs = Epochs(recording, start.offset_s, loop=loop, faults=faults)
        self._begin_s = start.begin_s

    def step(self, now_s: float) -> Burst:
        """Return what is due at clock reading `now_s`, in Unix seconds, and when more is."""
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            epoch_s, edge_s = self._epochs.next_s, self._epochs.next_edge_s
            if epoch_s is None:
                return Burst(b"".join(lines), None)
            if edge_s is not None and edge_s <= epoch_s:
                if not self._is_due(edge_s, now_s):
                    break
                edge = self._epochs.edge()
                self.played_s = max(self.played_s, edge_s)
                if edge.action is not None:
                    data = b"".join(lines) + edge.data
                    return Burst(data, self._due_s(), edge.action, edge.name)
                lines.append(edge.data)
                continue
            # Before the first fix nothing waits in the first round: those times are already past.
            leads = epoch_s <= 0.0 and self._epochs.is_first_round
            if not leads and not self._is_due(epoch_s, now_s):
                break
            lines += self._epochs.take()
            self.played_s = epoch_s
        due_s = None if self._epochs.next_s is None else self._due_s()
        return Burst(b"".join(lines), due_s)

    def _due_s(self) -> float:
        times = [self._epochs.next_s, self._epochs.next_edge_s]
        return self._clock_s(min(time_s for time_s in times if time_s is not None))

    def _is_due(self, time_s: float, now_s: float) -> bool:
        # The sum that `due_s` says, not a difference, which may round to the other side of it.
        return math.isinf(self.speed) or self._clock_s(time_s) <= now_s

    def _clock_s(self, time_s: float) -> float:
        return self._begin_s + time_s / self.speed


class LinePlayer:
    """Hands out a recording line by line, at a pace of its own.

    Attributes:
        every_s: Seconds of the clock from line to line.
        played_s: Seconds of the play that are over.
    """

    def __init__(
        self,
        recording: Recording,
        start: Start,
        *,
        every_s: float,
        loop: bool,
        faults: FaultChain | None = None,
    ) -> None:
        self.every_s = every_s
        self.played_s = recording.pace.times_s[0]
        self._epochs = Epochs(recording, start.offset_s, loop=loop, faults=faults)
        self._bursts: deque[tuple[bytes, PortAction | None, str | None]] = deque()
        self._due_s = start.begin_s

    def step(self, now_s: float) -> Burst:
        """Return the next line if it is due at clock reading `now_s`, and when more is."""
        self._fill()
        if not self._bursts:
            return Burst(b"", None)
        if now_s < self._due_s:
            return Burst(b"", self._due_s)
        data, action, name = self._bursts.popleft()
        # A stop of the machine is not caught up: the pace is all that counts here.
        self._due_s = max(self._due_s, now_s - self.every_s) + self.every_s
        self._fill()
        return Burst(data, self._due_s if self._bursts else None, action, name)

    def _fill(self) -> None:
        while not self._bursts and (epoch_s := self._epochs.next_s) is not None:
            edge_s = self._epochs.next_edge_s
            if edge_s is not None and edge_s <= epoch_s:
                edge = self._epochs.edge()
                self._bursts.append((edge.data, edge.action, edge.name))
                continue
            self.played_s = epoch_s
            self._bursts.extend((line, None, None) for line in self._epochs.take())
