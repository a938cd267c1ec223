"""The buffer on its disk: opened, written, mended where it is damaged, followed where it goes.

In flow tasks that write and questions that read; each ends well, or with the one error that says
that the disk cannot be used. Damage is dealt with here, so that nobody else meets it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from milepost_agent.buffer.absorbing import absorb
from milepost_agent.buffer.disk import Disk
from milepost_agent.buffer.file import BufferFile, MakeRoom
from milepost_agent.buffer.room import make_room
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.trouble import BufferFileError, BufferState, DamageError, DiskError
from milepost_schemas.fix import KeptFix

Task = Callable[[BufferFile, MakeRoom], None]


class BufferOnDisk:
    """The file of one buffer.

    Args:
        disk: Its place.
        tolerance_m: The sampler's tolerance, which thinning doubles.

    Attributes:
        file: The file, if it can at least be read.
        memos: The memos that were there at the begin.
        rescues: What was saved of damaged files, for people.
    """

    def __init__(self, disk: Disk, tolerance_m: float) -> None:
        self._disk = disk
        self._tolerance_m = tolerance_m
        self.file: BufferFile | None = None
        self.memos: dict[str, bytes] = {}
        self.rescues: list[str] = []
        self._is_writable = False
        self._is_hidden = False  # it can only be shown page by page
        self._known: dict[bytes, HeldStream] = {}  # how the streams stood when there was a file

    def look(self) -> None:
        """Open the file so that nothing of it is changed; make it where there is none.

        Raises:
            BufferFileError: It is in use by another process, is no buffer, or of another version.
            DiskError: The disk cannot be used.
        """
        trouble = None
        try:
            self._disk.lock()
        except DiskError as error:
            trouble = error  # it may be read all the same
        try:
            self.file = self._disk.view()
        except (DamageError, DiskError):
            self._is_hidden = True
            self.memos = self._disk.memos_of_damaged()
        else:
            if self.file is None:
                self.file, _ = self._disk.open({})
            self.memos = self.file.memos
        if trouble is not None:
            raise trouble

    def show(self) -> None:
        """Let `file` be what can be saved of a file that is damaged, and not yet mended.

        Raises:
            BufferFileError: Nothing can be read.
        """
        if self._is_hidden:
            self._is_hidden = False
            try:
                self.file = self._disk.view_of_damaged()
            except DiskError as error:
                raise BufferFileError(f"buffer {self._disk.path}: {error}") from None

    def begin(self, stream: bytes, spare_stream: bytes) -> None:
        """Open the file for writing if it is not, and begin a stream; see `BufferFile.begin`.

        Raises:
            BufferFileError: It is no buffer, or of another version.
            DiskError: The disk cannot be used; `file` may be there for reading.
        """
        if not self._is_writable:
            self.close()
            self._is_hidden = False
            try:
                self._open({})
            except DiskError:
                with suppress(BufferFileError, DamageError, DiskError):
                    self.file = self._disk.view()
                raise
        self._mending(lambda: self._opened().begin(stream, spare_stream))

    def write(self, task: Task, now_s: float) -> None:
        """Carry out a task.

        Args:
            task: Writes into a file.
            now_s: Monotonic seconds.

        Raises:
            DiskError: The disk cannot be used; nothing was written.
        """
        if not self._disk.is_in_place():
            raise DiskError(BufferState.MEMORY_IO_ERROR, "the file is gone")
        try:
            self._mending(lambda: task(self._opened(), self._room()))
        except DiskError as error:
            if error.state is not BufferState.MEMORY_FULL_DISK:
                raise
            # Rows that the server has may leave room enough in what the file has already.
            file = self._opened()
            if self._disk.space.spend_ballast():
                file.checkpoint()
            task(file, self._room(limit_bytes=file.size_bytes(), may_lose=False))
        else:
            self._disk.space.keep_ballast(now_s)

    def read(self, stream: bytes, after: int, limit: int) -> list[KeptFix]:
        """Read fixes; see `BufferFile.read`.

        Raises:
            StreamGoneError: There is no such stream.
            DiskError: The file cannot be read.
        """
        if not self._is_writable:
            with _unmendable():
                return self._opened().read(stream, after, limit, strict=False)
        try:
            return self._opened().read(stream, after, limit, strict=True)
        except DamageError as error:
            self._rescue(str(error))
            with _unmendable():
                return self._opened().read(stream, after, limit, strict=False)

    def take_in(self, spare: BufferFile, stream: bytes, *, is_whole: bool) -> None:
        """Come back: write what was held elsewhere, and begin a stream.

        Args:
            spare: What was held.
            stream: The new stream.
            is_whole: The file lacked nothing but space.

        Raises:
            BufferFileError: Another file, or another process, is there now.
            DiskError: The disk cannot be used.
        """
        self._disk.space.probe()
        try:
            file = self._returned(is_whole=is_whole)
            file.checkpoint()
            absorb(file, spare, self._room())
            file.begin(stream, None)
        except DamageError as error:
            self._rescue(str(error))
            raise DiskError(BufferState.MEMORY_IO_ERROR, f"it was damaged: {error}") from None

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self._known = dict(self.file.streams)
            with suppress(DiskError, DamageError):
                self.file.close()
        self.file = None
        self._is_writable = False

    def leave(self) -> None:
        """Close the file, and hold nothing on its disk, so that it can be unmounted."""
        self.close()
        self._disk.unlock()

    def _open(self, known: dict[bytes, HeldStream]) -> BufferFile:
        self.file, saved = self._disk.open(known)
        self._is_writable = True
        if saved is not None:
            self.rescues.append(str(saved))
        return self.file

    def _opened(self) -> BufferFile:
        if self.file is None:
            raise DiskError(BufferState.MEMORY_IO_ERROR, "there is no file")
        return self.file

    def _room(self, *, limit_bytes: int | None = None, may_lose: bool = True) -> MakeRoom:
        if limit_bytes is None:
            limit_bytes = self._disk.space.limit_bytes(self._opened().size_bytes())
        return partial(
            make_room, limit_bytes=limit_bytes, tolerance_m=self._tolerance_m, may_lose=may_lose
        )

    def _mending(self, task: Callable[[], None]) -> None:
        """Carry out a task, once more where the file was damaged and is mended."""
        try:
            task()
        except DamageError as error:
            self._rescue(str(error))
            with _unmendable():
                task()

    def _rescue(self, cause: str) -> None:
        """Set the damaged file aside, and go on with a new one that holds what could be saved."""
        old = self._opened()
        known = dict(old.streams)
        self.close()
        self.file, saved = self._disk.rescue(cause, known)
        self._is_writable = True
        self.file.resume(old)
        self.rescues.append(str(saved))

    def _returned(self, *, is_whole: bool) -> BufferFile:
        """Return the file, opened anew unless it only lacked space."""
        old = self.file
        if old is not None and self._is_writable:
            if is_whole and self._disk.is_in_place():
                return old
            if not self._disk.is_same_file():
                return self._copied(old)
        self.close()
        file = self._open(self._known)
        for stream, held in self._known.items():
            file.stored(stream, held.stored)
        return file

    def _copied(self, old: BufferFile) -> BufferFile:
        """Copy the file that has gone from its place, and is still open, into a new one."""
        self._disk.unlock()
        new, _ = self._disk.open({})
        try:
            limit_bytes = self._disk.space.limit_bytes(old.size_bytes())
            absorb(new, old, self._room(limit_bytes=limit_bytes))
        except BaseException:
            new.close()
            raise
        self.close()
        self.file = new
        self._is_writable = True
        return new


@contextmanager
def _unmendable() -> Iterator[None]:
    """Take damage in a file that is new, or must not be changed, as a failure of the disk."""
    try:
        yield
    except DamageError as error:
        raise DiskError(BufferState.MEMORY_IO_ERROR, f"damaged: {error}") from None
