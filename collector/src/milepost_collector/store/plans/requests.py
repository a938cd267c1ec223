"""Requests that came with a key: what they were answered, so that a repeat is answered the same."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import lock_plans

# Nobody repeats a request after that.
_KEPT = "7 days"


class KeyReusedError(ValueError):
    """A key came with another request before."""


async def once(
    database: AsyncDatabase,
    key: str,
    asked: bytes,
    at: datetime,
    work: Callable[[], Awaitable[tuple[int, str]]],
) -> tuple[int, str]:
    """Do some work, unless the same request has had it done; return its status and answer.

    What fails is not kept: a repeat tries it again.

    Args:
        database: In autocommit mode.
        key: As the client gives it.
        asked: A digest of the whole request.
        at: Our time.
        work: Works on the same connection; returns an HTTP status and an answer, which holds
            nothing personal.

    Raises:
        KeyReusedError: The key came with another request.
    """
    async with database.transaction():
        await lock_plans(database)
        cursor = await database.execute(
            "SELECT digest, status, answer FROM plan_request WHERE key = %s", (key,)
        )
        row = await cursor.fetchone()
        if row is not None:
            digest, status, answer = row
            if bytes(digest) != asked:
                raise KeyReusedError(f"the key {key!r} came with another request")
            return status, answer
        status, answer = await work()
        await database.execute(
            f"DELETE FROM plan_request WHERE at < %s - interval '{_KEPT}'",  # noqa: S608 - ours
            (at,),
        )
        await database.execute(
            "INSERT INTO plan_request (key, digest, status, answer, at) "
            "VALUES (%s, %s, %s, %s, %s)",
            (key, asked, status, answer, at),
        )
        return status, answer
