"""The buffer's place on the disk: its files, who may use them, and how much room there is."""

import fcntl
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from milepost_agent.buffer.check import SCHEMA_VERSION, fault_of, is_ours, version_of
from milepost_agent.buffer.connection import (
    connect,
    connect_for_reading,
    connect_in_memory,
    lengthen_log,
)
from milepost_agent.buffer.file import BufferFile
from milepost_agent.buffer.image import Image
from milepost_agent.buffer.pages import rows_of
from milepost_agent.buffer.quarantine import SUFFIXES, Quarantine, image_of
from milepost_agent.buffer.row import Row
from milepost_agent.buffer.salvage import Saved, salvage, saved_memos
from milepost_agent.buffer.space import Space
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

Streams = Mapping[bytes, HeldStream]


class Disk:
    """The place of one buffer.

    Args:
        path: The database.
        max_bytes: The most that it may hold.
        share: The most that it may take of what it has and what is free besides; 0 to 1.

    Attributes:
        space: How much room there is.
        quarantine: What was damaged.
    """

    def __init__(self, path: Path, max_bytes: int, share: float) -> None:
        self.path = path
        self.space = Space(path, max_bytes, share)
        self.quarantine = Quarantine(path)
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
            with image_of(self.path) as image:
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
        with told_apart(), image_of(self.path) as image:
            db = connect_in_memory()
            salvage(image, db, {})
            return BufferFile(db)

    def memos_of_damaged(self) -> dict[str, bytes]:
        """Return the memos that can be saved of a damaged buffer.

        Raises:
            DiskError: The disk cannot be read.
        """
        with told_apart(), image_of(self.path) as image:
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
            self.quarantine.finish_setting_aside()
            if not self._is_there():
                saved = self.quarantine.save(known, self.space)
                return self._connected(), saved
            with image_of(self.path) as image:
                self._refuse_others(image)
                fault = fault_of(image)
                torn = [] if known else [row for page in image.torn() for row in rows_of(page)]
            if fault is None:
                try:
                    return self._connected(torn), None
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
            self.quarantine.set_aside(cause)
            saved = self.quarantine.save(known, self.space)
            try:
                return self._connected(), saved or Saved(0, 0, 0)
            except DamageError as error:
                reason = f"damaged again: {error}"
                raise DiskError(BufferState.MEMORY_IO_ERROR, reason) from None

    def is_in_place(self) -> bool:
        """Say whether database and log that are open stand in their places."""
        try:
            return self._identities() == self._identity
        except OSError:
            return False

    def is_same_file(self) -> bool:
        """Say whether the database that is open stands in its place."""
        try:
            return self._identity_of("") == self._identity[0]
        except OSError:
            return False

    def files_bytes(self) -> int:
        """Return what its files take, but for those that were set aside."""
        sizes = 0
        for suffix in (*SUFFIXES, ".ballast"):
            with suppress(OSError):
                sizes += self._beside(suffix).stat().st_size
        return sizes

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
                with suppress(OSError):
                    self._beside("-shm").unlink(missing_ok=True)

    def _connected(self, torn: Sequence[Row] = ()) -> BufferFile:
        with told_apart():
            db = connect(self.path)
            try:
                file = BufferFile(db)
                if torn:
                    file.complete(torn)
                lengthen_log(self.path)
                self._identity = self._identities()
            except BaseException:
                db.close()
                raise
        return file

    def _identities(self) -> list[tuple[int, int]]:
        return [self._identity_of(suffix) for suffix in ("", "-wal")]

    def _identity_of(self, suffix: str) -> tuple[int, int]:
        stat = self._beside(suffix).stat()
        return (stat.st_dev, stat.st_ino)

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

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)
