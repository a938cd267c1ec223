"""The audit finds what it is there for, and names it."""

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import LiteralString

import pytest

from milepost_collector.config import StorageConfig
from milepost_collector.store.audit import Audit, audit
from milepost_collector.store.audit.spans import Span, joined
from milepost_collector.store.connection import UNMADE, connect, connect_async
from milepost_collector.store.maintenance import maintain
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.fix import Fix, KeptFix
from tests.collector.batches import NOW, NOW_MS, OTHER_STREAM, START_MS, drive, message, take
from tests.fixtures.servers import FreshDatabase

WEEK_MS = 7 * 86_400_000
SOUND = Audit(devices=2, streams=3, fixes=15, quarantined=1)


def found_in(database: FreshDatabase) -> Audit:
    """Return what the audit finds."""
    with connect(database.dsn) as connection:
        return audit(connection)


def fill(database: FreshDatabase) -> None:
    """Store all that numbers can become: rows, gaps, thinned ones, quarantined ones."""
    impossible = KeptFix(11, Fix(NOW_MS + 86_400_000, 48_000_000, 11_000_000))
    kept = (*drive(1, 3), *drive(6, 8), impossible)
    take(database, message(kept, after=0, upto=12, gaps=(Gap(4, 5, GapReason.CUT),)))
    take(database, message(drive(1, 4), stream=OTHER_STREAM))
    take(database, message(drive(1, 5), device="van-2"))


def test_audit_of_a_sound_database_finds_nothing(database: FreshDatabase) -> None:
    """Rows, gaps, thinned and quarantined numbers together account for every number."""
    fill(database)
    found = found_in(database)
    assert found == SOUND
    assert found.is_sound


def test_audit_of_an_empty_database_is_sound(database: FreshDatabase) -> None:
    """Where nothing is, nothing is wrong."""
    assert found_in(database) == Audit()


_RUN_1 = "van-1, stream 73747265616d2d31: "
_RUN_2 = "van-2, stream 73747265616d2d31: "

