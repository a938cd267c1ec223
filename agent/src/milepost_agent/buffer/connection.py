"""The connection to the file: how SQLite is set up, and how a new file comes to be.

One connection, exclusive: the index of the log is then kept in memory, so that there is no -shm
file to be written or damaged, and nobody else can open the file meanwhile. Older SQLite can damage
a log that two connections reset (https://sqlite.org/wal.html, "The WAL-Reset Bug").

Pages of 1,024 bytes, measured: 7,200 commits a day of one row or five cost 39 or 49 MB of writes,
against 65 or 73 MB with pages of 4,096, because the log takes whole pages and disks whole 4 KiB
blocks. (512 would save 3 MB more and costs 9 % of the room.)
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import resources
from pathlib import Path

from milepost_agent.buffer.check import APPLICATION_ID, SCHEMA_VERSION
from milepost_agent.buffer.pages import PAGE_BYTES
from milepost_agent.buffer.trouble import DamageError

# The log is brought into the database when it has so many pages, and made so long at the start:
# while the disk is full, commits that need no more pages then still find room.
LOG_BYTES = 384 * 1024
_CHECKPOINT_PAGES = 250

_TABLES = 5


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing buffer for writing.

    Raises:
        DamageError: Its schema is not ours.
        sqlite3.Error: It cannot be.
    """
    db = _connected(path, "mode=rw")
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA cell_size_check = ON")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}").fetchall()
        db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}").fetchall()
        # Takes the lock, and shows whether the file can be written.
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
        _check_schema(db)
    except BaseException:
        db.close()
        raise
    return db


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open an existing buffer so that nothing of it is changed.

    Raises:
        sqlite3.Error: It cannot be.
    """
    # A database without a log is complete, and may stand where no index can be made.
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    db = _connected(path, "mode=ro" if has_log else "mode=ro&immutable=1")
    try:
        db.execute("SELECT count(*) FROM stream").fetchall()
    except BaseException:
        db.close()
        raise
    return db


def connect_in_memory() -> sqlite3.Connection:
    """Make a buffer in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    _make_schema(db)
    return db


def make_file(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make a buffer's file, whole or not at all.

    Args:
        path: Where; nothing is there.
        fill: Writes into the new buffer.

    Raises:
        sqlite3.Error: It cannot be written.
        OSError: It cannot be made durable.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = OFF").fetchall()
            db.execute("PRAGMA synchronous = OFF")
            _make_schema(db)
            fill(db)
        # Back to the front: SQLite takes a file without its log, and a log is void without a file.
        _to_disk(draft)
        draft.rename(path)
        _to_disk(path.parent)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def lengthen_log(path: Path) -> None:
    """Reserve room for the log, where the disk has it and can."""
    with suppress(OSError):
        handle = os.open(f"{path}-wal", os.O_RDWR)
        try:
            os.posix_fallocate(handle, 0, LOG_BYTES)
        finally:
            os.close(handle)


def _connected(path: Path, query: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{query}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.0)


def _check_schema(db: sqlite3.Connection) -> None:
    told = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema").fetchall()]
    if (
        any(not isinstance(sql, str) or sql not in _schema() for sql in told)
        or len(told) != _TABLES
    ):
        raise DamageError("the schema is not what was written")


def _schema() -> str:
    return resources.files(__package__).joinpath("schema.sql").read_text("utf-8")


def _make_schema(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.executescript(f"BEGIN; {_schema()} COMMIT;")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
