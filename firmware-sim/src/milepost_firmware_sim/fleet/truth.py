"""The truth: every fix that a vehicle committed, as a file beside the system that is tested.

The columns and the way of writing them are those of `milepost-collector export`, so that the two
files can be compared with any tool.
"""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from milepost_schemas.exported.rows import COLUMNS, row_of
from milepost_schemas.fix import KeptFix


class TruthError(ValueError):
    """The truth cannot be written."""


class TruthFile:
    """A file of truth, compressed where its name ends with `.gz`.

    A plain one is complete at every moment: also if this process is killed, it knows all that was
    sent.

    Raises:
        TruthError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._compressed = path.suffix == ".gz"
        opened: Callable[..., TextIO] = gzip.open if self._compressed else open
        try:
            self._file = opened(path, "wt", encoding="utf-8", newline="")
            self._write(COLUMNS)
        except OSError as error:
            raise TruthError(f"--truth {path}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError as why:
            raise TruthError(f"--truth {self._path}: {why.strerror}") from None

    def add(self, device: str, stream: bytes, fixes: Iterable[KeptFix]) -> None:
        """Write what a device committed.

        Raises:
            TruthError: It cannot be written.
        """
        try:
            for kept in fixes:
                self._write((device, *row_of(stream, kept)))
            if not self._compressed:
                self._file.flush()
        except OSError as error:
            raise TruthError(f"--truth {self._path}: {error.strerror}") from None

    def _write(self, row: Iterable[str]) -> None:
        self._file.write(",".join(row) + "\n")
