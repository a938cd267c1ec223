"""Salvage: the rows of a damaged buffer, saved page by page into a new file.

In flow an image of damaged files and a connection to a new, empty buffer; rows flow over, each
under the (stream, seq) that it has. SQLite's own structure is not believed: every page that looks
like the leaf of a table is read, wherever it lies, and a row counts when its CRC is right.

What is found more than once:
- A fix: the version that stands for most is the newest one, since thinning only adds.
- A fix that came back from a freed page although it was given up: the gap wins. Although it was
  thinned: the row that stands for it wins. Where neither is left, it is a true fix again.
- A stream's pointer: the newest version's. An old one, or none, costs a repetition.
- An open end: the newest version's, unless its place has a row.

Each number up to the newest one found that has neither row nor gap, and was not thinned, becomes a
gap with the reason DAMAGED.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from milepost_agent.buffer.gaps import joined, uncovered
from milepost_agent.buffer.image import Image
from milepost_agent.buffer.pages import rows_of
from milepost_agent.buffer.row import (
    FIX_COLUMNS,
    Memo,
    Row,
    StreamRow,
    gap_row,
    is_fix,
    is_set_aside,
    key_of,
    memo_row,
    read_gap,
    read_memo,
    read_stream,
    split_key,
    stream_row,
)
from milepost_agent.buffer.stream import HeldStream
from milepost_schemas.batch import Gap, GapReason

_SAVED_ROWS = 1000

_SAVE_FIX = (
    f"INSERT INTO fix VALUES (?{',?' * (FIX_COLUMNS - 1)}) ON CONFLICT (key) DO UPDATE SET "  # noqa: S608
    "stands_for = excluded.stands_for, thinned = excluded.thinned, crc = excluded.crc "
    "WHERE excluded.stands_for > stands_for"
)


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved: counts."""

    streams: int
    fixes: int
    damaged: int


@dataclass(slots=True)
class _Found:
    """What the small tables say."""

    streams: dict[bytes, StreamRow] = field(default_factory=dict)
    gaps: dict[bytes, list[Gap]] = field(default_factory=dict)
    memos: dict[str, Memo] = field(default_factory=dict)
    set_aside: dict[tuple[object, object], Row] = field(default_factory=dict)
    ends: dict[bytes, Row] = field(default_factory=dict)
    nos: dict[bytes, int] = field(default_factory=dict)

    def take(self, row: Row) -> None:
        """Take a row that is no fix, if it is one of ours."""
        if (stream := read_stream(row)) is not None:
            self.streams.setdefault(stream.stream, stream)
        elif (gap := read_gap(row)) is not None:
            self.gaps.setdefault(gap[0], []).append(gap[1])
        elif (memo := read_memo(row)) is not None:
            self.memos.setdefault(memo.name, memo)
        elif is_set_aside(row):
            self.set_aside.setdefault((row[1], row[2]), row)

    def no_of(self, stream: bytes, key: int) -> int:
        """Return a stream's place among the streams: what it says, else what a row's key says."""
        no = self.nos.get(stream)
        if no is None:
            no = split_key(key)[0]
            if not 0 < no < 2**31 or no in self.nos.values():
                no = max(self.nos.values(), default=0) + 1
            self.nos[stream] = no
        return no


def salvage(image: Image, db: sqlite3.Connection, known: Mapping[bytes, HeldStream]) -> Saved:
    """Save all that can be read.

    Args:
        image: The damaged files.
        db: A new buffer, in autocommit mode and not yet used.
        known: What is known of the streams besides: by the process that had the file open.

    Raises:
        sqlite3.Error: The new buffer cannot be written.
    """
    found = _small_tables(image)
    standing = known or found.streams
    found.nos = {stream: each.no for stream, each in standing.items()}
    db.execute("BEGIN IMMEDIATE")
    fixes = _fixes(image, found, known)
    while some := list(islice(fixes, _SAVED_ROWS)):
        db.executemany(_SAVE_FIX, some)
    damaged = rows = 0
    for stream in sorted(found.nos, key=found.nos.__getitem__):
        held = _settle(db, found, stream, known.get(stream))
        damaged += held.missing(GapReason.DAMAGED)
        rows += held.rows
    db.executemany("INSERT OR IGNORE INTO set_aside VALUES (?,?,?,?,?,?)", found.set_aside.values())
    db.executemany("INSERT INTO memo VALUES (?,?,?,?)", map(memo_row, found.memos.values()))
    db.execute("COMMIT")
    return Saved(len(found.nos), rows, damaged)