DAMAGES: dict[LiteralString, tuple[dict[str, int], tuple[str, ...]]] = {
    "INSERT INTO fix SELECT * FROM fix WHERE seq = 3 AND device = 1 AND stream = 1": (
        {"duplicates": 1, "hours": 1, "days": 1},
        (
            _RUN_1 + "number 3 is stored 2 times",
            "van-1: hour 2026-11-19T11 has 11 fixes, its row says 10",
            "van-1: day 2026-11-19 has 11 fixes, its row says 10",
        ),
    ),
    "INSERT INTO fix_quarantine SELECT *, now() FROM fix WHERE seq = 8": (
        {"duplicates": 1},
        (_RUN_1 + "number 8 is stored 2 times",),
    ),
    "DELETE FROM fix WHERE seq = 7": (
        {"unaccounted": 1, "miscounted": 1, "hours": 1, "days": 1},
        (
            _RUN_1 + "11 of 12 numbers are accounted for: "
            "6 stored, 3 thinned, 2 in gaps, 0 expired",
            _RUN_1 + "7 fixes are counted, 6 came",
            "van-1: hour 2026-11-19T11 has 9 fixes, its row says 10",
            "van-1: day 2026-11-19 has 9 fixes, its row says 10",
        ),
    ),
    "DELETE FROM fix_quarantine": (
        {"unaccounted": 1, "miscounted": 1},
        (
            _RUN_1 + "11 of 12 numbers are accounted for: "
            "6 stored, 3 thinned, 2 in gaps, 0 expired",
            _RUN_1 + "7 fixes are counted, 6 came",
        ),
    ),
    "DELETE FROM gap": (
        {"unaccounted": 2, "miscounted": 1},
        (
            _RUN_1 + "10 of 12 numbers are accounted for: "
            "7 stored, 3 thinned, 0 in gaps, 0 expired",
            _RUN_1 + "2 numbers are counted as missing, 0 are in gaps",
        ),
    ),
    "UPDATE gap SET last_seq = 6": (
        {"unaccounted": 1, "misplaced": 1, "miscounted": 1},
        (
            _RUN_1 + "13 of 12 numbers are accounted for: "
            "7 stored, 3 thinned, 3 in gaps, 0 expired",
            _RUN_1 + "a gap overlaps a row or another gap, or ends beyond it",
            _RUN_1 + "2 numbers are counted as missing, 3 are in gaps",
        ),
    ),
    "UPDATE stream SET missing = 0": (
        {"miscounted": 1},
        (_RUN_1 + "0 numbers are counted as missing, 2 are in gaps",),
    ),
    "UPDATE stream SET last_seq = 4 WHERE device = 2": (
        {"unaccounted": 1, "misplaced": 1},
        (
            _RUN_2 + "5 of 4 numbers are accounted for: 5 stored, 0 thinned, 0 in gaps, 0 expired",
            _RUN_2 + "number 5 is stored, above its last, 4",
        ),
    ),
    "UPDATE fix SET seq = 6 WHERE seq = 7": (
        {"duplicates": 1, "unaccounted": 1, "miscounted": 1},
        (
            _RUN_1 + "number 6 is stored 2 times",
            _RUN_1 + "11 of 12 numbers are accounted for: "
            "6 stored, 3 thinned, 2 in gaps, 0 expired",
            _RUN_1 + "7 fixes are counted, 6 came",
        ),
    ),
    "UPDATE fix SET device = 1 WHERE device = 2 AND seq = 1": (
        {"misplaced": 1, "hours": 2, "days": 2},
        (
            _RUN_2 + "fixes of it are another device's",
            "van-1: hour 2026-11-19T11 has 11 fixes, its row says 10",
            "van-2: hour 2026-11-19T11 has 4 fixes, its row says 5",
            "van-1: day 2026-11-19 has 11 fixes, its row says 10",
            "van-2: day 2026-11-19 has 4 fixes, its row says 5",
        ),
    ),
    "UPDATE fix SET stream = 99 WHERE device = 2": (
        {"unaccounted": 5, "misplaced": 1, "miscounted": 1},
        (
            "stream row 99 is unknown: 5 fixes name it",
            _RUN_2 + "0 of 5 numbers are accounted for: 0 stored, 0 thinned, 0 in gaps, 0 expired",
            _RUN_2 + "5 fixes are counted, 0 came",
        ),
    ),
    "UPDATE fix_hour SET holes = 7 WHERE device = 2": (
        {"hours": 1},
        ("van-2: hour 2026-11-19T11 has 5 fixes, its row says 5 and other sums",),
    ),
    "DELETE FROM fix_hour WHERE device = 2": (
        {"hours": 1},
        ("van-2: hour 2026-11-19T11 has 5 fixes, its row says 0",),
    ),
    "INSERT INTO fix_hour SELECT device, hour - interval '1 year', first_time, last_time, 1, 1, 0 "
    "FROM fix_hour WHERE device = 2": (
        {"hours": 1},
        ("van-2: hour 2025-11-19T11 has 0 fixes, its row says 1",),
    ),
    "UPDATE fix_day SET fixes = 6 WHERE device = 2": (
        {"days": 1},
        ("van-2: day 2026-11-19 has 5 fixes, its row says 6",),
    ),
    "UPDATE device SET position_time = NULL WHERE no = 2": (
        {"positions": 1},
        ("van-2: the newest fix is of 2026-11-19T11:00:05+00:00, the position is unknown",),
    ),
    "UPDATE device SET position_time = position_time - interval '2 s' WHERE no = 2": (
        {"positions": 1},
        (
            "van-2: the newest fix is of 2026-11-19T11:00:05+00:00, "
            "the position of 2026-11-19T11:00:03+00:00",
        ),
    ),
    "UPDATE device SET lat_e6 = 0 WHERE no = 2": (
        {"positions": 1},
        ("van-2: the newest fix is of 2026-11-19T11:00:05+00:00, the position is elsewhere",),
    ),
}
_FIGURES = ("duplicates", "unaccounted", "misplaced", "miscounted", "hours", "days", "positions")


def test_audit_of_a_damaged_database_finds_and_names_the_damage(database: FreshDatabase) -> None:
    """Each fault shows in its figures and in words; the database is not sound."""
    fill(database)
    with connect(database.dsn) as connection:
        for damage, (expected, words) in DAMAGES.items():
            connection.execute(damage)
            found = audit(connection)
            connection.rollback()
            figures = {name: count for name in _FIGURES if (count := asdict(found)[name])}
            assert (figures, found.faults) == (expected, words), damage
            assert not found.is_sound
        assert audit(connection).is_sound


