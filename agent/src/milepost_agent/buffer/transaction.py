"""One commit in the making: what SQL has changed, and how the streams will stand.

In flow fixes and decisions of what to give up; out flows, when all of it is on the disk, the new
standing of the streams. Nothing of it is known outside before.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from milepost_agent.buffer.row import (
    FIX_COLUMNS,
    HeldFix,
    Memo,
    fix_row,
    gap_row,
    key_of,
    memo_row,
    read_fix,
    set_aside_row,
    stream_row,
)
from milepost_agent.buffer.stream import HeldStream
from milepost_schemas.batch import GapReason

Streams = dict[bytes, HeldStream]

_INSERT_FIX = f"INSERT OR REPLACE INTO fix VALUES (?{',?' * (FIX_COLUMNS - 1)})"  # noqa: S608


class Transaction:
    """Changes of one commit.

    Args:
        db: The connection, inside a transaction.
        streams: How the streams stand.
        written: How they stand in the file.
        current: The stream of this run.
        offered: The number up to which rows of a stream were read for sending in this run.
        memos: The buffer's own memos.

    Attributes:
        streams: How the streams will stand, oldest first.
        offered: See above.
        memos: The memos as they will be.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        streams: Streams,
        written: Streams,
        current: bytes,
        offered: Mapping[bytes, int],
        memos: Mapping[str, bytes],
    ) -> None:
        self._db = db
        self._written = written
        self.streams = dict(streams)
        self.current = current
        self.offered = offered
        self.memos = dict(memos)

    def used_bytes(self) -> int:
        """Return how much of the file holds something."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (size_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size_bytes)

    def rows(self, held: HeldStream, after: int, upto: int, limit: int) -> list[tuple[Any, ...]]:
        """Return rows of a stream as they stand in the file, by number."""
        return self._db.execute(
            "SELECT * FROM fix WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
            (key_of(held.no, after + 1), key_of(held.no, upto), limit),
        ).fetchall()

    def insert(self, no: int, fixes: Iterable[HeldFix]) -> None:
        """Write rows, over those that have the same number."""
        self._db.executemany(_INSERT_FIX, [fix_row(no, held) for held in fixes])

    def append(self, fixes: Sequence[HeldFix]) -> None:
        """Write fixes that have the next numbers of the current stream."""
        held = self.streams[self.current]
        self.insert(held.no, fixes)
        self.streams[self.current] = replace(held, newest=held.newest + len(fixes))

    def delete(self, no: int, first: int, last: int) -> int:
        """Delete the rows with the numbers from `first` to `last`, and say how many there were."""
        bounds = (key_of(no, first), key_of(no, last))
        return self._db.execute("DELETE FROM fix WHERE key BETWEEN ? AND ?", bounds).rowcount

    def give_up(self, held: HeldStream, first: int, last: int, reason: GapReason) -> None:
        """Delete rows, and leave a gap that also counts what was thinned into them."""
        rows = self.delete(held.no, first, last)
        self.streams[held.stream] = held.given_up(first, last, rows, reason)

    def thin(self, held: HeldStream, before: Sequence[HeldFix], after: Sequence[HeldFix]) -> None:
        """Write the rows `after` in place of the rows `before`, which they stand for."""
        self.delete(held.no, before[0].place, before[-1].place)
        self.insert(held.no, after)
        fewer = len(before) - len(after)
        self.streams[held.stream] = replace(held, thinned=held.thinned + fewer)

    def set_aside(self, fixes: Iterable[tuple[HeldFix, str]]) -> None:
        """Keep refused fixes apart, with the reasons."""
        rows = [set_aside_row(self.streams[held.stream].no, held, why) for held, why in fixes]
        self._db.executemany("INSERT OR REPLACE INTO set_aside VALUES (?,?,?,?,?,?)", rows)

    def remember(self, name: str, value: bytes) -> None:
        """Write a memo over the one of the same name."""
        if self.memos.get(name) == value:
            return
        self._db.execute("DELETE FROM memo WHERE name = ?", (name,))
        self._db.execute("INSERT INTO memo VALUES (?,?,?,?)", memo_row(Memo(name, value)))
        self.memos[name] = value

    def forget(self, held: HeldStream) -> None:
        """Delete everything of a stream."""
        del self.streams[held.stream]
        self.delete(held.no, 0, 2**32 - 1)
        self._write_gaps(self._written.get(held.stream, held), replace(held, gaps=()))
        self._db.execute("DELETE FROM stream WHERE no = ?", (held.no,))

    def write_streams(self, *, pointers: bool) -> Streams:
        """Write what has changed of the streams; return how they then stand in the file.

        Args:
            pointers: Also where nothing but the pointer has moved.
        """
        written = {}
        for stream, held in self.streams.items():
            before = self._written.get(stream)
            if before is not held:
                held = self._write(before, held, pointers=pointers)
            written[stream] = held
        self._written = written
        return written

    def _write(self, before: HeldStream | None, held: HeldStream, *, pointers: bool) -> HeldStream:
        if before is None or before.gaps is not held.gaps:
            self._write_gaps(before or replace(held, gaps=()), held)
        if before is not None and not pointers and before.stored <= held.stored:
            held = replace(held, stored=before.stored)
        if before is None or before.row() != held.row():
            self._db.execute(
                "INSERT OR REPLACE INTO stream VALUES (?,?,?,?,?,?)", stream_row(held.row())
            )
        return held

    def _write_gaps(self, before: HeldStream, held: HeldStream) -> None:
        gone = set(before.gaps) - set(held.gaps)
        new = [gap for gap in held.gaps if gap not in set(before.gaps)]
        for gap in gone:
            self._db.execute("DELETE FROM gap WHERE key = ?", (key_of(held.no, gap.first),))
        for gap in new:
            # Rows that were found damaged or set aside are still there.
            self.delete(held.no, gap.first, gap.last)
            row = gap_row(held.no, held.stream, gap)
            self._db.execute("INSERT OR REPLACE INTO gap VALUES (?,?,?,?,?,?)", row)


def verified(rows: Iterable[Sequence[Any]], stream: bytes) -> list[HeldFix]:
    """Read those of the rows that are numbered fixes of the stream, as they were written."""
    fixes = [read_fix(row) for row in rows]
    return [fix for fix in fixes if fix and not fix.is_open and fix.stream == stream]
