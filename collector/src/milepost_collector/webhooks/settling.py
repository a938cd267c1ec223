"""Striking off what a receiver has taken: many events in one statement, while others are sent."""

import asyncio

from milepost_collector.store import webhook_queue
from milepost_collector.store.pool import Pool


class Settling:
    """Strikes off for one webhook.

    Args:
        pool: Connections.
        webhook: Whose queue.
    """

    def __init__(self, pool: Pool, webhook: int) -> None:
        self._pool = pool
        self._webhook = webhook
        self._numbers: list[int] = []
        self._some = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, number: int) -> None:
        """Have an event struck off soon."""
        self._numbers.append(number)
        self._empty.clear()
        self._some.set()

    async def done(self) -> None:
        """Wait until all is struck off that was added."""
        await self._empty.wait()

    async def run(self) -> None:
        """Strike off for ever."""
        while True:
            await self._some.wait()
            await self.flush()

    async def flush(self) -> None:
        """Strike off what was added.

        Raises:
            OperationalError, InterfaceError, PoolTimeout: The database is lost or busy.
        """
        self._some.clear()
        batch = self._numbers[:]
        if batch:
            async with self._pool.lend() as database:
                await webhook_queue.taken(database, self._webhook, batch)
            del self._numbers[: len(batch)]
        if self._numbers:
            self._some.set()
        else:
            self._empty.set()
