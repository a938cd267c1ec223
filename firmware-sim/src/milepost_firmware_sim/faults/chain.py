"""All faults of a play, one behind the other: receiver, line, bytes, rate, port.

Within a level they act in the order in which they were asked for. Each draws from a generator of
its own, so that adding one does not change what the others do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.faults import byte_faults, fix_faults, line_faults
from milepost_firmware_sim.faults.language import Fault
from milepost_firmware_sim.faults.port_faults import Edge, PortFaults
from milepost_firmware_sim.faults.stage import PlayTimes, Stage
from milepost_firmware_sim.faults.words import Level

_STAGES: dict[str, type[Stage]] = {
    "outage": fix_faults.Outage,
    "void": fix_faults.Void,
    "jump": fix_faults.Jump,
    "freeze": fix_faults.Freeze,
    "rollover": fix_faults.Rollover,
    "no-date": fix_faults.NoDate,
    "cold-start": fix_faults.ColdStart,
    "leap-second": fix_faults.LeapSecond,
    "doubled-second": fix_faults.DoubledSecond,
    "drop": line_faults.Drop,
    "duplicate": line_faults.Duplicate,
    "swap": line_faults.Swap,
    "second-receiver": line_faults.SecondReceiver,
    "binary": line_faults.Binary,
    "no-checksum": line_faults.NoChecksum,
    "cut": byte_faults.Cut,
    "glue": byte_faults.Glue,
    "flip": byte_faults.Flip,
    "baud": byte_faults.Baud,
}
_LEVELS = list(Level)


@dataclass(frozen=True, slots=True)
class Hits:
    """How often a fault came.

    Attributes:
        fault: As it was written.
        count: Epochs, lines or bytes changed; times that a port was unplugged.
    """

    fault: str
    count: int


class FaultChain:
    """The faults of one play."""

    def __init__(self, faults: Sequence[Fault], seed: int, times: PlayTimes) -> None:
        """Set them up.

        Args:
            faults: In the order in which they were asked for.
            seed: Chooses all that is left to chance.
            times: Where the play stands on the receiver's clock.
        """
        self._faults = list(faults)
        self._last_s = 0.0
        self._stages = {
            number: _STAGES[fault.word.word](
                fault,
                Random(f"{seed}/{number}"),  # noqa: S311 - a drawing, not a secret
                times,
            )
            for number, fault in sorted(
                enumerate(faults), key=lambda one: (_LEVELS.index(one[1].word.level), one[0])
            )
            if fault.word.level is not Level.PORT
        }
        self._ported = [number for number in range(len(faults)) if number not in self._stages]
        self._port = PortFaults([faults[number] for number in self._ported], times)

    def apply(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Return what reaches the reader of the lines of an epoch, at a time of the play."""
        self._last_s = time_s
        for stage in self._stages.values():
            lines = stage.apply(time_s, lines)
        return self._port.passed(time_s, lines)

    def finish(self) -> list[bytes]:
        """Return what is still held after the last epoch."""
        lines: list[bytes] = []
        for stage in self._stages.values():
            lines = (stage.apply(self._last_s, lines) if lines else []) + stage.finish()
        return self._port.passed(self._last_s, lines) if lines else []

    def next_edge_s(self) -> float | None:
        """Return when the next edge of the port comes, in seconds of the play; None without one."""
        return self._port.next_edge_s()

    def edge(self) -> Edge:
        """Take the next edge of the port."""
        return self._port.edge()

    def hits(self) -> list[Hits]:
        """Tell how often each fault came, in the order in which they were asked for."""
        counts = {number: stage.hits for number, stage in self._stages.items()}
        counts |= dict(zip(self._ported, self._port.hits, strict=True))
        return [Hits(fault.text, counts[number]) for number, fault in enumerate(self._faults)]
