"""Loading: how the streams stand, read from a file that has just been opened.

In flow the small tables and the end of each unfinished run, out flow the streams. Whatever is not
as it was written means damage: what follows from it would be believed for the whole run.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import TypeVar

from milepost_agent.buffer.gaps import Gaps, joined
from milepost_agent.buffer.row import (
    Row,
    StreamRow,
    key_of,
    read_fix,
    read_gap,
    read_memo,
    read_stream,
    split_key,
)
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.trouble import DamageError
from milepost_schemas.batch import Gap

# Unsound rows behind the last sound one are believed to have had numbers up to so far from it.
_BELIEVED_ROWS = 4096

_Read = TypeVar("_Read")


def load_memos(db: sqlite3.Connection) -> dict[str, bytes]:
    """Return the memos.

    Raises:
        DamageError: One is not what was written.
        sqlite3.Error: The file cannot be read.
    """
    return {memo.name: memo.value for memo in _sound(db, "memo", read_memo)}


def load_streams(db: sqlite3.Connection) -> dict[bytes, HeldStream]:
    """Return the streams, oldest first.

    Raises:
        DamageError: Something is not what was written, or contradicts itself.
        sqlite3.Error: The file cannot be read.
    """
    gaps: dict[bytes, list[Gap]] = {}
    for stream, gap in _sound(db, "gap", read_gap):
        gaps.setdefault(stream, []).append(gap)
    streams: dict[bytes, HeldStream] = {}
    for row in _sound(db, "stream", read_stream):
        of_stream = tuple(gaps.pop(row.stream, ()))
        if row.stream in streams or joined(of_stream) != of_stream:
            raise DamageError(f"stream {row.stream.hex()} contradicts itself")
        newest = _newest(db, row, of_stream) if row.newest is None else row.newest
        if row.stored > newest:
            raise DamageError(f"rows of stream {row.stream.hex()} are missing at its end")
        is_open = row.newest is None
        streams[row.stream] = HeldStream(
            row.no, row.stream, row.stored, newest, row.thinned, is_open, of_stream
        )
    if gaps:
        raise DamageError("there is a gap of a stream that is not held")
    return streams


def _newest(db: sqlite3.Connection, held: StreamRow, gaps: Gaps) -> int:
    """Find the newest number of a stream whose run has not been ended."""
    newest = gaps[-1].last if gaps else 0
    unsound = []
    cursor = db.execute(
        "SELECT * FROM fix WHERE key BETWEEN ? AND ? ORDER BY key DESC",
        (key_of(held.no, 0), key_of(held.no, 2**32 - 1)),
    )
    for row in cursor:
        fix = read_fix(row)
        if fix is not None and not fix.is_open and fix.stream == held.stream:
            newest = max(newest, fix.place)
            break
        if fix is None and row[2] is not None:
            unsound.append(split_key(row[0])[1])
    cursor.close()
    return max([seq for seq in unsound if seq <= newest + _BELIEVED_ROWS], default=newest)


def _sound(
    db: sqlite3.Connection, table: str, read: Callable[[Row], _Read | None]
) -> Iterator[_Read]:
    for row in db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall():  # noqa: S608
        said = read(row)
        if said is None:
            raise DamageError(f"a row of table {table} is not what was written")
        yield said
