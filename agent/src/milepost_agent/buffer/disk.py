"""The buffer's place on the disk: its files, who may use them, and how much room there is.

Damaged files are set aside as `NAME.damaged-N` (with `-wal` and `-shm`, as SQLite would look for
them), counted up from 1, and saved from into a new file. The newest three are kept, fewer where
they would take more room than the buffer itself may.
"""

import fcntl
import logging
import mmap
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from milepost_agent.buffer.check import SCHEMA_VERSION, fault_of, is_ours, version_of
from milepost_agent.buffer.connection import (
    connect,
    connect_for_reading,
    connect_in_memory,
    lengthen_log,
    make_file,
)
from milepost_agent.buffer.file import BufferFile
from milepost_agent.buffer.image import Image
from milepost_agent.buffer.salvage import Saved, salvage, saved_memos
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.trouble import (
    BufferFileError,
    BufferState,
    DamageError,
    DiskError,
    disk_error,
    told_apart,
)

_log = logging.getLogger(__name__)

KEPT_SETS = 3
_SUFFIXES = ("-wal", "-shm", "")  # the database last: without it, setting aside is not done

# Whatever the share of the disk, so much may be held: half a day.
LEAST_BYTES = 1 << 20

# What must be free for a return to the disk.
_PROBE_BYTES = 256 * 1024

Streams = Mapping[bytes, HeldStream]


