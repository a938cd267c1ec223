"""Where fixes are held: on disk, or in memory until the disk returns.

In flow tasks that write, which are carried out where that is possible. The file stays open for
reading while it cannot be written; what was held in memory meanwhile is written to it when it
returns, under its own streams and numbers.
"""

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress

from milepost_agent.buffer.connection import connect_in_memory
from milepost_agent.buffer.disk import Disk
from milepost_agent.buffer.file import BufferFile
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.tally import Tally
from milepost_agent.buffer.trouble import (
    BufferFileError,
    BufferState,
    DamageError,
    DiskError,
    StreamGoneError,
)
from milepost_schemas.delivery.sender import SetAside
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
        disk: The file's place; None: memory only, because that is wanted.
        max_bytes: What may be held where it is memory only.

    Attributes:
        main: The file, if it can at least be read.
        spare: The memory, while the file cannot be written.
        state: Where fixes are held.
        reason: Why not on disk.
        memos: The memos that were there at the begin.
        changes: What happened to the streams, for people.

    Raises:
        BufferFileError: The file can never be used as it is.
    """

    def __init__(self, disk: Disk | None, max_bytes: int) -> None:
        self._disk = disk
        self._max_bytes = max_bytes
        self.main: BufferFile | None = None
        self.spare: BufferFile | None = None
        self.state = BufferState.MEMORY if disk is None else BufferState.DISK
        self.reason = ""
        self.changes: list[str] = []
        self._is_begun = False
        self._is_damaged = False  # and that has not been shown yet
        self._known: dict[bytes, HeldStream] = {}  # while there is no `main`
        self._tally = Tally()
        self._now_s = 0.0
        self._retry_at_s = 0.0
        self.memos: dict[str, bytes] = {}
        if disk is None:
            self.main = BufferFile(connect_in_memory())
            return
        try:
            self._open_for_reading(disk)
        except DiskError as error:
            self.state, self.reason = error.state, str(error)
        except BaseException:
            disk.unlock()
            raise

    def begin(self) -> bytes:
        """Begin a stream, and return it.

        Raises:
            BufferFileError: The file can never be used as it is.
        """
        if self._disk is not None and not self._is_begun:
            self._close_main()
            self._is_damaged = False
            try:
                self.main, saved = self._disk.open({})
                self.state, self.reason = BufferState.DISK, ""
                if saved is not None:
                    self.changes.append(f"the buffer was damaged: {saved}")
            except DiskError as error:
                self._go_to_memory(error)
        self._is_begun = True
        try:
            if self.spare is None and self.main is not None:
                self.main.begin(_new_stream(), _new_stream())
        except DamageError as error:
            self._rescue_or_leave(str(error))
        except DiskError as error:
            self._go_to_memory(error)
        return self.current.current

    @property
    def current(self) -> BufferFile:
        """Where the stream of this run is."""
        file = self.spare or self.main
        if file is None:
            raise StreamGoneError("no stream has begun")
        return file

    def streams(self) -> dict[bytes, HeldStream]:
        """Return the streams that can be read, oldest first."""
        self._look_at_damaged()
        held = {} if self.main is None else dict(self.main.streams)
        if self.spare is not None:
            for stream, of_spare in self.spare.streams.items():
                held.pop(stream, None)
                held[stream] = of_spare
        return held

    def file_of(self, stream: bytes) -> BufferFile:
        """Return where a stream is.

        Raises:
            StreamGoneError: Nowhere.
        """
        self._look_at_damaged()
        for file in (self.spare, self.main):
            if file is not None and stream in file.streams:
                return file
        raise StreamGoneError(f"stream {stream.hex()} is not held")

    def tally(self) -> Tally:
        """Count what was given up."""
        tally = self._tally
        for file in (self.main, self.spare):
            if file is not None:
                tally += file.tally_of_forgotten()
        for held in self.streams().values():
            tally += Tally.of(held)
        return tally

    def write(self, task: Callable[[BufferFile, int, bool], None], now_s: float) -> None:
        """Carry out a task where it can be.

        Args:
            task: Writes into a file, which may then hold so many bytes; the last argument says
                whether rows that the server has not may be given up for that.
            now_s: Monotonic seconds.
        """
        self._now_s = now_s
        if self.spare is not None and now_s >= self._retry_at_s:
            self._retry_at_s = now_s + RETRY_S
            self._return()
        if self.spare is None:
            try:
                self._write_to_file(task)
                return
            except DiskError as error:
                self._go_to_memory(error)
        if self.spare is not None:
            task(self.spare, MEMORY_BYTES, True)

    def read(self, stream: bytes, after: int, limit: int) -> list[KeptFix]:
        """Read fixes; see `BufferFile.read`.

        Raises:
            StreamGoneError: The stream is not held, or cannot be read now.
        """
        file = self.file_of(stream)
        try:
            try:
                return file.read(stream, after, limit, strict=self._is_begun)
            except DamageError as error:
                if not self._is_begun:
                    raise DiskError(BufferState.MEMORY_IO_ERROR, str(error)) from None
                self._rescue_or_leave(str(error))
                return self.file_of(stream).read(stream, after, limit, strict=False)
        except (DamageError, DiskError) as error:
            self._leave(error)
            raise StreamGoneError(f"stream {stream.hex()}: {error}") from None

    def refuse(self, effect: SetAside) -> None:
        """Take a fix from what is sent, because the server will never take it.

        Raises:
            StreamGoneError: Its stream is not held, or cannot be read now.
        """
        try:
            self.file_of(effect.stream).refuse(effect)
        except (DamageError, DiskError) as error:
            self._leave(error)
            raise StreamGoneError(f"stream {effect.stream.hex()}: {error}") from None

    def close(self) -> None:
        """Close everything."""
        if self.spare is not None:
            self._return()
        if self.spare is not None:
            rows = sum(held.rows for held in self.spare.streams.values())
            _log.error("What is held in memory is lost. fixes=%d cause=%s", rows, self.reason)
            self.spare.close()
        self._close_main()
        if self._disk is not None:
            self._disk.unlock()

    def _open_for_reading(self, disk: Disk) -> None:
        disk.lock()
        try:
            self.main = disk.view()
            if self.main is None:
                self.main, _ = disk.open({})
            self.memos = self.main.memos
        except DamageError:
            self._is_damaged = True
            self.memos = disk.memos_of_damaged()

    def _look_at_damaged(self) -> None:
        """Before a stream begins, show what can be saved, if somebody asks."""
        if self._is_damaged and self.main is None and self._disk is not None:
            try:
                self.main = self._disk.view_of_damaged()
            except DiskError as error:
                self.state, self.reason = error.state, str(error)
            self._is_damaged = False

    def _write_to_file(self, task: Callable[[BufferFile, int, bool], None]) -> None:
        if self._disk is None:
            task(self.current, self._max_bytes, True)
            return
        self._disk.check_place()
        main = self.current
        try:
            task(main, self._disk.limit_bytes(main.size_bytes()), True)
        except DamageError as error:
            self._rescue(str(error))
            try:
                task(self.current, self._disk.limit_bytes(main.size_bytes()), True)
            except DamageError as again:
                reason = f"damaged again: {again}"
                raise DiskError(BufferState.MEMORY_IO_ERROR, reason) from None
        except DiskError as error:
            if error.state is not BufferState.MEMORY_FULL_DISK:
                raise
            # Rows that the server has may leave room enough in what the file has already.
            task(main, main.size_bytes(), False)

    def _go_to_memory(self, error: DiskError) -> None:
        self.state, self.reason = error.state, str(error)
        self._retry_at_s = self._now_s + RETRY_S
        self.spare = BufferFile(connect_in_memory())
        self.spare.begin(_new_stream(), None)
        self.changes.append(f"on in memory: {error}")
        _log.error("The disk cannot be used; fixes are held in memory. cause=%s", error)

    def _return(self) -> None:
        if self._disk is None or self.spare is None:
            return
        try:
            self._disk.probe()
            main = self._reopened(self._disk)
            main.checkpoint()
            main.absorb(self.spare)
            main.begin(_new_stream(), None)
        except DamageError as error:
            self._rescue_or_leave(str(error))
        except BufferFileError as error:
            self.state, self.reason = BufferState.MEMORY_IO_ERROR, str(error)
        except DiskError as error:
            self.state, self.reason = error.state, str(error)
        else:
            self.spare.close()
            self.spare = None
            self.state, self.reason = BufferState.DISK, ""
            self.changes.append("on disk again")
            _log.warning("The disk can be used again; fixes are held there.")

    def _reopened(self, disk: Disk) -> BufferFile:
        """Return the file, opened anew unless it only lacked space."""
        old = self.main
        try:
            disk.check_place()
            is_there = True
        except DiskError:
            is_there = False
        if old is not None and is_there and self.state is BufferState.MEMORY_FULL_DISK:
            return old
        if is_there or old is None:
            known = dict(old.streams) if old is not None else self._known
            self._close_main()
            self.main, _ = disk.open(known)
            for stream, held in known.items():
                self.main.stored(stream, held.stored)
            return self.main
        # The file has gone from its place, and is still open: it can be copied.
        disk.unlock()
        new, _ = disk.open({})
        try:
            new.absorb(old)
        except BaseException:
            new.close()
            raise
        self._close_main()
        self.main = new
        return new

    def _rescue(self, cause: str) -> None:
        """Set the damaged file aside, and go on with a new one that holds what could be saved."""
        old = self.main
        if self._disk is None or old is None:
            raise DiskError(BufferState.MEMORY_IO_ERROR, cause)
        known = dict(old.streams)
        self._close_main()
        self._known = known
        self.main, saved = self._disk.rescue(cause, known)
        self.main.resume(old)
        self.changes.append(f"the buffer was damaged: {saved}")

    def _rescue_or_leave(self, cause: str) -> None:
        try:
            self._rescue(cause)
        except DiskError as error:
            self._leave(error)

    def _leave(self, error: Exception) -> None:
        """Live without the file."""
        self._close_main()
        self.changes.append(f"the file cannot be read: {error}")
        if self.spare is None:
            trouble = DiskError(BufferState.MEMORY_IO_ERROR, str(error))
            self._go_to_memory(error if isinstance(error, DiskError) else trouble)

    def _close_main(self) -> None:
        if self.main is not None:
            self._known = dict(self.main.streams)
            with suppress(DiskError, DamageError):
                self.main.close()
            self.main = None


def _new_stream() -> bytes:
    return secrets.token_bytes(STREAM_BYTES)
