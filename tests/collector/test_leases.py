"""The leases in the table: renewed in time or not at all, claimed once, sessions of dead ended."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from milepost_collector.store import leases
from milepost_collector.store.connection import LOST, AsyncDatabase, connect_async
from tests.fixtures.servers import FreshDatabase


def over(database: FreshDatabase, story: Callable[[AsyncDatabase], Awaitable[None]]) -> None:
    """Play a story over a connection."""

    async def play() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            await story(connection)

    asyncio.run(play())


def let_lapse(database: FreshDatabase, owner: str) -> None:
    """Make everything of a collector run out this moment."""
    database.run("UPDATE collector SET until = clock_timestamp() WHERE owner = %s", owner)
    database.run("UPDATE shard_lease SET until = clock_timestamp() WHERE owner = %s", owner)


def test_leases_begin_with_nobody_and_are_claimed_once(plain_database: FreshDatabase) -> None:
    """All 64 shards are free in a new database; two who saw them free do not both get one."""

    async def story(connection: AsyncDatabase) -> None:
        await leases.renew(connection, "a", takes=True)
        seen = await leases.look(connection, "a")
        assert seen.holders == (None,) * 64
        assert seen.takers == {"a"}
        assert await leases.claim(connection, "a", {0: None, 1: None}) == {0, 1}
        assert await leases.claim(connection, "b", {1: None, 2: None}) == {2}
        assert await leases.claim(connection, "b", {0: "a"}) == {0}
        seen = await leases.look(connection, "a")
        assert seen.held_by("a") == {1}
        assert seen.held_by("b") == {0, 2}

    over(plain_database, story)


def test_lease_that_ran_out_is_not_renewed_and_is_free(plain_database: FreshDatabase) -> None:
    """Who comes late has lost its shards, until it claims them as anybody may."""

    async def story(connection: AsyncDatabase) -> None:
        await leases.renew(connection, "a", takes=True)
        await leases.claim(connection, "a", {0: None, 1: None})
        let_lapse(plain_database, "a")
        seen = await leases.look(connection, "b")
        assert not seen.held_by("a")
        assert not seen.takers
        await leases.renew(connection, "a", takes=True)
        assert (await leases.look(connection, "a")).held_by("a") == frozenset()
        assert await leases.claim(connection, "a", {0: "a"}) == frozenset()
        assert await leases.claim(connection, "a", {0: None}) == {0}

    over(plain_database, story)


def test_lease_is_renewed_for_six_seconds_of_the_server(plain_database: FreshDatabase) -> None:
    """A renewal in time moves the end of every lease, by the clock of the server."""

    async def story(connection: AsyncDatabase) -> None:
        await leases.renew(connection, "a", takes=True)
        await leases.claim(connection, "a", dict.fromkeys(range(64)))
        plain_database.run("UPDATE shard_lease SET until = until - interval '5 s'")
        await leases.renew(connection, "a", takes=False)
        left = "SELECT extract(epoch FROM min(until) - clock_timestamp()) FROM shard_lease"
        assert 5 < plain_database.value(left) <= 6
        seen = await leases.look(connection, "b")
        assert seen.takers == frozenset()
        assert len(seen.held_by("a")) == 64
        assert 5 < seen.lapse_s <= 6

    over(plain_database, story)


def test_release_frees_all_shards_of_one(plain_database: FreshDatabase) -> None:
    """Who ends in order leaves nothing that has to run out first."""

    async def story(connection: AsyncDatabase) -> None:
        await leases.claim(connection, "a", {0: None})
        await leases.claim(connection, "b", {1: None})
        await leases.release(connection, "a")
        assert (await leases.look(connection, "b")).holders[:3] == (None, "b", None)

    over(plain_database, story)


def test_claim_passes_over_a_row_that_is_being_changed(plain_database: FreshDatabase) -> None:
    """Nobody waits for a collector that stands still in the middle of a claim."""

    async def story(connection: AsyncDatabase) -> None:
        with psycopg.connect(plain_database.dsn) as other:
            other.execute("UPDATE shard_lease SET owner = 'b' WHERE shard = 0")
            assert await leases.claim(connection, "a", {0: None, 1: None}) == {1}

    over(plain_database, story)


@pytest.mark.parametrize("is_late", [True, False])
def test_sessions_are_ended_of_one_that_is_late_only(
    plain_database: FreshDatabase, is_late: bool
) -> None:
    """A session that holds rows is ended once its owner is late, and not before.

    Sessions of other programs, and those that the owner opens when it is awake again, live on.
    """

    async def story(connection: AsyncDatabase) -> None:
        name = leases.session_name("a")
        paused = await connect_async(plain_database.dsn, autocommit=True, session=name)
        await leases.renew(connection, "a", takes=True)
        if is_late:
            let_lapse(plain_database, "a")
        awake = await connect_async(plain_database.dsn, autocommit=True, session=name)
        assert await leases.end_dead_sessions(connection) == is_late
        await awake.execute("SELECT 1")
        if is_late:
            with pytest.raises(LOST):
                await paused.execute("SELECT 1")
        else:
            await paused.execute("SELECT 1")
        await awake.close()
        await paused.close()

    over(plain_database, story)


def test_change_wakes_who_waits_for_it(plain_database: FreshDatabase) -> None:
    """A release is heard at once, not when the time has come."""

    async def story(connection: AsyncDatabase) -> None:
        await leases.listen(connection)
        other = await connect_async(plain_database.dsn, autocommit=True)
        async with other, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(leases.wait_for_change(connection, 60))
            tasks.create_task(leases.release(other, "a"))

    over(plain_database, story)
