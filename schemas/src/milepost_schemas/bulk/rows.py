"""Fixes of many batches, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from milepost_schemas.fix import Fix, KeptFix

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Stands where a row has no value; below all that are legal.
MISSING = -(2**31)


@dataclass(frozen=True, slots=True)
class FixRows:
    """Fixes, a row each; all arrays are of the same length.

    Attributes:
        batch: Which batch the row is of: its place in the list that was read.
        seq: As in `KeptFix`, and so the others, as in `Fix`; `MISSING` where there is no value.
    """

    batch: Integers
    seq: Integers
    time_ms: Integers
    lat_e6: Integers
    lon_e6: Integers
    altitude_dm: Integers
    speed_dmps: Integers
    course_deg: Integers
    hdop_tenths: Integers
    satellites: Integers
    kind: Integers
    error_dm: Integers
    date_repaired: Integers
    stands_for: Integers
    hole: Integers

    def __len__(self) -> int:
        """Return how many fixes there are."""
        return len(self.seq)

    def where(self, rows: Flags | Integers | slice) -> Self:
        """Return some of the rows."""
        return replace(self, **{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def kept_fixes(self) -> list[KeptFix]:
        """Return the rows one by one."""
        columns = [getattr(self, each.name).tolist() for each in fields(self)[1:]]
        made = []
        for seq, time_ms, *measured, stands, hole in zip(*columns, strict=True):
            known = [None if value == MISSING else value for value in measured]
            made.append(KeptFix(seq, Fix.of(time_ms, known), stands, bool(hole)))
        return made

    @classmethod
    def of(cls, batches: Sequence[tuple[int, Sequence[KeptFix]]]) -> Self:
        """Make rows of fixes, each with the place of its batch."""
        rows = [
            (place, kept.seq, kept.fix.time_ms, *kept.fix.measured(), kept.stands_for, kept.hole)
            for place, fixes in batches
            for kept in fixes
        ]
        told = [[MISSING if value is None else int(value) for value in row] for row in rows]
        table = np.array(told, np.int64).reshape(len(told), len(fields(cls)))
        return cls(*(np.ascontiguousarray(column) for column in table.T))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put rows behind rows."""
        return cls(
            *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls))
        )
