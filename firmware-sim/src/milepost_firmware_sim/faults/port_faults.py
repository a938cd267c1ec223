"""Faults of the port: when it is silent, stuck, or not there at all.

In flow the bytes of each epoch, out flow those that pass, and edges: moments at which the port must
be closed, opened, or given what was stuck.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from milepost_firmware_sim.faults.language import Fault
from milepost_firmware_sim.faults.stage import PlayTimes

# What the driver of a serial port keeps for a reader.
_KEPT_BYTES = 4096


class PortAction(Enum):
    """What the player asks of the port."""

    UNPLUG = "unplug"
    PLUG = "plug"


@dataclass(frozen=True, slots=True)
class Edge:
    """Something happens to the port.

    Attributes:
        data: Bytes that come out now, before the action.
        action: What to do to the port, or None.
        name: New name for the port's link, or None.
    """

    data: bytes = b""
    action: PortAction | None = None
    name: str | None = None


class PortFaults:
    """The faults of a port during one play.

    Attributes:
        hits: How often each fault has come.
    """

    def __init__(self, faults: Sequence[Fault], times: PlayTimes) -> None:
        self._faults = list(faults)
        self._windows = [fault.window.on_clock(times.first_fix_s) for fault in faults]
        self.hits = [0] * len(self._faults)
        self._edges = heapq.merge(*(self._edges_of(number) for number in range(len(faults))))
        self._next = next(self._edges, None)
        self._stuck = b""
        self._unplugged = 0

    def passed(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Return what passes the port of the lines of an epoch."""
        words = set()
        for number, fault in enumerate(self._faults):
            if self._windows[number].holds(time_s):
                words.add(fault.word.word)
                self.hits[number] += fault.word.word != "unplug"
        if "silence" in words or self._unplugged:
            return []
        if "stuck" in words:
            self._stuck += b"".join(lines)[: _KEPT_BYTES - len(self._stuck)]
            return []
        return lines

    def next_edge_s(self) -> float | None:
        """Return when the next edge comes, in seconds of the play; None without one."""
        return None if self._next is None else self._next[0]

    def edge(self) -> Edge:
        """Take the next edge."""
        if self._next is None:
            return Edge()
        time_s, begins, number = self._next
        self._next = next(self._edges, None)
        fault = self._faults[number]
        if fault.word.word == "unplug":
            return self._plugged(fault, number, begins=begins)
        if any(
            window.holds(time_s)
            for one, window in zip(self._faults, self._windows, strict=True)
            if one.word.word == "stuck"
        ):
            return Edge()
        data, self._stuck = self._stuck, b""
        return Edge(b"" if self._unplugged else data)

    def _plugged(self, fault: Fault, number: int, *, begins: bool) -> Edge:
        self.hits[number] += begins
        self._unplugged += 1 if begins else -1
        if begins and self._unplugged == 1:
            self._stuck = b""
            return Edge(action=PortAction.UNPLUG)
        if not begins and self._unplugged == 0:
            return Edge(action=PortAction.PLUG, name=fault.name)
        return Edge()

    def _edges_of(self, number: int) -> Iterator[tuple[float, bool, int]]:
        """Yield (time, whether it begins, fault) for all edges of a fault."""
        word = self._faults[number].word.word
        for begin_s, end_s in self._windows[number].spans():
            if word == "unplug":
                yield begin_s, True, number
            if word in ("unplug", "stuck") and end_s < math.inf:
                yield end_s, False, number
            if word == "silence":
                return
