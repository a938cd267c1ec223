"""The tally: how many numbers were given up, and how; pure."""

from dataclasses import dataclass

from milepost_agent.buffer.stream import HeldStream
from milepost_schemas.batch import GapReason


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of numbers.

    Attributes:
        thinned: What was thinned; kept fixes stand for it.
        cut: What was given up unsent.
        damaged: What could not be read.
        set_aside: What the server refused.
    """

    thinned: int = 0
    cut: int = 0
    damaged: int = 0
    set_aside: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.thinned + other.thinned,
            self.cut + other.cut,
            self.damaged + other.damaged,
            self.set_aside + other.set_aside,
        )

    @classmethod
    def of(cls, held: HeldStream) -> "Tally":
        """Count in one stream."""
        return cls(
            held.thinned,
            held.missing(GapReason.CUT),
            held.missing(GapReason.DAMAGED),
            held.missing(GapReason.REFUSED),
        )

    def packed(self) -> bytes:
        """Pack it for a memo."""
        counts = (self.thinned, self.cut, self.damaged, self.set_aside)
        return b"".join(count.to_bytes(8, "big") for count in counts)

    @classmethod
    def unpacked(cls, packed: bytes | None) -> "Tally":
        """Unpack it; nothing is none."""
        if packed is None:
            return cls()
        return cls(*(int.from_bytes(packed[at : at + 8], "big") for at in range(0, 32, 8)))
