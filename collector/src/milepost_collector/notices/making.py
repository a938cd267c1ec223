"""From events of the feed to notices: in one transaction with the move of the cursor."""

from collections.abc import Sequence

from milepost_collector.delivery.notices.deciding import Notice, notices_of
from milepost_collector.delivery.notices.told import happening_of, withdrawn_by
from milepost_collector.failpoint import Failpoint, passing
from milepost_collector.notices.preparing import Prepared
from milepost_collector.store import consumers, notice_people, notices
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.feed import Cursor, FeedEvent


async def take_in(
    database: AsyncDatabase,
    events: Sequence[FeedEvent],
    prepared: Prepared,
    *,
    now_ms: int,
    fresh_from_ms: int,
) -> Cursor:
    """Make the notices of some events, and move behind them; return where that is.

    Args:
        database: Of the one whose consumer it is.
        events: The next ones of the feed, in order; at least one.
        prepared: Rules and channels.
        now_ms: Our time, milliseconds since 1970.
        fresh_from_ms: What happened before tells nobody anything.
    """
    place = events[-1].cursor
    async with database.transaction():
        # In the order of the feed: what is taken back was told before.
        for found in events:
            if (withdrawn := withdrawn_by(found.event)) is not None:
                await notices.withdraw(database, [withdrawn])
                continue
            made = await _made(database, found, prepared, now_ms, fresh_from_ms)
            await notices.make(database, made, now_ms)
        await consumers.move(database, notices.CONSUMER, place)
        passing(Failpoint.NOTICES_MADE)
    return place


async def _made(
    database: AsyncDatabase, found: FeedEvent, prepared: Prepared, now_ms: int, fresh_from_ms: int
) -> list[Notice]:
    event = found.event
    if event.time_ms < fresh_from_ms or not prepared.rules.on(event.type):
        return []
    happening = happening_of(event)
    if happening is None:
        return []
    orders = await notice_people.orders_at(database, happening)
    return list(
        notices_of(
            happening,
            prepared.rules,
            orders,
            prepared.house,
            now_ms=now_ms,
            fresh_from_ms=fresh_from_ms,
        )
    )
