"""One round of the intake, against real databases of both kinds."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from milepost_collector.ingest.transaction import MAX_FIXES, Intake
from milepost_collector.store.connection import LOST, connect_async
from milepost_schemas.batch import NUMBER_ORDER, Gap, GapReason, Previous
from milepost_schemas.bits import golomb, packed, plain
from milepost_schemas.fix import Fix, KeptFix, instant
from milepost_schemas.message import seal_message
from tests.collector.batches import (
    NOW_MS,
    OTHER_STREAM,
    START_MS,
    STREAM,
    StoppedClock,
    drive,
    message,
    only_ack,
    raw_message,
    take,
)
from tests.fixtures.servers import FreshDatabase

DAY_MS = 86_400_000


def stored(database: FreshDatabase, device: str = "van-1") -> list[int]:
    """Return the stored numbers of a device, repeated ones repeated."""
    return [
        number
        for (number,) in database.rows(
            "SELECT seq FROM fix JOIN device ON no = fix.device WHERE device.device = %s "
            "ORDER BY seq",
            device,
        )
    ]


def counts(database: FreshDatabase) -> tuple[int, ...]:
    """Return last_seq, newest, fixes, thinned and missing of the only stream."""
    (row,) = database.rows("SELECT last_seq, newest, fixes, thinned, missing FROM stream")
    return row


def test_take_of_a_batch_stores_it_and_acks_its_last_number(database: FreshDatabase) -> None:
    """A batch's fixes are stored, counted and acknowledged by stream, batch and last number."""
    outcome = take(database, message(drive(1, 5), batch=7, newest=9))
    ack = only_ack(outcome)
    assert (ack.stream, ack.batch, ack.last_seq, ack.server_time_min) == (
        STREAM,
        7,
        5,
        NOW_MS // 60_000,
    )
    assert ack.refused is None
    assert outcome.answers[0][0].device == "van-1"
    assert outcome.fixes == 5
    assert stored(database) == [1, 2, 3, 4, 5]
    assert counts(database) == (5, 9, 5, 0, 0)


def test_take_stores_every_value_as_it_was_sent(database: FreshDatabase) -> None:
    """All that a fix holds is in the table at the resolution of the wire, unknown as NULL."""
    measured = (-1, -180_000_000, -20_000, 10_000, 359, 999, 255, 4, 65_535, True)
    full = Fix.of(NOW_MS - 1, measured)
    bare = Fix(NOW_MS, 90_000_000, 180_000_000)
    kept = (KeptFix(1, full, stands_for=2**31 - 1, hole=True), KeptFix(2, bare))
    take(database, message(kept))
    rows = database.rows(
        "SELECT time, seq, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths, "
        "satellites, kind, error_dm, date_repaired, stands_for, hole FROM fix ORDER BY seq"
    )
    assert rows == [
        (instant(NOW_MS - 1), 1, *measured, 2**31 - 1, True),
        (instant(NOW_MS), 2, 90_000_000, 180_000_000, *[None] * 5, 0, None, False, 1, False),
    ]


def test_take_of_a_repeated_batch_stores_nothing_and_acks(database: FreshDatabase) -> None:
    """A batch that came before is acknowledged with what is stored, and changes nothing."""
    take(database, message(drive(1, 5)))
    outcome = take(database, message(drive(1, 5), batch=2))
    assert (only_ack(outcome).last_seq, only_ack(outcome).batch) == (5, 2)
    assert outcome.fixes == 0
    assert stored(database) == [1, 2, 3, 4, 5]
    assert counts(database) == (5, 5, 5, 0, 0)


def test_take_of_an_overlapping_batch_stores_the_rest(database: FreshDatabase) -> None:
    """Of a batch that begins below what is stored only the rest is stored."""
    take(database, message(drive(1, 5)))
    outcome = take(database, message(drive(3, 8)))
    assert only_ack(outcome).last_seq == 8
    assert outcome.fixes == 3
    assert stored(database) == list(range(1, 9))
    assert counts(database) == (8, 8, 8, 0, 0)


def test_take_of_a_batch_beyond_what_is_stored_acks_null(database: FreshDatabase) -> None:
    """A batch that supposes more than is stored is not applied: the database is older."""
    take(database, message(drive(1, 5)))
    outcome = take(database, message(drive(7, 9)))
    assert only_ack(outcome).last_seq is None
    assert only_ack(outcome).refused is None
    assert stored(database) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("held", "acked"), [(5, 3), (6, None)])
def test_take_of_a_new_stream_checks_the_one_before(
    database: FreshDatabase, held: int, acked: int | None
) -> None:
    """A new stream waits until all that the unit supposes of its stream before is stored."""
    take(database, message(drive(1, 5)))
    following = message(
        drive(1, 3, start_ms=START_MS + 5000), stream=OTHER_STREAM, previous=Previous(STREAM, held)
    )
    assert only_ack(take(database, following)).last_seq == acked
    assert len(stored(database)) == 5 + (acked or 0)


