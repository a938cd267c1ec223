"""Proof of what was promised: nothing stored twice, nothing missing that is not accounted for.

Reads every fix, a week at a time, as of one moment: the collectors may go on. `numbers` counts
rows, `account` judges the numbers of streams, `sums` hour rows, day rows and newest positions.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

from milepost_collector.store.audit.account import account
from milepost_collector.store.audit.numbers import count_numbers
from milepost_collector.store.audit.spans import Span, spans_of
from milepost_collector.store.audit.sums import compare_sums, count_late_positions
from milepost_collector.store.connection import Database


@dataclass(frozen=True, slots=True)
class Audit:
    """What the database says of itself; from duplicates to positions all are 0 in a sound one.

    Attributes:
        devices: Devices heard of.
        streams: Runs of agents.
        fixes: Stored fixes.
        quarantined: Fixes whose GPS time cannot be.
        duplicates: Stored rows beyond the first of their device, stream and number.
        unaccounted: Numbers up to `last_seq` that are neither stored nor thinned, nor in a recorded
            gap, nor dropped for their age.
        misplaced: Streams with a row that is not theirs to have: above their `last_seq`, inside a
            gap, of another device, or of no stream that is known.
        abandoned: Numbers that a unit told of in a run that it has left unfinished: lost with its
            buffer, unless it finds them again.
        miscounted: Streams whose own counts are not those of their rows.
        hours: Rows a device and hour that are not what its fixes come to.
        days: Rows a device and day, likewise.
        positions: Devices whose place on the map is older than their newest fix, or another.
        turned: Places where GPS time goes back within a stream, seen in blocks of 64 numbers. It is
            what the receiver said, and no fault of ours.
        faults: The first few of what is wrong, in words.
    """

    devices: int = 0
    streams: int = 0
    fixes: int = 0
    quarantined: int = 0
    duplicates: int = 0
    unaccounted: int = 0
    misplaced: int = 0
    abandoned: int = 0
    miscounted: int = 0
    hours: int = 0
    days: int = 0
    positions: int = 0
    turned: int = 0
    faults: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Nothing is doubled, unaccounted, misplaced or miscounted."""
        numbers = self.duplicates or self.unaccounted or self.misplaced or self.miscounted
        return not (numbers or self.hours or self.days or self.positions)


@dataclass(frozen=True, slots=True)
class Survey:
    """A database that is to be audited, as of one moment.

    Attributes:
        connection: Whose transaction sees that moment.
        spans: The times of its fixes.
    """

    connection: Database
    spans: list[Span]

    @property
    def steps(self) -> int:
        """How many steps the audit has."""
        return 2 * len(self.spans) + 2

    def audit(self, step: Callable[[int], None] = lambda _: None) -> Audit:
        """Count everything.

        Args:
            step: Is told of so many more steps that are done.
        """
        numbers = account(count_numbers(self.connection, self.spans, step))
        sums = compare_sums(self.connection, self.spans, step)
        late = count_late_positions(self.connection)
        step(1)
        row = self.connection.execute(_OTHERS).fetchone()
        if row is None:
            raise LookupError("a query without FROM has one row")
        devices, abandoned = row
        return Audit(
            devices=devices,
            streams=numbers.streams,
            fixes=numbers.fixes,
            quarantined=numbers.quarantined,
            duplicates=numbers.duplicates,
            unaccounted=numbers.unaccounted,
            misplaced=numbers.misplaced,
            abandoned=abandoned,
            miscounted=numbers.miscounted,
            hours=sums.hours,
            days=sums.days,
            positions=late.count,
            turned=numbers.turned,
            faults=(*numbers.faults, *sums.faults, *late.faults),
        )


_OTHERS = """
SELECT (SELECT count(*) FROM device),
       (SELECT coalesce(sum(last_seq - first_seq + 1), 0)::bigint FROM missing WHERE at_least)
"""


def survey(connection: Database) -> Survey:
    """Look at the database as it is now; within the caller's transaction, if there is one.

    Raises:
        UndefinedTable: It is not up to date (`connection.UNMADE`).
        OperationalError: The server is lost.
    """
    if connection.info.transaction_status == TransactionStatus.IDLE:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
    # Before anything is looked at: a week that is dropped now would be gone from what we count, and
    # not yet in the account of what was dropped. Raises UNMADE where `migrate` is due.
    connection.execute("LOCK TABLE fix IN ACCESS SHARE MODE")
    connection.execute("SELECT FROM expired LIMIT 0")
    # Nobody waits for us, and the sums of a week fit into memory.
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.execute("SET LOCAL work_mem = '128MB'")
    return Survey(connection, spans_of(connection))


def audit(connection: Database) -> Audit:
    """Count everything in one go."""
    return survey(connection).audit()
