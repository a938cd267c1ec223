"""Connections for programs that answer many at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool, PoolTimeout

from milepost_collector.store.connection import OPTIONS, AsyncDatabase

__all__ = ["BUSY", "Pool"]

# Raised when no connection came free in time: the database is away or overloaded.
BUSY = PoolTimeout

_WAIT_S = 3.0

# Who asks for too much gets no answer, so that a few such questions do not take all connections.
_NO_LONGER = "-c statement_timeout=10s"


class Pool:
    """A few open connections, lent for a moment each.

    Args:
        dsn: The database.
        size: How many at the most.
    """

    def __init__(self, dsn: str, size: int = 8) -> None:
        self._pool = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=_WAIT_S,
            open=False,
            check=AsyncConnectionPool.check_connection,
            kwargs={"options": f"{OPTIONS} {_NO_LONGER}", "autocommit": True},
        )

    async def open(self) -> None:
        """Begin to connect; goes on in the background for ever."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[AsyncDatabase]:
        """Lend a connection.

        Raises:
            PoolTimeout: None came free within 3 s (`BUSY`).
        """
        async with self._pool.connection() as connection:
            yield connection
