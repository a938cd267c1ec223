"""Numbers in bulk, between numpy and the database: one-dimensional arrays in their binary form.

A list of Python numbers costs some 0.2 µs each to write and to read; an array costs a copy.

Source: PostgreSQL's `array_send` and `array_recv` (src/backend/utils/adt/arrayfuncs.c): five
integers of four bytes (dimensions, whether any element is NULL, the elements' type, their count,
the first one's number), then each element behind its length; all big-endian.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import DataError, adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

# Milliseconds from 1970 to 2000, from where PostgreSQL counts microseconds.
EPOCH_MS = 946_684_800_000

_HEADER = np.dtype(">i4")
_HEADER_BYTES = 20

Numbers = NDArray[np.integer[Any]] | NDArray[np.bool_]


class Kind(Enum):
    """An element's type: its OID and how it is written."""

    SMALLINT = (21, ">i2")
    INTEGER = (23, ">i4")
    BIGINT = (20, ">i8")
    TIMESTAMPTZ = (1184, ">i8")

    @property
    def oid(self) -> int:
        """The type's number in `pg_type`."""
        return self.value[0]

    @property
    def element(self) -> np.dtype[Any]:
        """An element behind its length."""
        return np.dtype([("bytes", _HEADER), ("value", self.value[1])])


@dataclass(frozen=True, slots=True)
class BinaryArray:
    """An array as the server reads it; the query casts its place (`%s::integer[]`)."""

    data: bytes


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> bytes:
        return obj.data


adapters.register_dumper(BinaryArray, _Dumper)


def binary_array(values: Numbers, kind: Kind) -> BinaryArray:
    """Write whole numbers as an array; as timestamps they are milliseconds since 1970.

    Raises:
        DataError: A number is too large for the type.
    """
    numbers = np.asarray(values, np.int64)
    if kind is Kind.TIMESTAMPTZ:
        numbers = (numbers - EPOCH_MS) * 1000
    elements = np.empty(len(numbers), kind.element)
    elements["bytes"] = elements.dtype["value"].itemsize
    elements["value"] = numbers
    if not np.array_equal(elements["value"], numbers):
        raise DataError(f"a number between {numbers.min()} and {numbers.max()} is no {kind.name}")
    header = np.array([1, 0, kind.oid, len(numbers), 1] if len(numbers) else [0, 0, kind.oid])
    return BinaryArray(header.astype(_HEADER).tobytes() + elements.tobytes())


def numbers_of(data: bytes | None, kind: Kind) -> NDArray[np.int64]:
    """Read an array without NULLs that the server wrote; None, for no rows, is an empty one.

    Timestamps become milliseconds since 1970, rounded down.
    """
    if data is None or len(data) <= _HEADER_BYTES:
        return np.empty(0, np.int64)
    values = np.frombuffer(data, kind.element, offset=_HEADER_BYTES)["value"].astype(np.int64)
    return values // 1000 + EPOCH_MS if kind is Kind.TIMESTAMPTZ else values
