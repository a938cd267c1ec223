"""Recorded files as bytes, plain or unpacked from gzip."""

import gzip
import zlib
from pathlib import Path

_GZIP = b"\x1f\x8b"


class FileError(Exception):
    """A file cannot be used; the message says why."""


def unpacked(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        FileError: It cannot be read, or is a damaged gzip.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"damaged gzip: {error}") from None
    except OSError as error:
        raise FileError(error.strerror or str(error)) from None
