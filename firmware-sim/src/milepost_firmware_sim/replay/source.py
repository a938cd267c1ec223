"""What is played: a file of any kind, read and made a recording.

In flow a path and wishes, out flows a `Recording` and what else the file holds. The kind of a file
is told by its content, never by its name. Any may be packed by gzip.
"""

import gzip
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from milepost_firmware_sim.receiver_makes import ReceiverSet
from milepost_firmware_sim.replay.recording import (
    Facts,
    Recording,
    RecordingError,
    count_lines,
    parse,
)
from milepost_firmware_sim.replay.written import written
from milepost_firmware_sim.tracks.choice import ALL, chosen_track
from milepost_firmware_sim.tracks.nmea_log import points_of
from milepost_firmware_sim.tracks.timing import in_order
from milepost_schemas.tracks.gpx import read_gpx
from milepost_schemas.tracks.recognise import FileKind, recognise, unrecognised
from milepost_schemas.tracks.table import read_table
from milepost_schemas.tracks.track import Timing, Track, TrackError

STANDARD_INPUT = Path("-")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a file is to be played.

    Attributes:
        track: Which track of several: its name, or its number from 1; `all`: one after the other;
            None: the first.
        rate_hz: Epochs a second; None: as recorded.
        receiver: The make of receiver that tells it; None: the log's own bytes, or a plain one.
        untimed_speed_mps: How fast a track without times is driven.
    """

    track: str | None = None
    rate_hz: int | None = None
    receiver: ReceiverSet | None = None
    untimed_speed_mps: float = 50.0 / 3.6


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read.

    Attributes:
        kind: What it is.
        tracks: All tracks that it holds, their times in order; empty for an NMEA log.
        chosen: Which of them is played; empty for all together, and for an NMEA log.
        recording: What is played.
    """

    kind: FileKind
    tracks: tuple[Track, ...]
    chosen: str
    recording: Recording


def load(path: Path) -> Recording:
    """Read a file as it is: an NMEA log byte for byte, of GPX and CSV the first track.

    Raises:
        RecordingError: See `load_source`.
    """
    return load_source(path, Wishes()).recording


def load_source(path: Path, wishes: Wishes) -> Source:
    """Read a file.

    Args:
        path: The file; `-` is standard input.
        wishes: How to play it.

    Raises:
        RecordingError: The file cannot be read, is damaged, holds nothing that can be played, or
            not the track that was asked for.
    """
    data = read_file(path)
    try:
        kind, bare = recognise(data)
        if kind is FileKind.NMEA:
            return _logged(bare, wishes)
        tracks = read_gpx(bare) if kind is FileKind.GPX else read_table(bare)
        return _tracked(kind, tracks, data, wishes)
    except TrackError as error:
        raise RecordingError(f"recording {path}: {error}") from None


def _tracked(kind: FileKind, tracks: Sequence[Track], data: bytes, wishes: Wishes) -> Source:
    ordered = [in_order(track, wishes.untimed_speed_mps) for track in tracks]
    track = chosen_track(ordered, wishes.track)
    recording = written(
        track.points,
        Facts(len(data), count_lines(data), 0, 0, 0, len(track.points)),
        rate_hz=wishes.rate_hz,
        receiver_set=wishes.receiver or ReceiverSet.PLAIN,
        dated=track.timing is Timing.DATED,
    )
    chosen = "" if wishes.track == ALL else track.name
    return Source(kind, tuple(ordered), chosen, recording)


def _logged(data: bytes, wishes: Wishes) -> Source:
    recording = parse(data)
    if recording is None:
        raise unrecognised(data)
    if wishes.track is not None:
        raise TrackError(f"--track {wishes.track}: an NMEA log is one track")
    if wishes.rate_hz is not None or wishes.receiver is not None:
        pace = recording.pace
        points = points_of(recording.pieces, pace.times_s, pace.origin_s)
        if not points:
            raise TrackError("no sentence with a time, so nothing to write anew")
        recording = written(
            points,
            recording.facts,
            rate_hz=wishes.rate_hz,
            receiver_set=wishes.receiver or ReceiverSet.PLAIN,
            dated=recording.dated,
        )
    return Source(FileKind.NMEA, (), "", recording)


def read_file(path: Path) -> bytes:
    """Read a file, unpacked if it is gzip; `-` is standard input.

    Raises:
        RecordingError: It cannot be read, or is damaged gzip.
    """
    try:
        data = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordingError(f"recording {path}: damaged gzip: {error}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RecordingError(f"recording {path}: {reason}") from None
