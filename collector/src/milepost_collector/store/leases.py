"""The leases of shards: renewed, looked at, claimed and released, by the server's clock alone.

Each is one statement that commits by itself, so a collector that is paused between two of them
holds no row that another waits for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from milepost_collector.store.connection import AsyncDatabase

LEASE_S = 6

SESSIONS = "milepost-ingest-"
_CHANNEL = "milepost_leases"


@dataclass(frozen=True, slots=True)
class Leases:
    """What the table says at one moment.

    Attributes:
        holders: Who holds each shard, from shard 0 on; None: nobody, or somebody too late.
        takers: Who is alive and takes shards.
        lapse_s: Seconds until the first of the others is dead unless it renews.
    """

    holders: tuple[str | None, ...]
    takers: frozenset[str]
    lapse_s: float

    def held_by(self, owner: str) -> frozenset[int]:
        """Return the shards of one collector."""
        return frozenset(shard for shard, holder in enumerate(self.holders) if holder == owner)


def session_name(owner: str) -> str:
    """Return the application name by which the sessions of a collector are known."""
    return f"{SESSIONS}{owner}"


async def renew(connection: AsyncDatabase, owner: str, *, takes: bool) -> None:
    """Say that a collector lives, and renew those of its leases that have not run out.

    Args:
        connection: In autocommit mode, as for all functions here.
        owner: The collector.
        takes: Whether it wants shards.
    """
    await connection.execute(
        "WITH alive AS (INSERT INTO collector (owner, until, takes) "
        "VALUES (%(owner)s, clock_timestamp() + make_interval(secs => %(lease)s), %(takes)s) "
        "ON CONFLICT (owner) DO UPDATE SET until = excluded.until, takes = excluded.takes) "
        "UPDATE shard_lease SET until = clock_timestamp() + make_interval(secs => %(lease)s) "
        "WHERE owner = %(owner)s AND until > clock_timestamp()",
        {"owner": owner, "takes": takes, "lease": LEASE_S},
    )


async def end_dead_sessions(connection: AsyncDatabase) -> int:
    """End the sessions of collectors that did not renew in time; return how many.

    A process that stands still keeps its locks, and no timeout frees one stopped inside COPY. A
    session that was begun after its owner was late belongs to one that is awake again.
    """
    await connection.execute(
        "DELETE FROM collector WHERE until < clock_timestamp() - interval '10 minutes'"
    )
    cursor = await connection.execute(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(session.pid)) "
        "FROM pg_stat_activity AS session "
        "LEFT JOIN collector ON session.application_name = %(sessions)s || collector.owner "
        "WHERE starts_with(session.application_name, %(sessions)s) "
        "AND session.datname = current_database() AND session.usename = current_user "
        "AND session.pid <> pg_backend_pid() "
        "AND (collector.until IS NULL OR collector.until < clock_timestamp()) "
        "AND session.backend_start < coalesce(collector.until, "
        "clock_timestamp() - make_interval(secs => %(lease)s))",
        {"sessions": SESSIONS, "lease": LEASE_S},
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


async def look(connection: AsyncDatabase, owner: str) -> Leases:
    """Return who holds what, as seen by one collector."""
    cursor = await connection.execute(
        "SELECT CASE WHEN until > clock_timestamp() THEN owner END FROM shard_lease ORDER BY shard"
    )
    holders = tuple([holder async for (holder,) in cursor])
    cursor = await connection.execute(
        "SELECT owner, takes, extract(epoch FROM until - clock_timestamp())::float8 "
        "FROM collector WHERE until > clock_timestamp()"
    )
    alive = await cursor.fetchall()
    return Leases(
        holders,
        frozenset(name for name, takes, _ in alive if takes),
        min((left_s for name, _, left_s in alive if name != owner), default=float(LEASE_S)),
    )


async def claim(
    connection: AsyncDatabase, owner: str, seen: Mapping[int, str | None]
) -> frozenset[int]:
    """Take shards from those who were seen to hold them; return the ones that we got.

    Args:
        connection: In autocommit mode.
        owner: The collector that takes.
        seen: The holder of each shard as it was looked at; where another holds it by now, or is
            just changing it, nothing is taken.
    """
    cursor = await connection.execute(
        "WITH wanted AS (SELECT lease.shard FROM shard_lease AS lease "
        "JOIN unnest(%s::smallint[], %s::text[]) AS seen (shard, holder) USING (shard) "
        "WHERE CASE WHEN lease.until > clock_timestamp() THEN lease.owner END "
        "IS NOT DISTINCT FROM seen.holder ORDER BY shard FOR UPDATE OF lease SKIP LOCKED) "
        "UPDATE shard_lease "
        "SET owner = %s, until = clock_timestamp() + make_interval(secs => %s) "
        "FROM wanted WHERE shard_lease.shard = wanted.shard RETURNING shard_lease.shard",
        (list(seen), list(seen.values()), owner, LEASE_S),
    )
    return frozenset([shard async for (shard,) in cursor])


async def release(connection: AsyncDatabase, owner: str) -> None:
    """Give up all shards of a collector."""
    await connection.execute(
        "UPDATE shard_lease SET owner = NULL, until = '-infinity' WHERE owner = %s", (owner,)
    )
    await tell_others(connection)


async def listen(connection: AsyncDatabase) -> None:
    """Begin to hear of changes."""
    await connection.execute(f"LISTEN {_CHANNEL}".encode())


async def tell_others(connection: AsyncDatabase) -> None:
    """Let all collectors look at once."""
    await connection.execute("SELECT pg_notify(%s, '')", (_CHANNEL,))


async def wait_for_change(connection: AsyncDatabase, timeout_s: float) -> None:
    """Wait until a collector has changed something, or for so long."""
    async for _ in connection.notifies(timeout=timeout_s, stop_after=1):
        pass