class Disk:
    """The place of one buffer.

    Args:
        path: The database.
        max_bytes: The most that it may hold.
        share: The most that it may take of what it has and what is free besides; 0 to 1.
    """

    def __init__(self, path: Path, max_bytes: int, share: float) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._share = share
        self._lock: IO[str] | None = None
        self._identity: list[tuple[int, int]] = []

    def lock(self) -> None:
        """Make the place ours.

        Raises:
            BufferFileError: It is another process's, or there can never be a file here.
            DiskError: The disk cannot be used.
        """
        path = self.path
        if self._lock is not None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise BufferFileError(f"buffer {path}: is a directory")
            lock = path.with_name(path.name + ".lock").open("a")
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise BufferFileError(f"buffer {path}: {error.strerror}") from None
        except OSError as error:
            raise disk_error(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise BufferFileError(f"buffer {path} is in use by another process") from None
        self._lock = lock

    def unlock(self) -> None:
        """Give the place up."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def view(self) -> BufferFile | None:
        """Open the buffer for reading so that nothing is changed; None where there is none.

        Raises:
            BufferFileError: What is there is no buffer, or of another version.
            DamageError: It is damaged.
            DiskError: The disk cannot be used.
        """
        with told_apart():
            if not self._is_there():
                return None
            with self._image(self.path) as image:
                self._refuse_others(image)
                fault = fault_of(image)
            if fault is not None:
                raise DamageError(fault)
            return self._for_reading()

    def view_of_damaged(self) -> BufferFile:
        """Return what can be saved of a damaged buffer, in memory; nothing on the disk is changed.

        Raises:
            DiskError: The disk cannot be read.
        """
        with told_apart(), self._image(self.path) as image:
            db = connect_in_memory()
            salvage(image, db, {})
            return BufferFile(db)

    def memos_of_damaged(self) -> dict[str, bytes]:
        """Return the memos that can be saved of a damaged buffer.

        Raises:
            DiskError: The disk cannot be read.
        """
        with told_apart(), self._image(self.path) as image:
            return saved_memos(image)

    def open(self, known: Streams) -> tuple[BufferFile, Saved | None]:
        """Open the buffer for writing; make it where there is none, save it where it is damaged.

        Args:
            known: How the streams stand, as a process knows that had the files open before.

        Raises:
            BufferFileError: What is there is no buffer, or of another version.
            DiskError: The disk cannot be used.
        """
        self.lock()
        with told_apart():
            self._beside("-shm").unlink(missing_ok=True)  # it only repeats what the log says
            self._finish_setting_aside()
            if not self._is_there():
                sets = self._sets()
                saved = self._save(sets[-1], known) if sets else None
                if saved is None:
                    make_file(self.path, lambda _: None)
                return self._connected(), saved
            with self._image(self.path) as image:
                self._refuse_others(image)
                fault = fault_of(image)
            if fault is None:
                try:
                    return self._connected(), None
                except DamageError as error:
                    fault = str(error)
        return self.rescue(fault, known)

    def rescue(self, cause: str, known: Streams) -> tuple[BufferFile, Saved]:
        """Set the damaged files aside, and open a new buffer with what can be saved of them.

        Args:
            cause: What is wrong with them.
            known: As for `open`.

        Raises:
            DiskError: The disk cannot be used.
        """
        with told_apart():
            number = (self._sets() or [0])[-1] + 1
            name = self._set_aside_as(number)
            _log.error("The buffer is damaged and set aside. cause=%s file=%s", cause, name)
            saved = self._save(number, known)
            try:
                return self._connected(), saved
            except DamageError as error:
                reason = f"damaged again: {error}"
                raise DiskError(BufferState.MEMORY_IO_ERROR, reason) from None

    def check_place(self) -> None:
        """See that the files which are open are those that the next start will find.

        Raises:
            DiskError: They are not.
        """
        try:
            same = self._identities() == self._identity
        except OSError:
            same = False
        if not same:
            raise DiskError(BufferState.MEMORY_IO_ERROR, "the file is gone")

    def probe(self) -> None:
        """See whether something can be written.

        Raises:
            DiskError: It cannot.
        """
        probe = self.path.with_name(self.path.name + ".probe")
        with told_apart():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with probe.open("wb") as file:
                    file.write(bytes(_PROBE_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                with suppress(OSError):
                    probe.unlink(missing_ok=True)

    def limit_bytes(self, own_bytes: int) -> int:
        """Return how large the database may be.

        It grows no further when it has its share of what it has and what is free besides; it is
        not made smaller, since SQLite keeps what it has.
        """
        return min(self._max_bytes, max(own_bytes, self._share_bytes(own_bytes), LEAST_BYTES))

    def files_bytes(self) -> int:
        """Return what database and log take."""
        sizes = 0
        for suffix in _SUFFIXES:
            with suppress(OSError):
                sizes += self._beside(suffix).stat().st_size
        return sizes

    def quarantined(self) -> tuple[str, ...]:
        """Return the names of what was set aside, oldest first."""
        try:
            return tuple(self._set_path(number).name for number in self._sets())
        except OSError:
            return ()

    def _share_bytes(self, own_bytes: int) -> int:
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return 0
        return int(self._share * (own_bytes + disk.f_bavail * disk.f_frsize))

    def _for_reading(self) -> BufferFile:
        had_index = self._beside("-shm").exists()
        try:
            db = connect_for_reading(self.path)
            try:
                return BufferFile(db)
            except BaseException:
                db.close()
                raise
        finally:
            if not had_index:
                self._beside("-shm").unlink(missing_ok=True)

    def _connected(self) -> BufferFile:
        with told_apart():
            db = connect(self.path)
            try:
                file = BufferFile(db)
                lengthen_log(self.path)
                self._identity = self._identities()
            except BaseException:
                db.close()
                raise
        return file

    def _identities(self) -> list[tuple[int, int]]:
        stats = [self._beside(suffix).stat() for suffix in ("", "-wal")]
        return [(stat.st_dev, stat.st_ino) for stat in stats]

    def _is_there(self) -> bool:
        log = self._beside("-wal")
        return self.path.exists() or (log.exists() and log.stat().st_size > 0)

    def _refuse_others(self, image: Image) -> None:
        if not is_ours(image):
            raise BufferFileError(f"buffer {self.path}: file is not a database")
        version = version_of(image.database)
        if version is not None:
            raise BufferFileError(
                f"buffer {self.path}: has schema version {version}, "
                f"this agent knows {SCHEMA_VERSION}"
            )

    @contextmanager
    def _image(self, path: Path) -> Iterator[Image]:
        log_path = path.with_name(path.name + "-wal")
        log = log_path.read_bytes() if log_path.exists() else b""
        if not path.exists() or path.stat().st_size == 0:
            yield Image(b"", log)
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as database:
            yield Image(cast(bytes, database), log)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _set_path(self, number: int, suffix: str = "") -> Path:
        return self.path.with_name(f"{self.path.name}.damaged-{number}{suffix}")

    def _sets(self) -> list[int]:
        form = re.compile(re.escape(self.path.name) + r"\.damaged-(\d+)(-wal|-shm)?")
        names = [form.fullmatch(path.name) for path in self.path.parent.iterdir()]
        return sorted({int(name[1]) for name in names if name})

    def _set_aside_as(self, number: int) -> str:
        for suffix in _SUFFIXES:
            if self._beside(suffix).exists():
                self._beside(suffix).rename(self._set_path(number, suffix))
        self._set_path(number).touch()
        return self._set_path(number).name

    def _finish_setting_aside(self) -> None:
        """Go on where a power cut ended it."""
        sets = self._sets()
        if sets and not self._set_path(sets[-1]).exists():
            self._set_aside_as(sets[-1])

    def _save(self, number: int, known: Streams) -> Saved:
        """Make a new buffer of what can be saved from a set."""
        results = []
        with self._image(self._set_path(number)) as image:
            self._make_space(number, len(image.database) + len(image.log))
            make_file(self.path, lambda db: results.append(salvage(image, db, known)))
        saved = results[-1]
        _log.warning(
            "Rows of the damaged buffer are saved. streams=%d fixes=%d damaged=%d",
            saved.streams,
            saved.fixes,
            saved.damaged,
        )
        self._delete_old_sets(number)
        return saved

    def _make_space(self, number: int, needed_bytes: int) -> None:
        """Give up older sets where there is no space for a new buffer."""
        for older in self._sets():
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize > needed_bytes or older == number:
                return
            self._delete_set(older)

    def _delete_old_sets(self, newest: int) -> None:
        limit_bytes = min(self._max_bytes, max(self._share_bytes(0), LEAST_BYTES))
        sets = self._sets()
        while sets[0] != newest and (
            len(sets) > KEPT_SETS or sum(map(self._set_bytes, sets)) > limit_bytes
        ):
            self._delete_set(sets.pop(0))

    def _set_bytes(self, number: int) -> int:
        paths = [self._set_path(number, suffix) for suffix in _SUFFIXES]
        return sum(path.stat().st_size for path in paths if path.exists())

    def _delete_set(self, number: int) -> None:
        for suffix in _SUFFIXES:
            self._set_path(number, suffix).unlink(missing_ok=True)
        _log.warning("An older damaged buffer is deleted. file=%s", self._set_path(number).name)
