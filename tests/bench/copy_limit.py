"""The limit of every ingest: PostgreSQL's binary COPY of the same rows into the same table.

The rows are read back from the table, so that they are the same to the byte and in the same order
and no code of ours has written them, and given to devices that do not exist: the index grows by
them as it did by ours.
"""

import time
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from milepost_schemas.fix import instant
from tests.bench.ingest_load import Fleet

_COLUMNS: LiteralString = (
    "time, seq, device, stream, lat_e6, lon_e6, altitude_dm, stands_for, speed_dmps, course_deg, "
    "hdop_tenths, satellites, kind, error_dm, date_repaired, hole"
)
_SELECTED: LiteralString = _COLUMNS.replace(" device,", " 1000000 + device,", 1)


class CopyLimit:
    """COPY over a connection of its own.

    Args:
        dsn: The database that the collector writes to.
    """

    def __init__(self, dsn: str) -> None:
        self._database: psycopg.Connection[TupleRow] = psycopg.connect(dsn, autocommit=True)

    def __enter__(self) -> "CopyLimit":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def took_s(self, fleet: Fleet, number: int) -> float:
        """Copy the rows of a round that the collector has stored; return the seconds it took."""
        rows = self._rows_of(fleet, number)
        begin_s = time.perf_counter()
        with self._database.transaction(), self._database.cursor() as cursor:
            statement = sql.SQL(f"COPY fix ({_COLUMNS}) FROM STDIN (FORMAT binary)")
            with cursor.copy(statement) as copy:
                copy.write(rows)
            copied = cursor.statusmessage
        took_s = time.perf_counter() - begin_s
        assert copied == f"COPY {fleet.devices * fleet.size}", copied
        return took_s

    def _rows_of(self, fleet: Fleet, number: int) -> bytes:
        first = number * fleet.size + 1
        query = sql.SQL(
            "COPY (SELECT {columns} FROM fix "
            "WHERE device IN (SELECT no FROM device WHERE starts_with(device, {prefix})) "
            "AND time >= {begin} AND time < {end} ORDER BY ctid) "
            "TO STDOUT (FORMAT binary)"
        ).format(
            columns=sql.SQL(_SELECTED),
            prefix=fleet.prefix,
            begin=instant(fleet.sent_ms(first)),
            end=instant(fleet.sent_ms(first + fleet.size)),
        )
        with self._database.cursor() as cursor, cursor.copy(query) as copy:
            return b"".join(copy)
