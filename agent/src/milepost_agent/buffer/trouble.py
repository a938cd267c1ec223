"""What can go wrong with the buffer, and what kind of trouble an error of SQLite or the system is.

Three kinds, because three things follow: a damaged file is set aside and its rows are saved, a disk
that cannot be used is lived without until it returns, and all else is a mistake of whoever starts
the agent, or ours.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class BufferState(StrEnum):
    """Where what is measured now is held."""

    DISK = "disk"
    MEMORY = "memory"  # asked for
    MEMORY_FULL_DISK = "disk full"
    MEMORY_READ_ONLY = "disk read-only"
    MEMORY_IO_ERROR = "disk failing"


class BufferFileError(Exception):
    """The buffer can never be used as it is asked for; the message names file and cause."""


class StreamGoneError(Exception):
    """The buffer does not hold this stream, or cannot read it now: ask it what it holds."""


class DamageError(Exception):
    """The file says what cannot be."""


class DiskError(Exception):
    """The disk cannot be used now.

    Attributes:
        state: How the buffer lives on.
    """

    def __init__(self, state: BufferState, reason: str) -> None:
        super().__init__(reason)
        self.state = state


# Primary result codes, https://sqlite.org/rescode.html
_STATES = {
    sqlite3.SQLITE_FULL: BufferState.MEMORY_FULL_DISK,
    sqlite3.SQLITE_READONLY: BufferState.MEMORY_READ_ONLY,
    sqlite3.SQLITE_PERM: BufferState.MEMORY_READ_ONLY,
    sqlite3.SQLITE_IOERR: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_CANTOPEN: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_BUSY: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_LOCKED: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_PROTOCOL: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_NOLFS: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_NOMEM: BufferState.MEMORY_IO_ERROR,
    sqlite3.SQLITE_INTERRUPT: BufferState.MEMORY_IO_ERROR,
}
_ERRNO_STATES = {
    errno.ENOSPC: BufferState.MEMORY_FULL_DISK,
    errno.EDQUOT: BufferState.MEMORY_FULL_DISK,
    errno.EFBIG: BufferState.MEMORY_FULL_DISK,
    errno.EROFS: BufferState.MEMORY_READ_ONLY,
    errno.EACCES: BufferState.MEMORY_READ_ONLY,
    errno.EPERM: BufferState.MEMORY_READ_ONLY,
}


@contextmanager
def told_apart() -> Iterator[None]:
    """Turn errors of SQLite and of the system into the kind of trouble that they are.

    Raises:
        DamageError: SQLite finds the file malformed, or reads from it what no schema of ours says.
        DiskError: The disk cannot be used.
        sqlite3.ProgrammingError: Our own mistake.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        state = _STATES.get(code & 0xFF)
        if state is None:
            raise DamageError(str(error)) from None
        raise DiskError(state, str(error)) from None
    except OSError as error:
        raise disk_error(error) from None


def disk_error(error: OSError) -> DiskError:
    """Say what an error of the system means for the buffer."""
    state = _ERRNO_STATES.get(error.errno or 0, BufferState.MEMORY_IO_ERROR)
    return DiskError(state, error.strerror or str(error))
