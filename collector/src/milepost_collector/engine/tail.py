"""The newest means of a vehicle: packed, as they are stored, until they are looked at one by one.

Most vehicles of a call stand or drive on, and of those nobody looks at single means.
"""

import struct
from functools import partial
from typing import NamedTuple

import numpy as np

# Means are taken over so long.
GRID_MS = 5_000

# So many means are remembered: those of a place, and some from where the vehicle came.
TAIL = 20

# A packed mean, and the same as a row of an array.
_MEAN = struct.Struct("<qiqqq")
PACKED = np.dtype(
    [("number", "<i8"), ("lat_e6", "<i4"), ("lon_e6", "<i8"), ("way_mm", "<i8"), ("sure_mm", "<i8")]
)


class Middle(NamedTuple):
    """Where a vehicle was in the mean over a bucket, and how far it had come at its end.

    Attributes:
        number: Of the bucket.
        lat_e6: Millionths of a degree; likewise `lon_e6`.
        way_mm: How far it had come in all.
        sure_mm: How far by the receiver's own speed.
    """

    number: int
    lat_e6: int
    lon_e6: int
    way_mm: int
    sure_mm: int

    @property
    def middle_ms(self) -> int:
        """GPS time of the middle of the bucket."""
        return self.number * GRID_MS + GRID_MS // 2


# `Middle._make`, for many.
_middle = partial(tuple.__new__, Middle)


class Tail:
    """The newest means, without a break between them, at most `TAIL`.

    Args:
        packed: From `packed`.

    Raises:
        ValueError: It is not whole.
    """

    __slots__ = ("_means", "_packed")

    def __init__(self, packed: bytes = b"") -> None:
        if not isinstance(packed, bytes) or len(packed) % _MEAN.size:
            raise ValueError(f"{packed!r:.40} is no packed means")
        self._packed = packed
        self._means: list[Middle] | None = None

    def __eq__(self, other: object) -> bool:
        """Whether the means are the same, packed or not."""
        return isinstance(other, Tail) and self.packed() == other.packed()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the means for people."""
        return f"Tail({self.means})"

    @property
    def means(self) -> list[Middle]:
        """The means, to be changed in place."""
        if self._means is None:
            self._means = list(map(_middle, _MEAN.iter_unpack(self._packed)))
        return self._means

    def add(self, *means: Middle) -> None:
        """Add means, and forget as many old ones."""
        own = self.means
        own += means
        del own[:-TAIL]

    def packed(self) -> bytes:
        """Return all means as bytes."""
        if self._means is not None:
            return b"".join([_MEAN.pack(*mean) for mean in self._means])
        return self._packed

    def newest(self, count: int) -> bytes:
        """Return so many of the newest means as bytes, or fewer."""
        if self._means is not None:
            return b"".join([_MEAN.pack(*mean) for mean in self._means[-count:]])
        return self._packed[-count * _MEAN.size :]

    def add_packed(self, more: bytes) -> None:
        """Add means that are packed, and forget as many old ones."""
        self._packed = (self.packed() + more)[-TAIL * _MEAN.size :]
        self._means = None

    def turn(self, turned_e6: int) -> None:
        """Bring longitudes back that were counted on across the date line."""
        self._means = [mean._replace(lon_e6=mean.lon_e6 - turned_e6) for mean in self.means]
