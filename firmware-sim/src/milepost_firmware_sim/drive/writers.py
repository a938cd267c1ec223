"""Writers of a drive: NMEA, GPX or CSV of what was measured, and the truth beside it.

In flow epochs, out flow files; the name's ending says which: `.gpx`, `.csv`, else NMEA; for the
truth `.csv` or `.json`.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol
from xml.sax.saxutils import escape

from milepost_firmware_sim.drive.drive import Drive, DriveError
from milepost_firmware_sim.drive.truth import ROW_NAMES, StopsTruth, rfc3339, truth_row
from milepost_firmware_sim.output import Output
from milepost_firmware_sim.receiver.receiver import Epoch
from milepost_firmware_sim.sentence_sets import (
    Measured,
    ReceiverSet,
    epoch_sentences,
    start_sentences,
)

_TRACK_NAMES = (
    "time", "lat_deg", "lon_deg", "altitude_m", "speed_mps", "course_deg", "hdop", "satellites",
)  # fmt: skip


class Writer(Protocol):
    """Turns epochs into the bytes of one file."""

    def begin(self) -> bytes:
        """Return what comes first."""

    def epoch(self, epoch: Epoch) -> bytes:
        """Return what an epoch adds."""

    def end(self) -> bytes:
        """Return what comes last."""


def write_drive(epochs: Iterable[Epoch], writers: Sequence[tuple[Writer, Output]]) -> None:
    """Write all files at once, epoch by epoch.

    Raises:
        OutputError: One of them cannot be written.
    """
    with ExitStack() as stack:
        for writer, output in writers:
            stack.enter_context(output)
            output.write(writer.begin())
        for epoch in epochs:
            for writer, output in writers:
                output.write(writer.epoch(epoch))
        for writer, output in writers:
            output.write(writer.end())


def track_writer(out: Path | None, receiver_set: ReceiverSet) -> Writer:
    """Return the writer for `--out`."""
    match "" if out is None else out.suffix.lower():
        case ".gpx":
            return GpxWriter()
        case ".csv":
            return CsvWriter()
        case _:
            return NmeaWriter(receiver_set)


def truth_writer(file: Path, drive: Drive, seed: int) -> Writer:
    """Return the writer for a `--truth` file.

    Raises:
        DriveError: Its name ends neither in .csv nor in .json.
    """
    match file.suffix.lower():
        case ".csv":
            return TruthRowsWriter()
        case ".json":
            return TruthStopsWriter(drive, seed)
        case _:
            raise DriveError(f"--truth {file}: its name must end in .csv (rows) or .json (stops)")


class NmeaWriter:
    """Writes what the receiver sends."""

    def __init__(self, receiver_set: ReceiverSet) -> None:
        self._set = receiver_set

    def begin(self) -> bytes:
        """Return what it says of itself."""
        return start_sentences(self._set)

    def epoch(self, epoch: Epoch) -> bytes:
        """Return the sentences of an instant."""
        return epoch_sentences(epoch.measured, self._set)

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class CsvWriter:
    """Writes the fixes as rows; a void instant is left out, as loggers do."""

    def begin(self) -> bytes:
        """Return the header."""
        return _csv(_TRACK_NAMES)

    def epoch(self, epoch: Epoch) -> bytes:
        """Return the row of a fix."""
        fix = epoch.measured
        if fix.lat_deg is None or fix.lon_deg is None:
            return b""
        return _csv(
            (
                rfc3339(fix.time),
                f"{fix.lat_deg:.7f}",
                f"{fix.lon_deg:.7f}",
                _cell(fix.altitude_m, 1),
                _cell(fix.speed_mps, 2),
                _cell(fix.course_deg, 1),
                _cell(fix.hdop, 1),
                _cell(fix.satellites, 0),
            )
        )

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class GpxWriter:
    """Writes the fixes as a GPX 1.1 track; where there was none a new segment begins."""

    def __init__(self) -> None:
        self._open = False

    def begin(self) -> bytes:
        """Return the begin of the track."""
        return (
            b'<?xml version="1.0" encoding="UTF-8"?>\n'
            b'<gpx version="1.1" creator="milepost-sim" '
            b'xmlns="http://www.topografix.com/GPX/1/1">\n<trk>\n'
        )

    def epoch(self, epoch: Epoch) -> bytes:
        """Return the point of a fix, or the end of a segment."""
        fix = epoch.measured
        if fix.lat_deg is None or fix.lon_deg is None:
            return self._closed()
        opened = "" if self._open else "<trkseg>\n"
        self._open = True
        return (opened + _point(fix)).encode()

    def end(self) -> bytes:
        """Return the end of the track."""
        return self._closed() + b"</trk>\n</gpx>\n"

    def _closed(self) -> bytes:
        was_open, self._open = self._open, False
        return b"</trkseg>\n" if was_open else b""


class TruthRowsWriter:
    """Writes a row of truth for each instant."""

    def begin(self) -> bytes:
        """Return the header."""
        return _csv(ROW_NAMES)

    def epoch(self, epoch: Epoch) -> bytes:
        """Return the row of an instant."""
        return _csv(truth_row(epoch))

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class TruthStopsWriter:
    """Writes stops, halts and tunnels."""

    def __init__(self, drive: Drive, seed: int) -> None:
        self._truth = StopsTruth(drive, seed)

    def begin(self) -> bytes:
        """Return nothing."""
        return b""

    def epoch(self, epoch: Epoch) -> bytes:
        """Take note of an instant."""
        self._truth.add(epoch)
        return b""

    def end(self) -> bytes:
        """Return all that happened."""
        return self._truth.text().encode()


def _csv(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _point(fix: Measured) -> str:
    parts = [f'<trkpt lat="{fix.lat_deg:.7f}" lon="{fix.lon_deg:.7f}">']
    parts += _tag("ele", _cell(fix.altitude_m, 1))
    parts += _tag("time", rfc3339(fix.time))
    parts += _tag("sat", _cell(fix.satellites, 0))
    parts += _tag("hdop", _cell(fix.hdop, 1))
    return "".join([*parts, "</trkpt>\n"])


def _tag(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"<{name}>{escape(text)}</{name}>"
