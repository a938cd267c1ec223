"""The buffer: every fix on disk before it is sent, and kept until there is need of the room.

In flow fixes and the effects of acks, out flow numbered fixes in order. SQLite in WAL mode with
`synchronous=FULL`: what `commit` has returned from survives a power cut.

Invariants:
- Only committed rows can be read, so only committed rows are sent.
- One connection, of one process (a lock file sees to it): older SQLite can damage a WAL that two
  connections reset (https://sqlite.org/wal.html, "The WAL-Reset Bug").
- A row that is given up leaves a gap with its reason; nothing goes uncounted.
"""

import fcntl
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from importlib import resources
from pathlib import Path
from typing import IO, Any

from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.sender import Effect, Ledger, Rewind, SetAside, Stored
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.message import MAX_COUNT, STREAM_BYTES

IN_MEMORY = ":memory:"
_SCHEMA_VERSION = 1
_COLUMNS = (
    "seq, time_ms, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths, satellites, "
    "kind, error_dm, date_repaired, stands_for, hole"
)

# Rows given up at a time, so that a full buffer costs each commit little.
_FREED_ROWS = 512


class BufferFileError(Exception):
    """The buffer cannot be used; the message names file and cause."""


class Buffer:
    """The fixes that this unit holds.

    Args:
        path: The SQLite file, or `IN_MEMORY`.
        max_bytes: Size at which room is made: delivered rows go first, oldest first, then the
            oldest undelivered ones.

    Raises:
        BufferFileError: The file cannot be opened, is damaged, belongs to a newer version, or is in
            use by another process.
    """

    def __init__(self, path: Path | str, max_bytes: int = 150_000_000) -> None:
        self._max_bytes = max_bytes
        with ExitStack() as opened:
            if path != IN_MEMORY:
                opened.enter_context(_locked(Path(path)))
            try:
                self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=True)
                opened.enter_context(closing(self._db))
                self._prepare()
            except sqlite3.Error as error:
                raise BufferFileError(f"buffer {path}: {error}") from None
            self._opened = opened.pop_all()
        self.stream = b""
        self._stream_no = 0
        self._newest = 0
        self._pending: list[tuple[Fix, int, bool]] = []
        self._stored: dict[bytes, int] = {}

    def begin_stream(self) -> bytes:
        """Begin a stream of this run, and return its 8 random bytes."""
        self.stream = secrets.token_bytes(STREAM_BYTES)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._forget_empty_streams()
            row = self._db.execute("INSERT INTO stream (stream) VALUES (?)", (self.stream,))
            self._stream_no = int(row.lastrowid or 0)
        self._newest = 0
        return self.stream

    def add(self, fix: Fix, *, stands_for: int = 1, hole: bool = False) -> None:
        """Take a fix; it is safe and can be sent after the next `commit`."""
        self._pending.append((fix, stands_for, hole))

    def commit(self) -> int:
        """Write what was added and what acks said, durably; return the newest number."""
        if not self._pending and not self._stored:
            return self._newest
        rows = list(self._numbered())
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._make_room()
            self._db.executemany(
                f"INSERT INTO fix (stream, {_COLUMNS}) VALUES (?{',?' * 14})",  # noqa: S608
                rows,
            )
            newest = self._newest + len(rows)
            self._db.execute("UPDATE stream SET newest = ? WHERE no = ?", (newest, self._stream_no))
            self._db.executemany(
                "UPDATE stream SET stored = ? WHERE stream = ?",
                [(seq, stream) for stream, seq in self._stored.items()],
            )
        self._newest = newest
        self._pending.clear()
        self._stored.clear()
        return newest

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what an ack means; a moved pointer is written with the next commit."""
        for effect in effects:
            match effect:
                case Stored(stream, seq):
                    self._stored[stream] = seq
                case Rewind():
                    self._stored.clear()
                    self._db.execute("UPDATE stream SET stored = 0")
                case SetAside():
                    self._set_aside(effect)

    def ledgers(self) -> list[Ledger]:
        """Return how far each held stream has come, oldest first."""
        rows = self._db.execute("SELECT stream, stored, newest FROM stream ORDER BY no")
        return [Ledger(stream, stored, newest) for stream, stored, newest in rows]

    def read(self, stream: bytes, after: int, limit: int) -> list[KeptFix]:
        """Return at most `limit` committed fixes of a stream with a number above `after`."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM fix WHERE seq > ? AND stream = "  # noqa: S608
            "(SELECT no FROM stream WHERE stream = ?) ORDER BY seq LIMIT ?",
            (after, stream, limit),
        )
        return [_kept(row) for row in rows]

    def gaps(self, stream: bytes) -> list[Gap]:
        """Return the numbers of a stream that will never be sent, ascending."""
        rows = self._db.execute(
            "SELECT first_seq, last_seq, reason FROM gap WHERE stream = "
            "(SELECT no FROM stream WHERE stream = ?) ORDER BY first_seq",
            (stream,),
        )
        return [Gap(first, last, GapReason(reason)) for first, last, reason in rows]

    def rows(self) -> int:
        """Return the number of fixes held."""
        return int(self._db.execute("SELECT count(*) FROM fix").fetchone()[0])

    def close(self) -> None:
        """Commit, close the file and give up the lock."""
        self.commit()
        self._opened.close()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            schema = resources.files(__package__).joinpath("buffer.sql").read_text("utf-8")
            self._db.executescript(f"BEGIN IMMEDIATE; {schema} COMMIT;")
        elif version != _SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"has schema version {version}, this agent knows {_SCHEMA_VERSION}"
            )

    def _numbered(self) -> Iterator[tuple[Any, ...]]:
        for seq, (fix, stands_for, hole) in enumerate(self._pending, self._newest + 1):
            yield (self._stream_no, seq, fix.time_ms, *fix.measured(), stands_for, int(hole))

    def _make_room(self) -> None:
        while self._used_bytes() > self._max_bytes and (
            self._give_up(GapReason.RELEASED) or self._give_up(GapReason.CUT)
        ):
            pass

    def _used_bytes(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (size_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size_bytes)

    def _give_up(self, reason: GapReason) -> bool:
        """Delete the oldest rows that are delivered (RELEASED) or not (CUT); False without any."""
        for no, stored in self._db.execute("SELECT no, stored FROM stream ORDER BY no").fetchall():
            bounds = (1, stored) if reason is GapReason.RELEASED else (stored + 1, MAX_COUNT)
            rows = self._db.execute(
                "SELECT seq FROM fix WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
                (no, *bounds, _FREED_ROWS),
            )
            runs = list(_runs(seq for (seq,) in rows))
            for first, last in runs:
                self._db.execute(
                    "DELETE FROM fix WHERE stream = ? AND seq BETWEEN ? AND ?", (no, first, last)
                )
                self._record_gap(no, Gap(first, last, reason))
            if runs:
                return True
        return False

    def _record_gap(self, no: int, gap: Gap) -> None:
        """Record a gap, joined to the one before it where that is of the same reason."""
        grown = self._db.execute(
            "UPDATE gap SET last_seq = ? WHERE stream = ? AND reason = ? AND last_seq = ?",
            (gap.last, no, int(gap.reason), gap.first - 1),
        )
        if grown.rowcount == 0:
            self._db.execute(
                "INSERT INTO gap (stream, first_seq, last_seq, reason) VALUES (?, ?, ?, ?)",
                (no, gap.first, gap.last, int(gap.reason)),
            )

    def _set_aside(self, effect: SetAside) -> None:
        (no,) = self._db.execute(
            "SELECT no FROM stream WHERE stream = ?", (effect.stream,)
        ).fetchone()
        where = (no, effect.seq)
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM fix WHERE stream = ? AND seq = ?",  # noqa: S608
            where,
        ).fetchone()
        if row is None:
            return
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM fix WHERE stream = ? AND seq = ?", where)
            self._db.execute(
                "INSERT INTO set_aside VALUES (?, ?, ?, ?)",
                (effect.stream, effect.seq, json.dumps(row), effect.reason),
            )
            self._record_gap(no, Gap(effect.seq, effect.seq, GapReason.REFUSED))

    def _forget_empty_streams(self) -> None:
        """Forget the runs of which nothing is held and nothing is to be said any more."""
        empty = (
            "SELECT no FROM stream WHERE stored >= newest AND no NOT IN (SELECT stream FROM fix)"
        )
        self._db.execute(f"DELETE FROM gap WHERE stream IN ({empty})")  # noqa: S608
        self._db.execute(f"DELETE FROM stream WHERE no IN ({empty})")  # noqa: S608


def _runs(seqs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of numbers that follow one another."""
    first = last = 0
    for seq in seqs:
        if first and seq == last + 1:
            last = seq
            continue
        if first:
            yield first, last
        first = last = seq
    if first:
        yield first, last


def _kept(row: tuple[Any, ...]) -> KeptFix:
    seq, time_ms, *measured, stands_for, hole = row
    return KeptFix(seq, Fix.of(time_ms, measured), stands_for, bool(hole))


def _locked(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise BufferFileError(f"buffer {path} is in use by another process") from None
    except OSError as error:
        raise BufferFileError(f"buffer {path}: {error.strerror}") from None
    return lock
