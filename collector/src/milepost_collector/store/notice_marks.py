"""What becomes of a notice: held, dropped, on its way, and what its call has come to.

A call is known by the notice's number and the number of the try, so that what comes of an old one
changes nothing of a newer one. Only what has not ended changes; `unknown` still may.
"""

from collections.abc import Collection

from milepost_collector.delivery.notices.deciding import Dropped
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.notices import Waiting
from milepost_schemas.fix import instant


async def hold(database: AsyncDatabase, number: int, until_ms: int) -> None:
    """Let a notice wait until then, our time."""
    await database.execute(
        "UPDATE notice SET held_to = %s, changed_at = clock_timestamp() "
        "WHERE number = %s AND state = 'waiting'",
        (instant(until_ms), number),
    )


async def drop(database: AsyncDatabase, number: int, why: Dropped) -> None:
    """Give a notice up before it was sent."""
    await database.execute(
        "UPDATE notice SET state = 'dropped', reason = %s, changed_at = clock_timestamp() "
        "WHERE number = %s AND state = 'waiting'",
        (why, number),
    )


async def mark_sending(database: AsyncDatabase, waiting: Waiting, now_ms: int) -> bool:
    """Say that a notice is about to be sent; only after this is committed may it be.

    Returns:
        Whether it is ours to send: nobody has changed it since it was read.
    """
    cursor = await database.execute(
        "UPDATE notice SET state = 'sending', reason = NULL, tries = tries + 1, told_at = %s, "
        "held_to = NULL, changed_at = clock_timestamp() "
        "WHERE number = %s AND state = 'waiting' AND tries = %s",
        (instant(now_ms), waiting.number, waiting.tries),
    )
    return cursor.rowcount == 1


async def mark_sent(database: AsyncDatabase, number: int, tries: int) -> None:
    """Store that a call succeeded.

    Args:
        database: An open connection.
        number: The notice's.
        tries: The number of the call: one that somebody has repeated since says nothing any more.
    """
    await database.execute(
        "UPDATE notice SET state = 'sent', reason = NULL, failures = 0, retry_at = NULL, "
        "changed_at = clock_timestamp() WHERE number = %s AND tries = %s",
        (number, tries),
    )


async def mark_unsent(
    database: AsyncDatabase, number: int, tries: int, reason: str, delay_s: float | None
) -> None:
    """Store that a call has certainly sent nothing.

    Args:
        database: An open connection.
        number: The notice's.
        tries: The number of the call.
        reason: Why; nothing personal, no secret.
        delay_s: Until the next one; None: it is given up.
    """
    await database.execute(
        "UPDATE notice SET state = CASE WHEN %(delay)s::float8 IS NULL THEN 'failed' "
        "ELSE 'waiting' END, reason = %(reason)s, told_at = NULL, failures = failures + 1, "
        "retry_at = clock_timestamp() + make_interval(secs => %(delay)s::float8), "
        "changed_at = clock_timestamp() "
        "WHERE number = %(number)s AND tries = %(tries)s AND state IN ('sending', 'unknown')",
        {"delay": delay_s, "reason": reason, "number": number, "tries": tries},
    )


async def mark_unknown(database: AsyncDatabase, number: int, tries: int, reason: str) -> None:
    """Store that nobody can say whether a call has sent anything."""
    await database.execute(
        "UPDATE notice SET state = 'unknown', reason = %s, changed_at = clock_timestamp() "
        "WHERE number = %s AND tries = %s AND state IN ('sending', 'unknown')",
        (reason, number, tries),
    )


async def recover(
    database: AsyncDatabase, repeatable: Collection[str], in_flight: Collection[int]
) -> int:
    """Say of what a process left behind that it is unknown; return how many notices that are.

    Args:
        database: Of the one who sends now.
        repeatable: Channels whose providers know a repeat by its key: there it is sent again.
        in_flight: What we ourselves are still calling about.
    """
    await database.execute(
        "UPDATE notice SET state = 'waiting', changed_at = clock_timestamp() "
        "WHERE state = 'sending' AND channel = ANY(%s) AND number <> ALL(%s)",
        (list(repeatable), list(in_flight)),
    )
    cursor = await database.execute(
        "UPDATE notice SET state = 'unknown', reason = %s, changed_at = clock_timestamp() "
        "WHERE state = 'sending' AND number <> ALL(%s)",
        ("the program ended during the call", list(in_flight)),
    )
    return cursor.rowcount
