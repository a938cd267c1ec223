"""Recorded logs: the bytes of a file, plain or gzip, and the day on which it was written."""

import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

_GZIP = b"\x1f\x8b"
_BLOCK_BYTES = 65_536


class RecordedError(ValueError):
    """A log cannot be read; the message names it and the cause."""


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a log.

    Raises:
        RecordedError: The file cannot be read, or its gzip form is damaged: what was sound before
            the damage has been yielded.
    """
    try:
        with path.open("rb") as plain:
            is_gzip = plain.peek(2).startswith(_GZIP)
            source = gzip.GzipFile(fileobj=plain) if is_gzip else plain
            while block := source.read(_BLOCK_BYTES):
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RecordedError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise RecordedError(f"{path}: {error.strerror}") from None


def day_of(path: Path) -> date:
    """Return the UTC day on which a file was last written.

    Raises:
        RecordedError: There is no such file.
    """
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except OSError as error:
        raise RecordedError(f"{path}: {error.strerror}") from None
