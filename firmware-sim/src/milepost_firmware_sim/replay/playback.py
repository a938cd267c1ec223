"""The loop of a replay: waits for the reader, for the clock and for room on the line.

All waiting is one poll on the port and on the signals, so that SIGTERM ends it at once wherever it
is. What to write, and when, the player decides.
"""

import os
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Protocol, Self

from milepost_firmware_sim.faults.port_faults import PortAction
from milepost_firmware_sim.ports.port import Port, PortError
from milepost_firmware_sim.replay.console import Console
from milepost_firmware_sim.replay.player import Burst

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
# Before a plug is pulled the reader may take what came before.
_UNPLUG_S = 1.0
# A line of a limited rate is given bytes for so long at once.
_SLICE_S = 0.02
_STANDARD_INPUT = 0


class Timepiece(Protocol):
    """What is read of the clock: scaled Unix seconds, and true monotonic ones."""

    def now_s(self) -> float:
        """Return the scaled time."""

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never jumps."""


class Play(Protocol):
    """What hands out the bytes that are due.

    Attributes:
        played_s: Seconds of the play that are over.
    """

    played_s: float

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


@dataclass(frozen=True, slots=True)
class Manner:
    """How the loop treats its reader.

    Attributes:
        clock_factor: Scaled seconds in a true second.
        line_bytes_per_s: What the line carries; None: as much as the reader takes.
        patience_s: How long to wait for a reader, or for one that takes nothing; None: for ever.
        awaits_again: After the port was unplugged, wait for the reader to come back.
    """

    clock_factor: float = 1.0
    line_bytes_per_s: float | None = None
    patience_s: float | None = None
    awaits_again: bool = False


class Playback:
    """Plays one recording into one port."""

    def __init__(
        self,
        port: Port,
        clock: Timepiece,
        interrupt: Interrupt,
        *,
        manner: Manner,
        console: Console,
        plugged: Callable[[str], None],
    ) -> None:
        """Take the parts.

        Args:
            port: Where to.
            clock: What time it is.
            interrupt: What ends the play.
            manner: How to treat the reader.
            console: What a person sees.
            plugged: Called with the port's address when it came back.
        """
        self._line_ends = 0
        self._line_open = False
        self._line_free_s = 0.0
        self._port = port
        self._clock = clock
        self._interrupt = interrupt
        self._manner = manner
        self._console = console
        self._plugged = plugged

    @property
    def lines(self) -> int:
        """Count the lines handed to the port so far; a rest without a line end is one too."""
        return self._line_ends + self._line_open

    def await_reader(self) -> None:
        """Wait until a reader is attached, and has emptied its input."""
        if not self._port.attachable:
            return
        begun_s = self._clock.monotonic_s()
        while not self._interrupt.asked and not self._port.attached():
            self._keep_patience(begun_s, "no reader came")
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
                self._console.show(burst.data)
                if self._console.stepping and not self._asked_for_next():
                    break
                self._pass(burst.data)
            if burst.action is not None:
                self._act(burst)
            self._console.report(self._clock.monotonic_s(), player.played_s, self.lines)
            due_s = burst.due_s
            if due_s is not None:
                self._wait_until(due_s)
        self._console.end(player.played_s, self.lines)

    def drain(self) -> None:
        """Wait until the reader took all, not longer than `DRAIN_S`, and let its read return."""
        self._drain_for(DRAIN_S)
        if not self._port.attachable:
            return
        until_s = self._clock.monotonic_s() + LINGER_S
        while self._port.attached() and not self._interrupt.asked:
            if self._clock.monotonic_s() >= until_s:
                return
            self._port.pump()
            self._sleep(_LOOK_S)

    def _drain_for(self, seconds: float) -> None:
        until_s = self._clock.monotonic_s() + seconds
        empty_before = False
        while not self._interrupt.asked and self._clock.monotonic_s() < until_s:
            # Twice: bytes on their way between the two ends of a terminal are seen nowhere.
            empty = self._port.drained()
            if empty and empty_before:
                break
            empty_before = empty
            self._sleep(_LOOK_WHILE_DRAINING_S)

    def _pass(self, data: bytes) -> None:
        """Hand bytes to the port, at once or at the rate of the line, and wait until they went."""
        self._line_ends += data.count(b"\n")
        self._line_open = not data.endswith(b"\n")
        rate = self._manner.line_bytes_per_s
        size = len(data) if rate is None else max(1, int(rate * _SLICE_S))
        for begin in range(0, len(data), size):
            part = data[begin : begin + size]
            self._port.offer(part)
            self._wait_for_room()
            if rate is not None:
                now_s = self._clock.monotonic_s()
                self._line_free_s = max(self._line_free_s, now_s - _SLICE_S) + len(part) / rate
                self._wait_for_line()
            if self._interrupt.asked:
                return

    def _act(self, burst: Burst) -> None:
        if burst.action is PortAction.UNPLUG:
            self._drain_for(_UNPLUG_S)
            self._port.unplug()
            return
        self._port.plug(burst.name)
        if self._port.attachable:
            self._plugged(self._port.address)
        if self._manner.awaits_again:
            self.await_reader()

    def _asked_for_next(self) -> bool:
        """Wait for a line of standard input; False at its end, or after a signal."""
        self._console.ask()
        poll = select.poll()
        poll.register(self._interrupt.fileno(), select.POLLIN)
        poll.register(_STANDARD_INPUT, select.POLLIN)
        while not self._interrupt.asked:
            if any(number == _STANDARD_INPUT for number, _ in poll.poll()):
                typed = os.read(_STANDARD_INPUT, 1)
                if typed in (b"", b"\n"):
                    return typed == b"\n"
        return False

    def _wait_until(self, due_s: float) -> None:
        while not self._interrupt.asked:
            left_s = (due_s - self._clock.now_s()) / self._manner.clock_factor
            if left_s <= 0.0:
                return
            self._port.pump()
            longest_s = _LONGEST_WAIT_S if self._port.watch() else _LOOK_S
            self._sleep(min(max(left_s, _GATHER_S), longest_s))

    def _wait_for_room(self) -> None:
        begun_s, sent_bytes = self._clock.monotonic_s(), self._port.sent_bytes
        while not self._interrupt.asked and not self._port.pump():
            if sent_bytes != self._port.sent_bytes:
                begun_s, sent_bytes = self._clock.monotonic_s(), self._port.sent_bytes
            self._keep_patience(begun_s, "the reader takes nothing")
            self._sleep(_LONGEST_WAIT_S)

    def _wait_for_line(self) -> None:
        while not self._interrupt.asked:
            left_s = self._line_free_s - self._clock.monotonic_s()
            if left_s <= 0.0:
                return
            self._sleep(left_s)

    def _keep_patience(self, begun_s: float, what: str) -> None:
        patience_s = self._manner.patience_s
        if patience_s is not None and self._clock.monotonic_s() - begun_s > patience_s:
            raise PortError(f"port {self._port.address}: {what} for {patience_s:g} s")

    def _sleep(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._interrupt.fileno(), select.POLLIN)
        for descriptor, events in self._port.watch():
            poll.register(descriptor, events)
        poll.poll(max(1.0, seconds * 1000.0))
