"""Files that a command writes, or standard output in place of the first one."""

import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


class OutputError(ValueError):
    """A file cannot be written."""


class Output:
    """A file that is written from its begin to its end; every failure names its option."""

    def __init__(self, path: Path | None, option: str = "--out") -> None:
        """Name the file; None is standard output."""
        self._path = path
        self._option = option
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._file = sys.stdout.buffer if self._path is None else self._path.open("wb")
        except OSError as error:
            raise self._told(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
        if self._path is None:
            if kind is None:
                self._file.flush()
            return
        try:
            self._file.close()
        except OSError as failure:
            if kind is None:
                raise self._told(failure) from None

    def write(self, data: bytes) -> None:
        """Write some bytes.

        Raises:
            OutputError: The file takes no more.
            BrokenPipeError: Who read standard output has left.
        """
        if self._file is None:
            raise OutputError(f"{self._option}: not open")
        try:
            self._file.write(data)
        except OSError as error:
            if self._path is None:
                raise
            raise self._told(error) from None

    def _told(self, error: OSError) -> OutputError:
        return OutputError(f"{self._option} {self._path}: {error.strerror}")
