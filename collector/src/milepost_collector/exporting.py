"""`milepost-collector export`: stored fixes to standard output, however many there are."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum

import typer

from milepost_collector.progress import progress
from milepost_collector.store import export
from milepost_collector.store.connection import Database, connect
from milepost_collector.store.export import Chosen
from milepost_schemas.exported.drawn import Devices, geojson_lines, gpx_lines
from milepost_schemas.exported.rows import COLUMNS
from milepost_schemas.fix import KeptFix

# A bar is drawn anew after so many fixes.
_STEP = 2_000


class Form(StrEnum):
    """Kinds of files that are written."""

    CSV = "csv"
    GPX = "gpx"
    GEOJSON = "geojson"


def moment(text: str) -> datetime:
    """Read a date or an instant (RFC 3339); without an offset it is UTC.

    Raises:
        BadParameter: It is neither.
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-11-21T08:00:00Z") from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def write_fixes(dsn: str, chosen: Chosen, form: Form) -> None:
    """Write fixes to standard output; how far that is, to standard error where it is a terminal.

    Raises:
        OperationalError, InterfaceError: The database is lost (`connection.LOST`).
    """
    with connect(dsn) as database:
        if sys.stdout.isatty():
            _write(database, chosen, form, lambda _: None)  # a bar would stand between the lines
            return
        with progress("export", export.expected(database, chosen), at_once=_STEP) as step:
            _write(database, chosen, form, step)


def _write(database: Database, chosen: Chosen, form: Form, step: Callable[[int], None]) -> None:
    sys.stdout.buffer.writelines(_parts(database, chosen, form, step))
    sys.stdout.buffer.flush()


def _parts(
    database: Database, chosen: Chosen, form: Form, step: Callable[[int], None]
) -> Iterator[bytes]:
    if form is Form.CSV:
        yield (",".join(COLUMNS) + "\n").encode()
        for row in export.rows(database, chosen):
            step(1)
            yield row
        return
    devices = _watched(export.drawable(database, chosen), step)
    lines = gpx_lines(devices, "milepost-collector") if form is Form.GPX else geojson_lines(devices)
    for line in lines:
        yield line.encode()


def _watched(devices: Devices, step: Callable[[int], None]) -> Devices:
    def counted(fixes: Iterator[KeptFix]) -> Iterator[KeptFix]:
        for fix in fixes:
            step(1)
            yield fix

    for device, streams in devices:
        yield device, ((stream, counted(iter(fixes))) for stream, fixes in streams)
