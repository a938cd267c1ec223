"""What the bytes of a file of positions are, told by their content and never by a name."""

import re
from enum import Enum

from milepost_schemas.tracks.table import is_table
from milepost_schemas.tracks.track import TrackError

_XML = re.compile(rb"\s*<|\xff\xfe<|\xfe\xff\x00<")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Lines that people put before a log.
_COMMENTS = re.compile(rb"(?:#[^\n]*\n)+")


class FileKind(Enum):
    """Kinds of files of positions."""

    NMEA = "NMEA"
    GPX = "GPX"
    CSV = "CSV"


def recognise(data: bytes) -> tuple[FileKind, bytes]:
    """Return what a file is, and its bytes as the reader of that kind takes them.

    XML is GPX; a header that names a latitude and a longitude begins a CSV; everything else must
    hold NMEA sentences. Comment lines before a CSV or a log are taken off; a header may itself
    begin with `#`.

    Args:
        data: The whole file, unpacked.
    """
    if _XML.match(data.removeprefix(_BYTE_ORDER_MARK)):
        return FileKind.GPX, data
    bare = _COMMENTS.sub(b"", data, count=1) if _COMMENTS.match(data) else data
    for given in (data, bare):
        if is_table(given):
            return FileKind.CSV, given
    return FileKind.NMEA, bare


def unrecognised(data: bytes) -> TrackError:
    """Return the error for a file that is taken for NMEA and holds no sentence."""
    return TrackError(
        f"{len(data)} bytes are neither NMEA sentences, nor GPX, nor a CSV whose header names a "
        "latitude and a longitude"
    )
