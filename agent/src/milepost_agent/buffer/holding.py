"""Where fixes are held: on disk, or in memory until the disk returns.

In flow tasks that write, which are carried out where that is possible. The file stays open for
reading while it cannot be written; what was held in memory meanwhile is written to it when it
returns, under its own streams and numbers.
"""

import logging
import secrets
from functools import partial

from milepost_agent.buffer.connection import connect_in_memory
from milepost_agent.buffer.file import BufferFile
from milepost_agent.buffer.on_disk import BufferOnDisk, Task
from milepost_agent.buffer.room import make_room
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.tally import Tally
from milepost_agent.buffer.trouble import (
    BufferFileError,
    BufferState,
    DamageError,
    DiskError,
    StreamGoneError,
)
from milepost_schemas.delivery.effect import SetAside
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import STREAM_BYTES

# Some 20,000 rows.
MEMORY_BYTES = 1_500_000

# How often the disk is tried while it cannot be used.
RETRY_S = 2.0

_log = logging.getLogger(__name__)


class Holding:
    """The file and, while it cannot be written, the memory beside it.

    Args:
        on_disk: The file; None: memory only, because that is wanted.
        max_bytes: What may be held where it is memory only.
        tolerance_m: The sampler's tolerance, which thinning doubles.

    Attributes:
        spare: The memory, while there is need of it.
        state: Where fixes are held.
        reason: Why not on disk.

    Raises:
        BufferFileError: The file can never be used as it is.
    """

    def __init__(self, on_disk: BufferOnDisk | None, max_bytes: int, tolerance_m: float) -> None:
        self._on_disk = on_disk
        self._memory_bytes = max_bytes if on_disk is None else MEMORY_BYTES
        self._tolerance_m = tolerance_m
        self.spare: BufferFile | None = None
        self.state = BufferState.DISK
        self.reason = ""
        self._changes: list[str] = []
        self._is_begun = False
        self._now_s = 0.0
        self._retry_at_s = 0.0
        if on_disk is None:
            self.state = BufferState.MEMORY
            self.spare = BufferFile(connect_in_memory())
            return
        try:
            on_disk.look()
        except DiskError as error:
            self.state, self.reason = error.state, str(error)
        except BaseException:
            on_disk.leave()
            raise

    @property
    def main(self) -> BufferFile | None:
        """The file, if it can at least be read."""
        return None if self._on_disk is None else self._on_disk.file

    @property
    def memos(self) -> dict[str, bytes]:
        """The memos that were there at the begin."""
        return {} if self._on_disk is None else self._on_disk.memos

    @property
    def current(self) -> BufferFile:
        """Where the stream of this run is."""
        file = self.spare or self.main
        if file is None:
            raise StreamGoneError("no stream has begun")
        return file

    @property
    def files(self) -> list[BufferFile]:
        """All that can be read."""
        return [file for file in (self.main, self.spare) if file is not None]

    @property
    def changes(self) -> list[str]:
        """What has happened to the streams, for people; emptied by who has read it."""
        if self._on_disk is not None:
            self._changes += [f"it was damaged: {rescue}" for rescue in self._on_disk.rescues]
            self._on_disk.rescues.clear()
        return self._changes

    def begin(self) -> bytes:
        """Begin a stream, and return it.

        Raises:
            BufferFileError: The file can never be used as it is.
        """
        self._is_begun = True
        if self._on_disk is None:
            self.current.begin(_new_stream(), _new_stream())
        elif self.spare is None:
            try:
                self._on_disk.begin(_new_stream(), _new_stream())
                self.state, self.reason = BufferState.DISK, ""
            except DiskError as error:
                self._go_to_memory(error)
        return self.current.current

    def streams(self) -> dict[bytes, HeldStream]:
        """Return the streams that can be read, oldest first."""
        self._show()
        held = {} if self.main is None else dict(self.main.streams)
        if self.spare is not None:
            for stream, of_spare in self.spare.streams.items():
                held.pop(stream, None)  # a return that failed half way has left it in the file
                held[stream] = of_spare
        return held

    def file_of(self, stream: bytes) -> BufferFile:
        """Return where a stream is.

        Raises:
            StreamGoneError: Nowhere.
        """
        self._show()
        for file in reversed(self.files):
            if stream in file.streams:
                return file
        raise StreamGoneError(f"stream {stream.hex()} is not held")

    def tally(self) -> Tally:
        """Count what was given up."""
        tally = Tally()
        for file in self.files:
            tally += file.tally_of_forgotten()
        for held in self.streams().values():
            tally += Tally.of(held)
        return tally

    def write(self, task: Task, now_s: float) -> None:
        """Carry out a task where it can be.

        Args:
            task: Writes into a file.
            now_s: Monotonic seconds.
        """
        self._now_s = now_s
        if self.spare is not None and now_s >= self._retry_at_s:
            self._retry_at_s = now_s + RETRY_S
            self._return()
        if self.spare is None and self._on_disk is not None:
            try:
                self._on_disk.write(task, now_s)
                return
            except DiskError as error:
                self._go_to_memory(error)
        task(
            self.current,
            partial(
                make_room,
                limit_bytes=self._memory_bytes,
                tolerance_m=self._tolerance_m,
                may_lose=True,
            ),
        )

    def read(self, stream: bytes, after: int, limit: int) -> list[KeptFix]:
        """Read fixes; see `BufferFile.read`.

        Raises:
            StreamGoneError: The stream is not held, or cannot be read now.
        """
        file = self.file_of(stream)
        if self._on_disk is None or file is self.spare:
            return file.read(stream, after, limit, strict=False)
        try:
            return self._on_disk.read(stream, after, limit)
        except DiskError as error:
            self._leave(error)
            raise StreamGoneError(f"stream {stream.hex()}: {error}") from None

    def refuse(self, effect: SetAside) -> None:
        """Take a fix from what is sent, because the server will never take it.

        Raises:
            StreamGoneError: Its stream is not held, or cannot be read now.
        """
        self.read(effect.stream, effect.seq - 1, 1)  # mends the file where that is needed
        try:
            self.file_of(effect.stream).refuse(effect)
        except (DamageError, DiskError) as error:
            self._leave(DiskError(BufferState.MEMORY_IO_ERROR, str(error)))
            raise StreamGoneError(f"stream {effect.stream.hex()}: {error}") from None

    def close(self) -> None:
        """Close everything."""
        if self._on_disk is not None and self.spare is not None:
            self._return()
        if self.spare is not None:
            rows = sum(held.rows for held in self.spare.streams.values())
            if rows and self._on_disk is not None:
                _log.error("What is held in memory is lost. fixes=%d cause=%s", rows, self.reason)
            self.spare.close()
        if self._on_disk is not None:
            self._on_disk.leave()

    def _show(self) -> None:
        if self._on_disk is not None and not self._is_begun:
            self._on_disk.show()

    def _go_to_memory(self, error: DiskError) -> None:
        self.state, self.reason = error.state, str(error)
        self._retry_at_s = self._now_s + RETRY_S
        self.spare = BufferFile(connect_in_memory())
        self.spare.begin(_new_stream(), None)
        self._changes.append(f"in memory: {error}")
        _log.error("The disk cannot be used; fixes are held in memory. cause=%s", error)

    def _return(self) -> None:
        if self._on_disk is None or self.spare is None:
            return
        try:
            is_whole = self.state is BufferState.MEMORY_FULL_DISK
            self._on_disk.take_in(self.spare, _new_stream(), is_whole=is_whole)
        except BufferFileError as error:
            self.state, self.reason = BufferState.MEMORY_IO_ERROR, str(error)
        except DiskError as error:
            self.state, self.reason = error.state, str(error)
        else:
            self.spare.close()
            self.spare = None
            self.state, self.reason = BufferState.DISK, ""
            self._changes.append("on disk again")
            _log.warning("The disk can be used again; fixes are held there.")

    def _leave(self, error: DiskError) -> None:
        """Live without the file, which cannot be read either."""
        if self._on_disk is not None:
            self._on_disk.leave()
        self._changes.append(f"the file cannot be read: {error}")
        if self.spare is None and self._is_begun:
            self._go_to_memory(error)


def _new_stream() -> bytes:
    return secrets.token_bytes(STREAM_BYTES)
