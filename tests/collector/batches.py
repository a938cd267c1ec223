"""Messages as units send them, and the intake that takes them, for tests."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from milepost_collector.clock import Clock
from milepost_collector.ingest.arrival import Message
from milepost_collector.ingest.transaction import Intake, Outcome
from milepost_collector.store.connection import connect_async
from milepost_schemas.ack import Ack
from milepost_schemas.batch import Batch, Envelope, Gap, Previous, encode_batch
from milepost_schemas.fix import Fix, FixKind, KeptFix, milliseconds
from milepost_schemas.topics import Address, Channel
from tests.fixtures.servers import FreshDatabase

NOW = datetime(2026, 11, 19, 12, 0, 0, tzinfo=UTC)
NOW_MS = milliseconds(NOW)
START_MS = NOW_MS - 3_600_000

STREAM = b"stream-1"
OTHER_STREAM = b"stream-2"


class StoppedClock(Clock):
    """Stands at `NOW`, so that weeks and ages are the same in every run."""

    def now_ms(self) -> int:
        """Return `NOW` in milliseconds since 1970."""
        return NOW_MS


def drive(first: int, last: int, *, start_ms: int = START_MS) -> tuple[KeptFix, ...]:
    """The fixes `first` to `last` of a drive to the north: one a second, 10 m apart."""
    return tuple(
        KeptFix(
            number,
            Fix(
                start_ms + number * 1000,
                48_000_000 + number * 90,
                11_000_000,
                altitude_dm=5000,
                speed_dmps=100,
                course_deg=0,
                hdop_tenths=9,
                satellites=11,
                kind=FixKind.THREE_D,
            ),
        )
        for number in range(first, last + 1)
    )


def message(
    fixes: Sequence[KeptFix] = (),
    *,
    device: str = "van-1",
    shard: int = 0,
    stream: bytes = STREAM,
    batch: int = 1,
    after: int | None = None,
    upto: int | None = None,
    newest: int | None = None,
    gaps: tuple[Gap, ...] = (),
    previous: Previous | None = None,
    live: Fix | None = None,
) -> Message:
    """A batch as it comes from the broker; without more it speaks for exactly its fixes."""
    if after is None:
        after = fixes[0].seq - 1 if fixes else 0
    if upto is None:
        upto = fixes[-1].seq if fixes else after
    envelope = Envelope(
        stream,
        batch,
        after,
        upto,
        upto if newest is None else newest,
        gaps=gaps,
        live=live,
        previous=previous,
    )
    return raw_message(encode_batch(Batch(envelope, tuple(fixes))), device=device, shard=shard)


def raw_message(payload: bytes, *, device: str = "van-1", shard: int = 0) -> Message:
    """Any bytes on a unit's topic."""
    address = Address(shard, device)
    return Message(address, address.topic(Channel.UP), payload)


def take(database: FreshDatabase, *messages: Message) -> Outcome:
    """Take messages of different units in one round, over a connection of its own."""

    async def once() -> Outcome:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await Intake(connection, StoppedClock()).take(list(messages))

    return asyncio.run(once())


def only_ack(outcome: Outcome) -> Ack:
    """Return the one ack of a round."""
    ((_, ack),) = outcome.answers
    return ack
