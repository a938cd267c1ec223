"""msgpack (the specification at msgpack.org), laid out in the three ways that people choose.

All values of a fix are carried, and the header of a batch.
"""

import msgpack

from milepost_firmware_sim.wire.peers.rows import (
    COLUMNS,
    columns_of,
    differences,
    header_of,
    rows_of,
)
from milepost_schemas.batch import Batch


def maps(batch: Batch) -> list[bytes]:
    """Pack a list of maps with one-letter keys; what is default is left out."""
    fixes = [
        {
            column.letter: value
            for column, value in zip(COLUMNS, row, strict=True)
            if value != column.default
        }
        for row in rows_of(batch)
    ]
    return [bytes(msgpack.packb([*header_of(batch), fixes]))]


def arrays(batch: Batch) -> list[bytes]:
    """Pack a list of arrays in a fixed order, each ending behind its last value of note."""
    fixes = []
    for row in rows_of(batch):
        values = list(row)
        while values[-1] == COLUMNS[len(values) - 1].default:
            values.pop()
        fixes.append(values)
    return [bytes(msgpack.packb([*header_of(batch), fixes]))]


def delta_columns(batch: Batch) -> list[bytes]:
    """Pack an array of differences for each column that is not its default throughout."""
    columns = [
        None if values is None else differences(values) for values in columns_of(rows_of(batch))
    ]
    while columns[-1] is None:
        columns.pop()
    return [bytes(msgpack.packb([*header_of(batch), columns]))]
