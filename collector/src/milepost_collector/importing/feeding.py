"""Streams of fixes to the intake, batch by batch, as units send them: no other way leads in.

The first batch is without fixes and asks what is stored of the stream, so that an import goes on
where one before it ended, and one that ended well adds nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from milepost_collector.backoff import Backoff
from milepost_collector.clock import Clock
from milepost_collector.importing.drives import Drive
from milepost_collector.ingest.arrival import Message
from milepost_collector.ingest.transaction import Intake, Outcome
from milepost_collector.store.connection import AsyncDatabase
from milepost_schemas.ack import Ack
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import MAX_BUDGET_BYTES, Want
from milepost_schemas.fix import milliseconds
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.topics import Address, Channel

# GPS time began then. What a file says of its dates is believed, for it cannot be asked again.
OLDEST_MS = milliseconds(datetime(1980, 1, 6, tzinfo=UTC))

# A transaction that takes a unit's batches holds its row for some milliseconds.
_HELD_FIRST_S = 0.02
_HELD_MAX_S = 0.5
_HELD_LIMIT_S = 30.0


class FeedError(Exception):
    """A drive cannot be stored; the message says why."""


@dataclass(frozen=True, slots=True)
class Fed:
    """What became of a drive.

    Attributes:
        stored_before: Fixes of it that had been taken already.
        added: Fixes that were stored now.
        quarantined: Fixes that were put aside now, because their times cannot be.
    """

    stored_before: int
    added: int
    quarantined: int


class Feeder:
    """Feeds drives to the database.

    Args:
        database: An open connection in autocommit mode that nobody else uses.
        clock: Our time.
        events: Whether events are made of what is stored.
    """

    def __init__(self, database: AsyncDatabase, clock: Clock, *, events: bool) -> None:
        self._intake = Intake(database, clock, oldest_ms=OLDEST_MS, events=events)
        self._clock = clock

    async def feed(self, address: Address, drive: Drive, step: Callable[[int], None]) -> Fed:
        """Store what is not stored yet of a drive.

        Args:
            address: Of its device, which is made if it is unknown.
            drive: The drive.
            step: Is told of so many more fixes that are stored.

        Raises:
            FeedError: It cannot be stored.
            OperationalError, InterfaceError: The database is lost or too busy (`connection.LOST`).
        """
        ack, _ = await self._sent(address, drive, batch=1, after=0, max_fixes=0)
        stored = before = ack
        step(before)
        added = 0
        while stored < len(drive.fixes):
            last_seq, outcome = await self._sent(address, drive, batch=2, after=stored)
            step(last_seq - stored)
            added += outcome.fixes
            stored = last_seq
        return Fed(before, added, stored - before - added)

    async def _sent(
        self, address: Address, drive: Drive, *, batch: int, after: int, max_fixes: int = MAX_FIXES
    ) -> tuple[int, Outcome]:
        """Send a batch until it is taken; return the number up to which the stream is stored."""
        want = Want(
            batch=batch,
            stream=drive.stream,
            after=after,
            newest=len(drive.fixes),
            max_fixes=max_fixes,
            budget_bytes=MAX_BUDGET_BYTES,
            previous=None,
            with_live=False,
        )
        _, payload = pack(want, drive.fixes[after : after + max_fixes], (), None)
        outcome = await self._taken(Message(address, address.topic(Channel.UP), payload))
        ((_, ack),) = outcome.answers
        return _told(ack, after), outcome

    async def _taken(self, message: Message) -> Outcome:
        begun_s = self._clock.monotonic_s()
        held = Backoff(_HELD_FIRST_S, _HELD_MAX_S)
        while True:
            outcome = await self._intake.take([message])
            if not outcome.left:
                return outcome
            if self._clock.monotonic_s() - begun_s > _HELD_LIMIT_S:
                device = message.address.device
                raise FeedError(f"another transaction holds device {device}; try again")
            await asyncio.sleep(held.failed())


def _told(ack: Ack, after: int) -> int:
    if ack.refused is not None:
        raise FeedError(f"refused: {ack.refused}")
    if ack.last_seq is None or ack.last_seq < after:
        raise FeedError("the database went back to an older state; try again")
    return ack.last_seq
