"""What units say of themselves: what waits for the table, and what the table makes of it."""

import asyncio
import itertools
import json
from typing import Any

import psycopg
import pytest

from milepost_collector.ingest.statuses import StatusRoom, UnitStatus, read_status
from milepost_collector.store.connection import connect_async
from milepost_collector.store.statuses import set_statuses
from milepost_schemas.topics import Address
from tests.fixtures.servers import FreshDatabase


def words(connection: int, *, online: bool, run: str = "aa", **more: Any) -> dict[str, Any]:
    """A status as the agent says it."""
    return {"online": online, "run": run, "connection": connection, **more}


BIRTH = words(1, online=True, fixes=7)
LATER_BIRTH = words(1, online=True, fixes=8)
GOODBYE = words(1, online=False, reason="stopped")
NEXT_BIRTH = words(2, online=True)
NEXT_WILL = words(2, online=False, reason="lost")


def put(database: FreshDatabase, *statuses: dict[str, Any], device: str = "van-1") -> set[str]:
    """Store statuses of a device one after the other."""

    async def story() -> set[str]:
        held: set[str] = set()
        async with await connect_async(database.dsn, autocommit=True) as connection:
            for status in statuses:
                held = await set_statuses(connection, {device: 3}, {device: status})
        return held

    return asyncio.run(story())


def stored(database: FreshDatabase) -> Any:
    """The words in the only row."""
    return database.value("SELECT status FROM device")


def through_a_room(*statuses: dict[str, Any]) -> list[dict[str, Any]]:
    """Let statuses of one unit wait together; return what is left to be stored, in order."""
    room = StatusRoom()
    for status in statuses:
        room.put(UnitStatus(Address(3, "van-1"), status))
    taken = []
    while found := room.take(10):
        taken += found
    return [status.words for status in taken]


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ([BIRTH], BIRTH),
        ([BIRTH, LATER_BIRTH], LATER_BIRTH),
        ([BIRTH, GOODBYE], BIRTH | GOODBYE),
        ([BIRTH, NEXT_BIRTH, GOODBYE], NEXT_BIRTH),
        ([BIRTH, GOODBYE, BIRTH], BIRTH | GOODBYE),
        ([NEXT_BIRTH, BIRTH], NEXT_BIRTH),
        ([BIRTH, words(1, online=True, run="bb")], words(1, online=True, run="bb")),
        ([GOODBYE], None),
        ([{"online": True}, {"online": False}], {"online": False}),
    ],
)
def test_status_in_the_table_is_of_the_newest_connection(
    plain_database: FreshDatabase, said: list[dict[str, Any]], after: dict[str, Any] | None
) -> None:
    """A late will, a late goodbye and a birth that comes again change nothing."""
    put(plain_database, *said)
    assert stored(plain_database) == after


def test_statuses_of_a_held_row_are_left_and_the_others_stored(
    plain_database: FreshDatabase,
) -> None:
    """Nobody waits for the row of one device."""
    put(plain_database, BIRTH)

    async def story() -> None:
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            both = {"van-1": GOODBYE, "van-2": BIRTH}
            assert await set_statuses(connection, dict.fromkeys(both, 3), both) == {"van-1"}

    with psycopg.connect(plain_database.dsn) as other:
        other.execute("SELECT FROM device FOR UPDATE")
        asyncio.run(story())
    rows = plain_database.rows("SELECT device, shard, status FROM device ORDER BY device")
    assert rows == [("van-1", 3, BIRTH), ("van-2", 3, BIRTH)]


@pytest.mark.parametrize("before", [(), (BIRTH,), (NEXT_BIRTH,), (BIRTH, GOODBYE)])
def test_statuses_that_wait_together_lead_to_the_same_row(
    plain_database: FreshDatabase, before: tuple[dict[str, Any], ...]
) -> None:
    """What the room leaves out would not have made a difference, whatever was stored before."""
    for said in itertools.permutations([BIRTH, GOODBYE, NEXT_BIRTH, NEXT_WILL]):
        after = []
        for statuses in (said, through_a_room(*said)):
            put(plain_database, *before, *statuses)
            after.append(stored(plain_database))
            plain_database.run("DELETE FROM device")
        assert after[0] == after[1], said


def test_room_holds_little_of_a_unit_that_says_much() -> None:
    """However often a unit comes and goes while the database is away, two statuses of it wait."""
    said = [words(n, online=is_on) for n in range(50) for is_on in (True, False)]
    assert through_a_room(*said) == said[-2:]
    assert len(through_a_room(*[words(n, online=False) for n in range(50)])) <= 4


def test_room_puts_back_before_what_has_come_meanwhile() -> None:
    """A status that could not be stored keeps its place in the order."""
    room = StatusRoom()
    address = Address(3, "van-1")
    room.put(UnitStatus(address, BIRTH))
    taken = room.take(1)
    room.put(UnitStatus(address, GOODBYE))
    room.put_back(taken)
    assert [status.words for status in room.take(1) + room.take(1)] == [BIRTH, GOODBYE]


def test_room_wakes_who_waits_for_a_status() -> None:
    """Waiting ends with the first status, and begins anew once all are taken."""

    async def story() -> None:
        room = StatusRoom()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(room.some(), 0.01)
        room.put(UnitStatus(Address(0, "a"), BIRTH))
        await asyncio.wait_for(room.some(), 30)
        room.put_back(room.take(1))
        await asyncio.wait_for(room.some(), 30)
        room.take(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(room.some(), 0.01)

    asyncio.run(story())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b'{"online": 1}',
        b'{"online": true, "note": "\\u0000"}',
        json.dumps({"online": True, "note": "x" * 5000}).encode(),
        b'{"online": true, "deep": ' + b"[" * 4000,
        b"\xff",
    ],
)
def test_status_that_is_none_is_not_read(payload: bytes) -> None:
    """Whatever is no small object with a yes or no is no status, and raises nothing."""
    assert read_status(Address(0, "a"), payload) is None


@pytest.mark.parametrize("depth", [*range(1, 30), *range(900, 1100)])
def test_nested_status_is_refused_before_it_is_written_again(depth: int) -> None:
    """Any depth is taken and can be written again, or is refused; none is an error."""
    inner = "[" * depth + "]" * depth
    status = read_status(Address(0, "van-1"), f'{{"online": true, "x": {inner}}}'.encode())
    assert (status is not None) == (depth < 16)
