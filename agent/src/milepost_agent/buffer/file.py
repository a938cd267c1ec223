"""The buffer's file: streams of numbered fixes in SQLite, each commit whole and durable.

In flow fixes and what acks say, out flow committed rows in order. A connection over a file or over
memory does the same here.

Invariants:
- What is known without a commit (pointers, damage that was found, refused fixes) is written with
  the next one; until then memory knows better than the file, and losing it costs a repetition.
- The newest number of the run that goes on is not written each time, because a page would have to
  be: at the next start it is found as the last row's.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from milepost_agent.buffer.beginning import FORGOTTEN, begin_run, complete_run
from milepost_agent.buffer.gaps import uncovered
from milepost_agent.buffer.loading import load_memos, load_streams
from milepost_agent.buffer.reading import Reading, read_rows
from milepost_agent.buffer.row import HeldFix, Measured, Row, key_of
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.tally import Tally
from milepost_agent.buffer.transaction import Transaction, verified
from milepost_agent.buffer.trouble import DamageError, StreamGoneError, told_apart
from milepost_schemas.batch import GapReason
from milepost_schemas.delivery.effect import SetAside
from milepost_schemas.fix import KeptFix

_log = logging.getLogger(__name__)

MakeRoom = Callable[[Transaction, int], None]


class BufferFile:
    """Streams over one connection.

    Args:
        db: The connection, with our schema.

    Attributes:
        streams: How the streams stand, oldest first.
        current: The stream of this run; empty before `begin`.
        memos: Small values by name.
        offered: The numbers up to which streams were read for sending in this run.

    Raises:
        DamageError: A row says what was not written.
        DiskError: The file cannot be read.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.current = b""
        self._open_end: Measured | None = None
        self.offered: dict[bytes, int] = {}
        self._set_aside: list[tuple[HeldFix, str]] = []
        self._has_news = False  # something that the next commit is to write whatever comes
        self._has_moved = False  # a pointer
        with told_apart():
            self.memos = load_memos(db)
            self.streams = load_streams(db)
        self._written = dict(self.streams)

    def begin(self, stream: bytes, spare_stream: bytes | None) -> None:
        """Begin a stream for this run.

        Args:
            stream: Its 8 random bytes.
            spare_stream: 8 other ones: the open end that the run before left becomes the only fix
                of this stream. None: the open end is outdated.
        """
        with self.transaction() as transaction:
            begin_run(transaction, stream, spare_stream)
        self.current = stream
        self._open_end = None

    def complete(self, rows: Iterable[Row]) -> None:
        """Add what a torn commit at the end of the log has left of the run before.

        Its rows were measured, and their numbers are still their own: a run that was cut off gives
        no more of them.
        """
        with self.transaction() as transaction:
            complete_run(transaction, rows)

    def commit(
        self,
        measured: Sequence[Measured],
        open_end: Measured | None,
        *,
        make_room: MakeRoom,
        memos: Mapping[str, bytes],
        pointers: bool,
    ) -> None:
        """Write what was measured and what became known.

        Args:
            measured: Fixes that get the next numbers.
            open_end: The sampler's open end.
            make_room: Makes room for so many rows in a transaction.
            memos: Memos to be written.
            pointers: Write pointers that have moved.

        Raises:
            DamageError: The file is damaged; nothing was written.
            DiskError: The disk cannot be used; nothing was written.
        """
        is_dirty = self._has_news or (pointers and self._has_moved)
        if not (measured or memos or is_dirty or open_end != self._open_end):
            return
        pointers = pointers or self._has_news
        with self.transaction(pointers=pointers) as transaction:
            transaction.set_aside(self._set_aside)
            make_room(transaction, len(measured) + 1)
            held = transaction.streams[self.current]
            behind = held.newest + len(measured) + 1
            numbered = zip(range(held.newest + 1, behind), measured, strict=True)
            transaction.append([fix.held(self.current, place) for place, fix in numbered])
            if open_end is not None:
                end = open_end.held(self.current, behind, is_open=True)
                transaction.insert(held.no, [end])
            elif self._open_end is not None and not measured:
                transaction.delete(held.no, behind, behind)
            for name, value in memos.items():
                transaction.remember(name, value)
        self._open_end = open_end
        self._set_aside.clear()
        self._has_news = False
        self._has_moved = self._has_moved and not pointers

    @contextmanager
    def transaction(self, *, pointers: bool = True) -> Iterator[Transaction]:
        """Change the file, whole or not at all; what is known changes when the disk has it.

        Args:
            pointers: Write also the pointers that have moved.

        Raises:
            DamageError: The file is damaged.
            DiskError: The disk cannot be used.
        """
        with told_apart():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                transaction = Transaction(
                    self._db, self.streams, self._written, self.current, self.offered, self.memos
                )
                if self._has_news:  # rows in gaps that are known already must not be met again
                    transaction.write_streams(pointers=True)
                yield transaction
                written = transaction.write_streams(pointers=pointers)
                self._db.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        self.streams, self._written = transaction.streams, written
        self.memos = transaction.memos

    def read(self, stream: bytes, after: int, limit: int, *, strict: bool) -> list[KeptFix]:
        """Return at most `limit` (below 0: all) fixes with a number above `after`.

        Fewer than `limit` mean that there are no more. Rows that are not as they were written are
        left out and become a gap.

        Args:
            stream: The stream.
            after: The number.
            limit: The most.
            strict: Numbers that are missing without a trace are no gap yet, but an error.

        Raises:
            StreamGoneError: There is no such stream.
            DamageError: The file is damaged, and its pages should be looked through.
            DiskError: The file cannot be read.
        """
        held = self.streams.get(stream)
        if held is None:
            raise StreamGoneError(f"stream {stream.hex()} is not held")
        with told_apart():
            cursor = self._db.execute(
                "SELECT * FROM fix WHERE key BETWEEN ? AND ? ORDER BY key",
                (key_of(held.no, after + 1), key_of(held.no, held.newest)),
            )
            reading = read_rows(cursor, held, after, limit)
            cursor.close()
        if strict and reading.is_incomplete:
            raise DamageError(f"rows of stream {stream.hex()} are missing: {reading.damaged[:3]}")
        self._record(held, reading)
        if reading.fixes:
            newest = reading.fixes[-1].seq
            self.offered[stream] = max(newest, self.offered.get(stream, 0))
        return reading.fixes

    def stored(self, stream: bytes, seq: int) -> None:
        """Take it that the server has everything of a stream up to a number."""
        held = self.streams.get(stream)
        if held is not None:
            self.streams[stream] = replace(held, stored=seq)
            self._has_moved = True

    def rewind(self) -> None:
        """Take it that the server has nothing."""
        self.streams = {stream: replace(held, stored=0) for stream, held in self.streams.items()}
        self.offered.clear()
        self._has_news = True

    def refuse(self, effect: SetAside) -> None:
        """Take a fix from what is sent, because the server will never take it."""
        held = self.streams[effect.stream]
        with told_apart():
            rows = self._db.execute(
                "SELECT * FROM fix WHERE key = ?", (key_of(held.no, effect.seq),)
            ).fetchall()
        sound = verified(rows, effect.stream)
        if not sound or not uncovered(held.gaps, effect.seq, effect.seq):
            return
        self._set_aside.append((sound[0], effect.reason))
        self.streams[effect.stream] = held.given_up(
            sound[0].first, effect.seq, 1, GapReason.REFUSED
        )
        self._has_news = True

    def resume(self, other: "BufferFile") -> None:
        """Go on with the run that another file of the same streams had."""
        self.current = other.current
        self.offered = other.offered
        self._set_aside = other._set_aside
        self._has_news = True

    def held_fixes(self, stream: bytes, after: int, limit: int) -> list[HeldFix]:
        """Return sound rows with numbers above `after` as they are held."""
        held = self.streams[stream]
        bounds = (key_of(held.no, after + 1), key_of(held.no, held.newest), limit)
        with told_apart():
            rows = self._db.execute(
                "SELECT * FROM fix WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?", bounds
            ).fetchall()
        return verified(rows, stream)

    def has_unsent(self) -> bool:
        """Say whether anything is not known to be stored."""
        return any(held.stored < held.newest for held in self.streams.values())

    def tally_of_forgotten(self) -> Tally:
        """Count what was given up of streams that are no more."""
        return Tally.unpacked(self.memos.get(FORGOTTEN))

    def oldest_unsent_ms(self) -> int | None:
        """Return the GPS time of the oldest fix that is not known to be stored."""
        for held in self.streams.values():
            if held.stored < held.newest:
                for fix in self.held_fixes(held.stream, held.stored, 1):
                    return fix.fix.time_ms
        return None

    def size_bytes(self) -> int:
        """Return the size of the database without its log."""
        with told_apart():
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        return int(pages * page_bytes)

    def checkpoint(self) -> None:
        """Bring everything from the log into the database.

        Raises:
            DiskError: It cannot be.
        """
        with told_apart():
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        with told_apart():
            self._db.close()

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # SQLite ends it by itself after some errors
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def _record(self, held: HeldStream, reading: Reading) -> None:
        for first, last, rows in reading.damaged:
            held = held.given_up(first, last, rows, GapReason.DAMAGED)
            _log.error(
                "Rows of the buffer are damaged. stream=%s first=%d last=%d",
                held.stream.hex(),
                first,
                last,
            )
            self.streams[held.stream] = held
            self._has_news = True
