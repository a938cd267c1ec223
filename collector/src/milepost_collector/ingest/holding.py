"""Holding shards: leases kept, subscriptions after them.

A shard is subscribed to before it is claimed, and left after another has claimed it, so an orderly
change of hands misses no message. While the database is away nothing is renewed, and the
subscriptions stay as they are; what another holds by then is left, what nobody holds is claimed.
"""

import asyncio
from contextlib import suppress

import structlog

from milepost_collector.ingest.broker import Broker
from milepost_collector.ingest.shards import shards_to_take
from milepost_collector.store import leases
from milepost_collector.store.connection import AsyncDatabase

_log = structlog.get_logger(__name__)

RENEW_S = 2.0
_LEAVE_S = 0.5
_LEAVE_TRIES = 6

# Behind the moment at which another lapses, so that it is seen to have lapsed.
_BEHIND_S = 0.02


class Holding:
    """The shards of one collector.

    Args:
        owner: Its name among the collectors.
        broker: Where it subscribes.

    Attributes:
        held: The shards that it held when it looked last.
        begun: Set once it holds its share for the first time.
    """

    def __init__(self, owner: str, broker: Broker) -> None:
        self.held: frozenset[int] = frozenset()
        self.begun = asyncio.Event()
        self._owner = owner
        self._broker = broker
        self._is_leaving = False
        self._left = asyncio.Event()

    async def run(self, database: AsyncDatabase) -> None:
        """Renew, take and let go for ever.

        Raises:
            OperationalError, InterfaceError: The database is lost (`store.connection.LOST`).
        """
        await leases.listen(database)
        while True:
            is_up = self._broker.up.is_set()
            lapse_s = await self._round(database, takes=is_up and not self._is_leaving)
            if is_up:
                await leases.wait_for_change(database, min(RENEW_S, lapse_s + _BEHIND_S))
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(RENEW_S):
                        await self._broker.up.wait()

    async def leave(self, database: AsyncDatabase) -> None:
        """Let the others take everything, for a few seconds at the most, while `run` goes on."""
        self._is_leaving = True
        for _ in range(_LEAVE_TRIES):
            # Said again: a round of `run` that was under way may have said the opposite after us.
            await leases.renew(database, self._owner, takes=False)
            await leases.tell_others(database)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_S):
                    await self._left.wait()
                break
        else:
            _log.warning("Nobody takes these shards over.", shards=len(self.held))
        await leases.release(database, self._owner)

    async def _round(self, database: AsyncDatabase, *, takes: bool) -> float:
        """Do what there is to do; return the seconds until another collector lapses."""
        await leases.renew(database, self._owner, takes=takes)
        ended = await leases.end_dead_sessions(database)
        if ended:
            _log.warning("Sessions of a collector that stands still were ended.", sessions=ended)
        seen = await leases.look(database, self._owner)
        held = seen.held_by(self._owner)
        wanted = shards_to_take(seen.holders, seen.takers, self._owner)
        if wanted and await self._broker.subscribe(held.union(wanted)):
            claims = {shard: seen.holders[shard] for shard in wanted}
            held |= await leases.claim(database, self._owner, claims)
            await leases.tell_others(database)
        await self._broker.keep_only(held)
        if held != self.held:
            _log.info("Shards.", held=len(held), collectors=len(seen.takers))
        self.held = held
        if takes:
            self.begun.set()
        if self._is_leaving and not (held and seen.takers):
            self._left.set()
        return seen.lapse_s