def test_audit_finds_a_loss_that_a_repeat_would_hide(database: FreshDatabase) -> None:
    """One row lost and another doubled do not cancel out."""
    fill(database)
    database.run("DELETE FROM fix WHERE seq = 2 AND stream = 1")
    database.run("INSERT INTO fix SELECT * FROM fix WHERE seq = 3 AND stream = 1")
    found = found_in(database)
    assert (found.duplicates, found.unaccounted) == (1, 1)


def test_number_that_is_stored_in_two_weeks_is_found(database: FreshDatabase) -> None:
    """Weeks are counted one by one, and yet a number that is in two of them shows."""
    take(database, message(drive(1, 5, start_ms=START_MS - WEEK_MS)))
    take(database, message(drive(6, 9)))
    assert found_in(database) == Audit(devices=1, streams=1, fixes=9)
    database.run("UPDATE fix SET seq = 5 WHERE seq = 6")
    found = found_in(database)
    assert (found.duplicates, found.unaccounted) == (1, 1)
    assert "number 5 is stored 2 times" in found.faults[0]


def test_time_that_goes_back_is_told_and_is_no_fault(database: FreshDatabase) -> None:
    """A receiver whose clock is set back numbers on; nothing of ours is wrong."""
    take(database, message(drive(1, 64)))
    take(database, message(drive(65, 128, start_ms=START_MS - WEEK_MS)))
    take(database, message(drive(129, 192, start_ms=START_MS - 300_000)))
    found = found_in(database)
    assert found == Audit(devices=1, streams=1, fixes=192, turned=1)
    assert found.is_sound


def test_run_that_is_left_unfinished_is_told_as_missing(database: FreshDatabase) -> None:
    """A unit whose buffer was lost delivers a later run: what it had told of before is missing."""
    take(database, message(drive(1, 5), after=0, upto=5, newest=9))
    assert found_in(database).abandoned == 0
    take(database, message(drive(1, 2), stream=OTHER_STREAM))
    found = found_in(database)
    assert (found.abandoned, found.is_sound) == (4, True)
    assert database.rows("SELECT first_seq, last_seq, at_least FROM missing") == [(6, 9, True)]


def test_fixes_that_were_dropped_for_their_age_are_accounted_for(database: FreshDatabase) -> None:
    """What retention drops leaves day rows behind, and nothing unsound."""
    take(database, message(drive(1, 5, start_ms=START_MS - 10 * WEEK_MS)))
    take(database, message(drive(6, 9)))

    async def drop() -> int:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return (await maintain(connection, NOW, StorageConfig(keep_days=30))).fixes

    assert asyncio.run(drop()) == 5
    assert found_in(database) == Audit(devices=1, streams=1, fixes=4)
    with connect(database.dsn) as connection:
        connection.execute("UPDATE fix_day SET fixes = fixes + 1 WHERE day < '2026-11-01'")
        found = audit(connection)
        assert (found.days, found.is_sound) == (1, False)
        connection.rollback()
        connection.execute("DELETE FROM expired")
        assert audit(connection).unaccounted == 5


def test_audit_sees_one_moment_while_fixes_come(database: FreshDatabase) -> None:
    """What is committed after the first look is not seen by the second."""
    fill(database)
    with connect(database.dsn) as connection:
        before = audit(connection)
        take(database, message(drive(6, 9), device="van-2"))
        assert audit(connection) == before
    assert found_in(database) == replace(SOUND, fixes=19)


def test_audit_of_an_old_database_asks_for_migration(
    empty_database: FreshDatabase,
) -> None:
    """Tables of a later version are missing: that is `UNMADE`, which the command puts in words."""
    with connect(empty_database.dsn) as connection, pytest.raises(UNMADE):
        audit(connection)


def test_spans_hold_whole_days_and_each_day_once() -> None:
    """Parts that end within a day are joined with the next one; gaps between parts stay."""

    def at(day: int, hour: int = 0) -> datetime:
        return datetime(2026, 11, day, hour, tzinfo=UTC)

    parts = [
        (at(9), at(16)),
        (at(2), at(9)),
        (at(16), at(16, 12)),
        (at(16, 12), at(17)),
        (at(20), at(21)),
    ]
    assert joined(parts) == [
        Span(at(2), at(9)),
        Span(at(9), at(16)),
        Span(at(16), at(17)),
        Span(at(20), at(21)),
    ]