def test_take_of_a_new_stream_after_an_unknown_one_acks_null(plain_database: FreshDatabase) -> None:
    """A unit that has an ack of a stream that the database never saw knows a newer database."""
    following = message(drive(1, 3), previous=Previous(OTHER_STREAM, 1))
    assert only_ack(take(plain_database, following)).last_seq is None
    assert stored(plain_database) == []


def test_take_of_a_rowless_batch_acks_and_moves_the_map(plain_database: FreshDatabase) -> None:
    """A batch that only carries `live` is acknowledged, and puts the vehicle on the map."""
    live = Fix(NOW_MS - 500, 48_100_000, 11_100_000)
    assert only_ack(take(plain_database, message(after=0, newest=40, live=live))).last_seq == 0
    assert plain_database.rows("SELECT position_time, lat_e6, lon_e6 FROM device") == [
        (instant(NOW_MS - 500), 48_100_000, 11_100_000)
    ]
    assert stored(plain_database) == []


def test_take_of_an_old_batch_leaves_the_newer_position(plain_database: FreshDatabase) -> None:
    """The position on the map never goes back in time."""
    take(plain_database, message(drive(1, 2), live=Fix(NOW_MS, 48_500_000, 11_500_000)))
    take(plain_database, message(drive(3, 5)))
    assert plain_database.value("SELECT position_time FROM device") == instant(NOW_MS)


def test_take_counts_gaps_and_thinned_numbers(database: FreshDatabase) -> None:
    """Each number of a batch is stored, in a gap with its reason, or counted as thinned."""
    fixes = tuple(kept for kept in drive(1, 10) if kept.seq in {1, 6, 9})
    gaps = (Gap(2, 4, GapReason.CUT), Gap(7, 7, GapReason.REFUSED))
    outcome = take(database, message(fixes, after=0, upto=10, gaps=gaps))
    assert only_ack(outcome).last_seq == 10
    assert counts(database) == (10, 10, 3, 3, 4)
    assert database.rows("SELECT first_seq, last_seq, reason FROM gap ORDER BY first_seq") == [
        (2, 4, GapReason.CUT),
        (7, 7, GapReason.REFUSED),
    ]


def test_take_of_an_overlapping_gap_records_the_rest(plain_database: FreshDatabase) -> None:
    """Of a gap that reaches below what is stored only the rest is recorded."""
    take(plain_database, message(drive(1, 5)))
    gaps = (Gap(4, 7, GapReason.CUT),)
    eight = drive(8, 8)
    take(plain_database, message(eight, after=3, gaps=gaps))
    assert plain_database.rows("SELECT first_seq, last_seq FROM gap") == [(6, 7)]
    assert counts(plain_database) == (8, 8, 6, 0, 2)


def test_take_puts_impossible_times_into_quarantine(database: FreshDatabase) -> None:
    """A GPS time over 400 days old or over an hour ahead is acknowledged and set apart."""
    good = KeptFix(1, Fix(NOW_MS - 400 * DAY_MS, 48_000_000, 11_000_000))
    old = KeptFix(2, Fix(NOW_MS - 400 * DAY_MS - 1, 48_000_000, 11_000_000))
    soon = KeptFix(3, Fix(NOW_MS + 3_600_000, 48_000_000, 11_000_000))
    ahead = KeptFix(4, Fix(NOW_MS + 3_600_001, 48_000_000, 11_000_000))
    farthest = KeptFix(5, Fix(2**47, 48_000_000, 11_000_000))
    outcome = take(database, message((good, old, soon, ahead, farthest)))
    assert only_ack(outcome).last_seq == 5
    assert stored(database) == [1, 3]
    assert database.rows("SELECT seq FROM fix_quarantine ORDER BY seq") == [(2,), (4,), (5,)]
    assert database.value("SELECT position_time FROM device") is None or (
        database.value("SELECT position_time FROM device") <= instant(NOW_MS + 3_600_000)
    )


def test_take_of_late_fixes_stores_them_in_their_weeks(database: FreshDatabase) -> None:
    """Fixes of two weeks back, and of both sides of a Monday's midnight, find their place."""
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    around = int(monday.timestamp() * 1000) - 3000
    assert only_ack(take(database, message(drive(1, 5, start_ms=around)))).last_seq == 5
    assert stored(database) == [1, 2, 3, 4, 5]
    if database.storage == "plain":
        assert database.rows(
            "SELECT tableoid::regclass::text, count(*) FROM fix GROUP BY 1 ORDER BY 1"
        ) == [("fix_20261026", 2), ("fix_20261102", 3)]


def test_take_from_a_wrong_shard_is_refused(plain_database: FreshDatabase) -> None:
    """A unit that speaks on another shard than its own is refused, and nothing is stored."""
    take(plain_database, message(drive(1, 3), shard=5))
    ack = only_ack(take(plain_database, message(drive(4, 6), shard=6)))
    assert (ack.refused, ack.last_seq) == ("shard", None)
    assert stored(plain_database) == [1, 2, 3]
    assert plain_database.rows("SELECT reason, detail FROM dead_letter") == [
        ("shard", "device van-1 is on shard 5, not 6")
    ]