def saved_memos(image: Image) -> dict[str, bytes]:
    """Return the memos of damaged files."""
    return {name: memo.value for name, memo in _small_tables(image).memos.items()}


def _small_tables(image: Image) -> _Found:
    found = _Found()
    for page in image.versions():
        for row in _if_no_fixes(page):
            found.take(row)
    return found


def _if_no_fixes(page: bytes) -> list[Row]:
    """Return the rows of a page, unless it begins with fixes; a page is of one table."""
    rows: list[Row] = []
    for row in rows_of(page):
        if len(row) == FIX_COLUMNS:
            return []
        rows.append(row)
    return rows


def _fixes(image: Image, found: _Found, known: Mapping[bytes, HeldStream]) -> Iterator[Row]:
    """Yield the rows of numbered fixes under the keys that they shall have; note open ends."""
    for page in image.versions():
        for row in rows_of(page):
            if not is_fix(row) or (known and row[1] not in known):
                continue
            key, stream, seq = row[:3]
            place = split_key(key)[1]
            moved = (key_of(found.no_of(stream, key), place), *row[1:])
            if seq is not None:
                yield moved
            elif place > split_key(found.ends.get(stream, (0,))[0])[1]:
                found.ends[stream] = moved


def _settle(
    db: sqlite3.Connection, found: _Found, stream: bytes, known: HeldStream | None
) -> HeldStream:
    """Account for each number of a stream, and write the stream."""
    row = found.streams.get(stream)
    held = HeldStream(found.nos[stream], stream)
    told = sorted(found.gaps.get(stream, []), key=lambda gap: (gap.first, -gap.last))
    gaps = joined(told)
    if row is not None:
        held = replace(held, stored=row.stored, newest=row.newest or 0)
        held = replace(held, is_open=row.newest is None)
    if known is not None:
        held, gaps = known, known.gaps
        # What was rolled back may lie in the log, with numbers that are still to be given.
        db.execute(
            "DELETE FROM fix WHERE key BETWEEN ? AND ?",
            (key_of(held.no, held.newest + 1), key_of(held.no, 2**32 - 1)),
        )
    newest = max([held.newest, held.stored, *(gap.last for gap in gaps)])
    held = _accounted(db, replace(held, newest=newest, gaps=gaps))
    end = found.ends.get(stream)
    if held.is_open and known is None and end and split_key(end[0])[1] > held.newest:
        db.execute(_SAVE_FIX, end)
    for gap in held.gaps:
        db.execute("INSERT INTO gap VALUES (?,?,?,?,?,?)", gap_row(held.no, stream, gap))
    db.execute("INSERT INTO stream VALUES (?,?,?,?,?,?)", stream_row(held.row()))
    return held


def _accounted(db: sqlite3.Connection, held: HeldStream) -> HeldStream:
    """Go through a stream's rows from its end, drop those that were given up, and find the gaps."""
    starts = [gap.first for gap in held.gaps]

    def in_gap(seq: int) -> bool:
        at = bisect_right(starts, seq) - 1
        return at >= 0 and seq <= held.gaps[at].last

    damaged: list[tuple[int, int]] = []
    outdated: list[tuple[int]] = []
    expected: int | None = None
    newest, thinned = held.newest, 0
    rows = db.execute(
        "SELECT key, thinned FROM fix WHERE key BETWEEN ? AND ? ORDER BY key DESC",
        (key_of(held.no, 0), key_of(held.no, 2**32 - 1)),
    )
    for key, swallowed in rows:
        _, place = split_key(key)
        if expected is None:
            expected = newest = max(newest, place)
        if place > expected or in_gap(place):
            outdated.append((key,))
            continue
        damaged.append((place + 1, expected))
        expected = place - swallowed - 1
        thinned += sum(not in_gap(seq) for seq in range(expected + 1, place))
    damaged.append((1, newest if expected is None else expected))
    db.executemany("DELETE FROM fix WHERE key = ?", outdated)
    gaps = [
        Gap(low, high, GapReason.DAMAGED)
        for first, last in damaged
        for low, high in uncovered(held.gaps, first, last)
    ]
    every = joined(sorted([*held.gaps, *gaps], key=lambda gap: gap.first))
    return replace(held, newest=newest, thinned=thinned, gaps=every)
