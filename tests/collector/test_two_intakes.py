"""Two intakes over one waiting room, as the program runs them."""

import asyncio
from dataclasses import replace

import pytest

from milepost_collector.ingest.transaction import MAX_FIXES, Intake
from milepost_collector.ingest.waiting import WaitingRoom
from milepost_collector.store.connection import LOST, connect_async
from milepost_schemas.batch import Previous
from tests.collector.batches import (
    OTHER_STREAM,
    START_MS,
    STREAM,
    StoppedClock,
    drive,
    message,
    only_ack,
    take,
)
from tests.fixtures.servers import FreshDatabase


def test_two_intakes_store_what_waits_once(database: FreshDatabase) -> None:
    """Whatever of a room the one takes, the other does not; together they take all."""
    room = WaitingRoom()
    for number in range(60):
        room.put(message(drive(1, 20), device=f"van-{number}"))

    async def lane() -> list[int | None]:
        stored: list[int | None] = []
        async with await connect_async(database.dsn, autocommit=True) as connection:
            intake = Intake(connection, StoppedClock())
            while messages := room.take(max_devices=7):
                outcome = await intake.take(messages)
                room.put_back(outcome.left)
                stored += [ack.last_seq for _, ack in outcome.answers]
        return stored

    async def both() -> list[int | None]:
        return [seq for lanes in await asyncio.gather(lane(), lane()) for seq in lanes]

    assert asyncio.run(both()) == [20] * 60
    assert database.value("SELECT count(*) FROM fix") == 60 * 20
    assert database.value("SELECT count(DISTINCT (device, seq)) FROM fix") == 60 * 20


def test_what_was_committed_before_the_database_is_lost_is_answered(
    plain_database: FreshDatabase,
) -> None:
    """A round of two transactions of which the second fails acknowledges the first."""
    size = 4096
    units = MAX_FIXES // size + 1
    fixes = drive(1, size, start_ms=START_MS - 5_000_000)
    messages = [message(fixes, device=f"van-{number}") for number in range(units)]

    async def story() -> tuple[int, int]:
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            intake = Intake(connection, StoppedClock())
            await intake.take([message(drive(1, 1, start_ms=START_MS), device="van-0", batch=1)])
            lost = asyncio.Event()

            # Watched, not replaced: between two transactions of one round no test can stand else.
            async def cut(read: object) -> object:
                if lost.is_set():
                    plain_database.rows("SELECT pg_terminate_backend(%s)", pid)
                lost.set()
                return await whole(read)  # type: ignore[arg-type]

            pid, whole = connection.info.backend_pid, intake._transact
            intake._transact = cut  # type: ignore[assignment, method-assign]
            outcome = await intake.take(messages)
            with pytest.raises(LOST):
                await intake.take(outcome.left)
            return len(outcome.answers), len(outcome.left)

    answered, left = asyncio.run(story())
    assert answered + left == units
    assert answered > 0
    assert left > 0


def test_stream_that_is_not_begun_has_no_row(database: FreshDatabase) -> None:
    """A batch that is behind what a restored database knows leaves nothing behind."""
    later = [replace(kept, seq=kept.seq + 10) for kept in drive(1, 3)]
    assert only_ack(take(database, message(later, stream=OTHER_STREAM))).last_seq is None
    named = message(drive(1, 3), stream=OTHER_STREAM, previous=Previous(STREAM, 5))
    assert only_ack(take(database, named)).last_seq is None
    assert database.value("SELECT count(*) FROM stream") == 0
    assert only_ack(take(database, message(drive(1, 3)))).last_seq == 3
    assert database.value("SELECT count(*) FROM stream") == 1
