"""Damaged buffers: set aside under names of their own, and saved from into a new file.

A set is `NAME.damaged-N`, with `-wal` and `-shm` where SQLite would look for them; N counts up from
1. The newest three sets are kept, fewer where they would take more room than the buffer itself may;
an older one is deleted when the newest has been saved from, or where nothing else makes space for
that. A power cut in between is no loss: what was begun is gone on with at the next start.
"""

import errno
import logging
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from milepost_agent.buffer.connection import make_file
from milepost_agent.buffer.image import Image
from milepost_agent.buffer.salvage import Saved, salvage
from milepost_agent.buffer.space import Space
from milepost_agent.buffer.stream import HeldStream

_log = logging.getLogger(__name__)

KEPT_SETS = 3

# The database last: as long as it has not moved, setting aside is not done.
SUFFIXES = ("-wal", "-shm", "")


class Quarantine:
    """The sets of one buffer.

    Args:
        path: The buffer's database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> tuple[str, ...]:
        """Return the names of the databases that were set aside, oldest first."""
        try:
            return tuple(self._member(number).name for number in self._numbers())
        except OSError:
            return ()

    def set_aside(self, cause: str) -> None:
        """Move the buffer's files to a new set.

        Args:
            cause: What is wrong with them.

        Raises:
            OSError: They cannot be moved.
        """
        number = (self._numbers() or [0])[-1] + 1
        self._move(number)
        name = self._member(number).name
        _log.error("The buffer is damaged and set aside. cause=%s file=%s", cause, name)

    def finish_setting_aside(self) -> None:
        """Go on where a power cut ended it.

        Raises:
            OSError: It cannot be done.
        """
        numbers = self._numbers()
        if numbers and not self._member(numbers[-1]).exists():
            self._move(numbers[-1])

    def save(self, known: Mapping[bytes, HeldStream], space: Space) -> Saved | None:
        """Make a new buffer of what can be saved from the newest set; without a set an empty one.

        Args:
            known: How the streams stand, where a process knows that.
            space: What room there is.

        Raises:
            OSError: It cannot be done.
            sqlite3.Error: The new buffer cannot be written.
        """
        numbers = self._numbers()
        if not numbers:
            make_file(self._path, lambda _: None)
            return None
        results: list[Saved] = []
        with image_of(self._member(numbers[-1])) as image:
            needed_bytes = len(image.database) + len(image.log)
            while space.free_bytes() < needed_bytes:
                if len(numbers) == 1:
                    raise OSError(errno.ENOSPC, "no space for what can be saved")
                self._delete(numbers.pop(0))
            make_file(self._path, lambda db: results.append(salvage(image, db, known)))
        _log.warning("Rows of the damaged buffer are saved. result=%s", results[-1])
        self._delete_old(numbers, space.most_aside_bytes())
        return results[-1]

    def _delete_old(self, numbers: list[int], most_bytes: int) -> None:
        sizes = [self._size_bytes(number) for number in numbers]
        while len(numbers) > 1 and (len(numbers) > KEPT_SETS or sum(sizes) > most_bytes):
            self._delete(numbers.pop(0))
            sizes.pop(0)

    def _numbers(self) -> list[int]:
        form = re.compile(re.escape(self._path.name) + r"\.damaged-(\d+)(-wal|-shm)?")
        names = [form.fullmatch(path.name) for path in self._path.parent.iterdir()]
        return sorted({int(name[1]) for name in names if name})

    def _member(self, number: int, suffix: str = "") -> Path:
        return self._path.with_name(f"{self._path.name}.damaged-{number}{suffix}")

    def _move(self, number: int) -> None:
        for suffix in SUFFIXES:
            file = self._path.with_name(self._path.name + suffix)
            if file.exists():
                file.rename(self._member(number, suffix))
        self._member(number).touch()

    def _size_bytes(self, number: int) -> int:
        paths = [self._member(number, suffix) for suffix in SUFFIXES]
        return sum(path.stat().st_size for path in paths if path.exists())

    def _delete(self, number: int) -> None:
        for suffix in SUFFIXES:
            self._member(number, suffix).unlink(missing_ok=True)
        _log.warning("An older damaged buffer is deleted. file=%s", self._member(number).name)


@contextmanager
def image_of(path: Path) -> Iterator[Image]:
    """Give the image of a database, mapped into memory, and of its log.

    Raises:
        OSError: They cannot be read.
    """
    log_path = path.with_name(path.name + "-wal")
    log = log_path.read_bytes() if log_path.exists() else b""
    if not path.exists() or path.stat().st_size == 0:
        yield Image(b"", log)
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as database:
        yield Image(cast(bytes, database), log)
