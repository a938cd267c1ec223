"""The loop of a replay: waits for the reader, for the clock and for room on the line.

All waiting is one poll on the port and on the signals, so that SIGTERM ends it at once wherever it
is. What to write, and when, the player decides.
"""

import os
import select
import signal
from types import FrameType
from typing import Protocol, Self

from milepost_firmware_sim.player import Burst
from milepost_firmware_sim.port import Port

# A serial reader empties its input right after it opened the port.
SETTLE_S = 0.3
DRAIN_S = 5.0
# pyserial gives up what one read call has gathered when the port ends within it.
LINGER_S = 1.0
# A pseudo-terminal cannot wake us when a reader comes.
_LOOK_S = 0.05
_LOOK_WHILE_DRAINING_S = 0.02
# Lines due within this time are written together.
_GATHER_S = 0.005
# The clock of the machine may be set, so no wait is longer.
_LONGEST_WAIT_S = 1.0


class Timepiece(Protocol):
    """What is read of the clock: scaled Unix seconds, and true monotonic ones."""

    def now_s(self) -> float:
        """Return the scaled time."""

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never jumps."""


class Play(Protocol):
    """What hands out the bytes that are due."""

    def step(self, now_s: float) -> Burst:
        """Return what is due now, and when more is."""


class Interrupt:
    """Turns SIGTERM and SIGINT into a descriptor that a poll can wait for, while it is entered.

    Attributes:
        asked: A signal has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reading)
        os.close(self._writing)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._reading

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


class Playback:
    """Plays one recording into one port."""

    def __init__(
        self, port: Port, clock: Timepiece, interrupt: Interrupt, *, clock_factor: float
    ) -> None:
        self._line_ends = 0
        self._line_open = False
        self._port = port
        self._clock = clock
        self._interrupt = interrupt
        self._clock_factor = clock_factor

    @property
    def lines(self) -> int:
        """Count the lines handed to the port so far; a rest without a line end is one too."""
        return self._line_ends + self._line_open

    def await_reader(self) -> None:
        """Wait until a reader is attached, and has emptied its input."""
        while not self._interrupt.asked and not self._port.attached():
            self._sleep(_LOOK_S)
        settled_s = self._clock.monotonic_s() + SETTLE_S
        while not self._interrupt.asked:
            left_s = settled_s - self._clock.monotonic_s()
            if left_s <= 0.0:
                return
            self._port.pump()
            self._sleep(min(left_s, _LOOK_S))

    def play(self, player: Play) -> None:
        """Play to the end, or until a signal."""
        due_s: float | None = self._clock.now_s()
        while due_s is not None and not self._interrupt.asked:
            burst = player.step(self._clock.now_s())
            if burst.data:
                self._line_ends += burst.data.count(b"\n")
                self._line_open = not burst.data.endswith(b"\n")
                self._port.offer(burst.data)
                self._wait_for_room()
            due_s = burst.due_s
            if due_s is not None:
                self._wait_until(due_s)

    def drain(self) -> None:
        """Wait until the reader took all, not longer than `DRAIN_S`, and let its read return."""
        until_s = self._clock.monotonic_s() + DRAIN_S
        empty_before = False
        while not self._interrupt.asked and self._clock.monotonic_s() < until_s:
            # Twice: bytes on their way between the two ends of a terminal are seen nowhere.
            empty = self._port.drained()
            if empty and empty_before:
                break
            empty_before = empty
            self._sleep(_LOOK_WHILE_DRAINING_S)
        until_s = self._clock.monotonic_s() + LINGER_S
        while self._port.attached() and not self._interrupt.asked:
            if self._clock.monotonic_s() >= until_s:
                return
            self._port.pump()
            self._sleep(_LOOK_S)

    def _wait_until(self, due_s: float) -> None:
        while not self._interrupt.asked:
            left_s = (due_s - self._clock.now_s()) / self._clock_factor
            if left_s <= 0.0:
                return
            self._port.pump()
            longest_s = _LONGEST_WAIT_S if self._port.watch() else _LOOK_S
            self._sleep(min(max(left_s, _GATHER_S), longest_s))

    def _wait_for_room(self) -> None:
        while not self._interrupt.asked and not self._port.pump():
            self._sleep(_LONGEST_WAIT_S)

    def _sleep(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._interrupt.fileno(), select.POLLIN)
        for descriptor, events in self._port.watch():
            poll.register(descriptor, events)
        poll.poll(max(1.0, seconds * 1000.0))
