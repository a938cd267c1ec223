"""A batch as rows of whole numbers: what formats carry that are ours to lay out."""

from dataclasses import dataclass

from milepost_schemas.batch import Batch


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a fix.

    Attributes:
        letter: Its key where values have keys.
        default: What it is where nothing is written; None: unknown.
    """

    letter: str
    default: int | None


# Seldom values last, so that rows can end early.
COLUMNS = (
    Column("t", None),
    Column("y", None),
    Column("x", None),
    Column("a", None),
    Column("v", None),
    Column("c", None),
    Column("d", None),
    Column("s", None),
    Column("k", 0),
    Column("n", 1),
    Column("h", 0),
    Column("q", 1),
    Column("e", None),
    Column("r", 0),
)
Row = tuple[int | None, ...]


def rows_of(batch: Batch) -> list[Row]:
    """Return a row for each fix, in the order of `COLUMNS`.

    Time, latitude, longitude, altitude, speed, course, HDOP, satellites, kind, `stands_for`,
    `hole`, the step of the number, stated error, whether the date was repaired.
    """
    rows: list[Row] = []
    last = batch.envelope.after
    for kept in batch.fixes:
        fix = kept.fix
        rows.append(
            (
                fix.time_ms,
                fix.lat_e6,
                fix.lon_e6,
                fix.altitude_dm,
                fix.speed_dmps,
                fix.course_deg,
                fix.hdop_tenths,
                fix.satellites,
                int(fix.kind),
                kept.stands_for,
                int(kept.hole),
                kept.seq - last,
                fix.error_dm,
                int(fix.date_repaired),
            )
        )
        last = kept.seq
    return rows


def header_of(batch: Batch) -> tuple[bytes, int, int, int, int]:
    """Return stream, batch number, `after`, and how far `upto` and `newest` are beyond it."""
    envelope = batch.envelope
    upto, newest = envelope.upto - envelope.after, envelope.newest - envelope.upto
    return envelope.stream, envelope.batch, envelope.after, upto, newest


def columns_of(rows: list[Row]) -> list[list[int | None] | None]:
    """Return the values column by column; None for a column that is its default throughout."""
    columns = [list(values) for values in zip(*rows, strict=True)]
    return [
        None if all(value == column.default for value in values) else values
        for column, values in zip(COLUMNS, columns, strict=True)
    ]


def differences(values: list[int | None]) -> list[int | None]:
    """Return each value as the difference from the last known one, the first from 0."""
    steps: list[int | None] = []
    last = 0
    for value in values:
        steps.append(None if value is None else value - last)
        last = last if value is None else value
    return steps
