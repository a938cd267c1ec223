"""The space of a buffer on its disk: how much it may take, and a little that is held for need."""

import os
from contextlib import suppress
from pathlib import Path

from milepost_agent.buffer.connection import LOG_BYTES
from milepost_agent.buffer.trouble import BufferState, DiskError, told_apart

# Whatever the share of the disk, so much may be held: half a day.
LEAST_BYTES = 1 << 20

# What must be free for a return to the disk.
_PROBED_BYTES = 512 * 1024

# Enough for all pages that wait in the log.
_BALLAST_BYTES = LOG_BYTES
_BALLAST_EVERY_S = 60.0


class Space:
    """The space of one buffer.

    Args:
        path: The database.
        max_bytes: The most that it may hold.
        share: The most that it may take of what it has and what is free besides; 0 to 1.
    """

    def __init__(self, path: Path, max_bytes: int, share: float) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._share = share
        self._ballast = path.with_name(path.name + ".ballast")
        self._ballast_at_s = 0.0

    def limit_bytes(self, own_bytes: int) -> int:
        """Return how large the database may be.

        It grows no further when it has its share of what it has and what is free besides; it is
        not made smaller, since SQLite keeps what it has.
        """
        return min(self._max_bytes, max(own_bytes, self._share_bytes(own_bytes), LEAST_BYTES))

    def most_aside_bytes(self) -> int:
        """Return how much damaged buffers may take that are set aside."""
        return self.limit_bytes(0)

    def free_bytes(self) -> int:
        """Return what is free on the disk.

        Raises:
            OSError: The disk cannot be asked.
        """
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def probe(self) -> None:
        """See whether something can be written.

        Raises:
            DiskError: It cannot.
        """
        probe = self._path.with_name(self._path.name + ".probe")
        with told_apart():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self.free_bytes() < _PROBED_BYTES:
                raise DiskError(BufferState.MEMORY_FULL_DISK, "the disk is full")
            try:
                with probe.open("wb") as file:
                    file.write(bytes(4096))
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                with suppress(OSError):
                    probe.unlink(missing_ok=True)

    def keep_ballast(self, now_s: float) -> None:
        """Hold some space, looked after now and then, for the moment when there is none.

        Args:
            now_s: Monotonic seconds.
        """
        if now_s < self._ballast_at_s:
            return
        self._ballast_at_s = now_s + _BALLAST_EVERY_S
        with suppress(OSError):
            if not self._ballast.exists() and self.free_bytes() > 4 * _BALLAST_BYTES:
                with self._ballast.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, _BALLAST_BYTES)

    def spend_ballast(self) -> bool:
        """Give up the space that was held; False where there was none.

        With it the log can be brought into the database once more, and is free again. Then what
        the server has makes room, inside the files as they are, for what comes.
        """
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

    def _share_bytes(self, own_bytes: int) -> int:
        try:
            return int(self._share * (own_bytes + self.free_bytes()))
        except OSError:
            return 0