def test_take_of_undecodable_bytes_keeps_them_once_and_counts(
    plain_database: FreshDatabase,
) -> None:
    """Bytes that are no batch are kept once a digest with their count, and get no answer."""
    payload = b"\xc1 no batch \x00"
    for _ in range(3):
        assert take(plain_database, raw_message(payload)).answers == []
    ((digest, topic, reason, kept, count),) = plain_database.rows(
        "SELECT digest, topic, reason, payload, count FROM dead_letter"
    )
    assert digest == hashlib.sha256(payload).digest()
    assert (topic, reason, kept, count) == ("milepost/v1/0/van-1/up", "malformed", payload, 3)


def test_take_of_an_unreadable_batch_with_a_number_refuses_it(
    plain_database: FreshDatabase,
) -> None:
    """A batch whose columns cannot be read is refused by stream and number."""
    payload = seal_message(1, STREAM, packed([golomb(11, NUMBER_ORDER), plain(0, 60)]))
    ack = only_ack(take(plain_database, raw_message(payload)))
    assert (ack.stream, ack.batch, ack.last_seq, ack.refused) == (STREAM, 12, None, "malformed")


def test_take_of_another_version_is_refused_as_such(plain_database: FreshDatabase) -> None:
    """A batch of a version that we do not speak is answered with the reason `version`."""
    payload = seal_message(2, STREAM, packed([golomb(11, NUMBER_ORDER)]) + b"whatever")
    ack = only_ack(take(plain_database, raw_message(payload)))
    assert (ack.batch, ack.refused) == (12, "version")


def test_take_of_undecodable_bytes_among_good_ones_stores_the_good(
    database: FreshDatabase,
) -> None:
    """What one unit sends badly costs the others of the round nothing."""
    outcome = take(
        database,
        message(drive(1, 3)),
        raw_message(b"\x00", device="van-2"),
        message(device="van-3"),
    )
    assert {address.device: ack.last_seq for address, ack in outcome.answers} == {
        "van-1": 3,
        "van-3": 0,
    }
    assert stored(database) == [1, 2, 3]


def test_take_of_an_unstorable_batch_fails_alone(database: FreshDatabase) -> None:
    """What the database refuses of one unit is refused to that unit; all others are stored."""
    database.run("ALTER TABLE fix ADD CONSTRAINT unlucky CHECK (lat_e6 <> 13)")
    bad = [replace(kept, fix=replace(kept.fix, lat_e6=13)) for kept in drive(1, 3)]
    outcome = take(
        database,
        message(drive(1, 3), device="van-1"),
        message(bad, device="van-2", batch=9),
        raw_message(b"\x00", device="van-3"),
        message(drive(1, 4), device="van-4"),
    )
    acks = {address.device: ack for address, ack in outcome.answers}
    assert {name: ack.last_seq for name, ack in acks.items()} == {
        "van-1": 3,
        "van-2": None,
        "van-4": 4,
    }
    assert (acks["van-2"].refused, acks["van-2"].batch) == ("unstorable", 9)
    assert outcome.fixes == 7
    assert (stored(database), stored(database, "van-2")) == ([1, 2, 3], [])
    reasons = database.rows("SELECT reason, count FROM dead_letter ORDER BY reason")
    assert reasons == [("malformed", 1), ("unstorable", 1)]


def test_take_after_a_week_was_dropped_makes_it_again(plain_database: FreshDatabase) -> None:
    """Fixes of a week whose partition was dropped meanwhile are stored, not refused."""

    async def story() -> None:
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            intake = Intake(connection, StoppedClock())
            await intake.take([message(drive(1, 3))])
            plain_database.run("DROP TABLE fix_20261116")
            outcome = await intake.take([message(drive(4, 6))])
            assert only_ack(outcome).last_seq == 6

    asyncio.run(story())
    assert stored(plain_database) == [4, 5, 6]


def test_take_of_more_than_a_transaction_holds_stores_all(plain_database: FreshDatabase) -> None:
    """A round with more fixes than one transaction takes is stored in several."""
    size = 4096
    units = MAX_FIXES // size + 2
    outcome = take(
        plain_database,
        *(
            message(drive(1, size, start_ms=START_MS - 5_000_000), device=f"van-{n}")
            for n in range(units)
        ),
    )
    assert [ack.last_seq for _, ack in outcome.answers] == [size] * units
    assert plain_database.value("SELECT count(*) FROM fix") == size * units


def test_take_without_a_database_raises_and_answers_nothing(
    plain_database: FreshDatabase,
) -> None:
    """A connection that is gone is told as lost, so that nobody gets an ack."""

    async def story() -> None:
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            plain_database.rows("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
            with pytest.raises(LOST):
                await Intake(connection, StoppedClock()).take([message(drive(1, 3))])

    asyncio.run(story())
    assert stored(plain_database) == []
