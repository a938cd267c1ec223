"""The audit finds what it is there for."""

from typing import LiteralString

from milepost_collector.store.audit import Audit, audit
from milepost_collector.store.connection import connect
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.fix import Fix, KeptFix
from tests.collector.batches import NOW_MS, OTHER_STREAM, drive, message, take
from tests.fixtures.servers import FreshDatabase


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
    assert found == Audit(2, 3, 15, 1, 0, 0, 0, 0)
    assert found.is_sound


def test_audit_of_an_empty_database_is_sound(database: FreshDatabase) -> None:
    """Where nothing is, nothing is wrong."""
    assert found_in(database) == Audit(0, 0, 0, 0, 0, 0, 0, 0)


DAMAGES: dict[LiteralString, tuple[int, int, int]] = {
    "INSERT INTO fix SELECT * FROM fix WHERE seq = 3 AND device = 1 AND stream = 1": (1, 0, 0),
    "INSERT INTO fix_quarantine SELECT *, now() FROM fix WHERE seq = 8": (1, 0, 0),
    "DELETE FROM fix WHERE seq = 7": (0, 1, 0),
    "DELETE FROM fix_quarantine": (0, 1, 0),
    "UPDATE stream SET missing = 0": (0, 2, 0),
    "UPDATE stream SET last_seq = 4 WHERE device = 2": (0, 1, 1),
    "UPDATE fix SET seq = 6 WHERE seq = 7": (1, 1, 0),
}


def test_audit_of_a_damaged_database_finds_the_damage(database: FreshDatabase) -> None:
    """Rows doubled, lost or beyond the end show in their figures; the database is not sound."""
    fill(database)
    with connect(database.dsn) as connection:
        for damage, expected in DAMAGES.items():
            connection.execute(damage)
            found = audit(connection)
            connection.rollback()
            assert (found.duplicates, found.unaccounted, found.misplaced) == expected, damage
            assert not found.is_sound
        assert audit(connection).is_sound


def test_audit_finds_a_loss_that_a_repeat_would_hide(database: FreshDatabase) -> None:
    """One row lost and another doubled do not cancel out."""
    fill(database)
    database.run("DELETE FROM fix WHERE seq = 2 AND stream = 1")
    database.run("INSERT INTO fix SELECT * FROM fix WHERE seq = 3 AND stream = 1")
    found = found_in(database)
    assert (found.duplicates, found.unaccounted) == (1, 1)


def test_run_that_is_left_unfinished_is_told_as_missing(database: FreshDatabase) -> None:
    """A unit whose buffer was lost delivers a later run: what it had told of before is missing."""
    take(database, message(drive(1, 5), after=0, upto=5, newest=9))
    assert found_in(database).abandoned == 0
    take(database, message(drive(1, 2), stream=OTHER_STREAM))
    found = found_in(database)
    assert (found.abandoned, found.is_sound) == (4, True)
    assert database.rows("SELECT first_seq, last_seq, at_least FROM missing") == [(6, 9, True)]
