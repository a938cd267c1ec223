"""One stream as it is held: how far it has come and what of it is missing; pure.

Invariant: each number from 1 to `newest` is a row, or was thinned into the next row, or is in a
gap. So the number of rows is known without counting them.
"""

from dataclasses import dataclass, replace

from milepost_agent.buffer.gaps import Gaps, uncovered, with_gap
from milepost_agent.buffer.row import StreamRow
from milepost_schemas.batch import GapReason
from milepost_schemas.delivery.sender import Ledger


@dataclass(frozen=True, slots=True)
class HeldStream:
    """A stream.

    Attributes:
        no: Its place among the streams; they are numbered as they began.
        stream: Its 8 bytes.
        stored: The server said that it has everything up to this number.
        newest: The newest committed number.
        thinned: Numbers that were thinned and are in no gap.
        is_open: Its run goes on, as far as the file says.
        gaps: Numbers that will never be sent.
    """

    no: int
    stream: bytes
    stored: int = 0
    newest: int = 0
    thinned: int = 0
    is_open: bool = True
    gaps: Gaps = ()

    @property
    def rows(self) -> int:
        """Rows that are held."""
        return self.newest - self.thinned - self.missing()

    def missing(self, reason: GapReason | None = None) -> int:
        """Count the numbers in gaps, of one reason or of any."""
        return sum(
            gap.last - gap.first + 1 for gap in self.gaps if reason is None or gap.reason is reason
        )

    def ledger(self) -> Ledger:
        """Return what a sender needs to know."""
        return Ledger(self.stream, self.stored, self.newest)

    def row(self) -> StreamRow:
        """Return what of it stands in the table of streams."""
        newest = None if self.is_open else self.newest
        return StreamRow(self.no, self.stream, self.stored, newest, self.thinned)

    def given_up(self, first: int, last: int, rows: int, reason: GapReason) -> "HeldStream":
        """Return it without the numbers from `first` to `last`, of which `rows` were rows."""
        numbers = sum(high - low + 1 for low, high in uncovered(self.gaps, first, last))
        return replace(
            self,
            gaps=with_gap(self.gaps, first, last, reason),
            thinned=max(0, self.thinned - (numbers - rows)),
        )
