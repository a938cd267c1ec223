"""One server to a folder: a lock that lives as long as the server does.

The file `lock` in the folder is locked with flock(2) and holds the process id of the program that
started the server. The server and its children inherit the open file; the lock is free only when
the last of them has ended. That makes three cases:

- locked, and the named program is alive: the folder is in use, an error at once;
- locked, and the named program is dead or has let go: its server is still ending, we wait a little;
- free: nothing of an earlier run is alive, whatever its files say.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from milepost_collector.embedded.errors import EmbeddedError

_ENDING_S = 15.0
_POLL_S = 0.02


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents where they are missing; nothing that exists is changed.

    Raises:
        EmbeddedError: It is a file, or we may not.
    """
    try:
        if folder.is_dir():
            return
        folder.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0:
            # The server is another user and must pass through; all within is 0700 or 0600.
            folder.chmod(0o711)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbeddedError(f"cannot make the folder {folder}: {reason}") from error


class FolderLock:
    """The lock on one folder; `acquire` and `release` in turn."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._fd: int | None = None

    def acquire(self) -> int:
        """Lock the folder and return the open file that the server must inherit.

        Raises:
            EmbeddedError: In use by a live program, or the lock file cannot be opened.
        """
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            reason = f"{error.strerror} (as user id {os.geteuid()})"
            raise EmbeddedError(f"cannot open {self._path}: {reason}") from error
        try:
            self._wait_for(fd)
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return fd

    def release(self) -> None:
        """Let go of the folder; a server that still lives keeps it locked."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def _wait_for(self, fd: int) -> None:
        deadline = time.monotonic() + _ENDING_S
        while not _locked(fd):
            holder = os.pread(fd, 20, 0).decode("ascii", "replace")
            if holder.isdecimal() and _alive(int(holder)):
                raise EmbeddedError(f"{self._path.parent} is in use by process {holder}")
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self._path.parent} is still in use by a server of process "
                    f"{holder or 'unknown'}, which has ended; waited {_ENDING_S:.0f} s"
                )
            time.sleep(_POLL_S)


def _locked(fd: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
