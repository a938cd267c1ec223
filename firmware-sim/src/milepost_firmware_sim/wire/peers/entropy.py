"""The entropy bound: what a coder with a fixed model of each column could hardly go below.

Each value is predicted from those before it (time, latitude and longitude by going on as they went,
all others as they were), and what is left costs its information under a model: a count of how often
each residual came (C. E. Shannon, "A Mathematical Theory of Communication", 1948). A model from
other files has never seen some residuals: they cost an escape (A. Moffat, PPM "method C", IEEE
Trans. Communications 38(11), 1990) and an Elias gamma code. All values of a fix are carried; no
header is counted, and no border between batches. A coder that predicts better than this, or learns
as it goes, may stand below.
"""

from collections import Counter
from collections.abc import Sequence
from math import log2

from milepost_firmware_sim.wire.peers.rows import COLUMNS, Column, Row, rows_of
from milepost_schemas.batch import Batch

_SECOND_ORDER = frozenset("tyx")
_COURSE = "c"


class ResidualModel:
    """How often each residual came, column by column; None is a value that is missing."""

    def __init__(self, counts: Sequence[Counter[int | None]]) -> None:
        self._counts = counts

    @classmethod
    def of(cls, streams: Sequence[Batch]) -> "ResidualModel":
        """Count the residuals of whole streams, the fixes of each as if they were one batch."""
        counts: list[Counter[int | None]] = [Counter() for _ in COLUMNS]
        for stream in streams:
            columns = zip(*rows_of(stream), strict=True)
            for column, values, count in zip(COLUMNS, columns, counts, strict=True):
                count.update(_residuals(column, values))
        return cls(counts)

    @classmethod
    def together(cls, models: Sequence["ResidualModel"]) -> "ResidualModel":
        """Return a model that has seen what all of these saw."""
        columns = zip(*(model._counts for model in models), strict=True)
        return cls([sum(counts, Counter()) for counts in columns])

    def without(self, other: "ResidualModel") -> "ResidualModel":
        """Return a model that has not seen what another one saw."""
        pairs = zip(self._counts, other._counts, strict=True)
        return ResidualModel([ours - theirs for ours, theirs in pairs])

    def bits_of(self, other: "ResidualModel") -> float:
        """Return the information of all that another one saw, in bits."""
        return sum(
            _column_bits(known, told)
            for known, told in zip(self._counts, other._counts, strict=True)
        )


def _residuals(column: Column, values: Row) -> list[int | None]:
    residuals: list[int | None] = []
    last, pace = column.default or 0, 0
    for value in values:
        if value is None:
            residuals.append(None)
            continue
        step = value - last
        if column.letter == _COURSE:
            step = (step + 180) % 360 - 180
        residuals.append(step - pace)
        last = value
        if column.letter in _SECOND_ORDER and len(residuals) > 1:
            pace = step
    return residuals


def _column_bits(known: Counter[int | None], told: Counter[int | None]) -> float:
    seen = known.total()
    # Where all has been seen the counts are the model; else escapes take a share of it.
    escapes = 0 if told.keys() <= known.keys() else max(1, len(known))
    bits = 0.0
    for residual, count in told.items():
        if residual in known:
            bits -= count * log2(known[residual] / (seen + escapes))
        else:
            bits -= count * (log2(escapes / (seen + escapes)) - _gamma_bits(residual))
    return bits


def _gamma_bits(residual: int | None) -> int:
    folded = 1 if residual is None else 2 * abs(residual) + 1
    return 2 * folded.bit_length() - 1
