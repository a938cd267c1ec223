"""Several intakes on one database: locked rows, shuffled and repeated batches."""

import asyncio
import random

import psycopg
import pytest

from milepost_collector.ingest.arrival import Message
from milepost_collector.ingest.transaction import Intake
from milepost_collector.store.audit import audit
from milepost_collector.store.connection import connect, connect_async
from tests.collector.batches import StoppedClock, drive, message, take
from tests.fixtures.servers import FreshDatabase

DEVICES = [f"van-{number}" for number in range(12)]
BATCHES = 8
SIZE = 5
LAST = BATCHES * SIZE
DEADLINE_S = 60.0


def test_take_leaves_a_held_row_for_the_next_round(database: FreshDatabase) -> None:
    """A unit whose row another transaction holds waits; the others of the round do not."""
    messages = [message(drive(1, 3), device=name) for name in ("van-1", "van-2")]
    take(database, *(message(device=name) for name in ("van-1", "van-2")))
    with psycopg.connect(database.dsn) as other:
        other.execute("SELECT FROM device WHERE device = 'van-1' FOR UPDATE")
        outcome = take(database, *messages)
        assert [address.device for address, _ in outcome.answers] == ["van-2"]
        assert outcome.left == messages[:1]
        assert outcome.fixes == 3
    outcome = take(database, *outcome.left)
    assert [ack.last_seq for _, ack in outcome.answers] == [3]
    assert database.value("SELECT count(*) FROM fix") == 6


@pytest.mark.parametrize("seed", [1, 2])
def test_take_by_four_at_once_stores_each_fix_once(database: FreshDatabase, seed: int) -> None:
    """Four intakes that get all batches, shuffled and repeated, store each fix exactly once."""
    chances = random.Random(seed)

    async def story() -> None:
        done: dict[str, int] = dict.fromkeys(DEVICES, 0)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(take_all(database, done, random.Random(chances.random())))
        assert done == dict.fromkeys(DEVICES, LAST)

    asyncio.run(story())
    rows = database.rows(
        "SELECT device.device, array_agg(seq ORDER BY seq) FROM fix JOIN device ON no = fix.device "
        "GROUP BY 1"
    )
    assert dict(rows) == {name: list(range(1, LAST + 1)) for name in DEVICES}
    with connect(database.dsn) as connection:
        found = audit(connection)
    assert found.is_sound
    assert (found.devices, found.fixes) == (len(DEVICES), len(DEVICES) * LAST)


async def take_all(database: FreshDatabase, done: dict[str, int], chances: random.Random) -> None:
    """Take random batches of all devices, as a broker may deliver them, until all are stored."""
    async with await connect_async(database.dsn, autocommit=True) as connection:
        intake = Intake(connection, StoppedClock())
        while min(done.values()) < LAST:
            outcome = await intake.take([some_batch(name, done[name], chances) for name in DEVICES])
            for address, ack in outcome.answers:
                assert ack.refused is None
                if ack.last_seq is not None:
                    done[address.device] = max(done[address.device], ack.last_seq)


def some_batch(device: str, acked: int, chances: random.Random) -> Message:
    """The batch that a unit would send next, or any other of its batches."""
    place = acked // SIZE if chances.random() < 0.6 else chances.randrange(BATCHES)
    first = min(place, BATCHES - 1) * SIZE + 1
    return message(drive(first, first + SIZE - 1), device=device, batch=place + 1)
