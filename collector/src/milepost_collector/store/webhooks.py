"""Subscriptions: who is told of which events, with what secret, and how it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase

CHANNEL = "milepost_webhooks"


class UnknownWebhookError(LookupError):
    """There is no such webhook, or no such event for it."""


class KnownSecretError(ValueError):
    """A secret that is to be new is in use."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is needed to deliver.

    Attributes:
        id: Its number.
        url: Where to.
        secrets: What to sign with, the newest first.
        disabled_because: Why nothing is sent; None: it is.
        replays: Has changed when somebody else has changed the queue.
    """

    id: int
    url: str
    secrets: list[str]
    disabled_because: str | None
    replays: int


@dataclass(frozen=True, slots=True)
class Account:
    """How a subscription stands.

    Attributes:
        id: Its number.
        url: Where to.
        types: Without prefix; None: all.
        vehicles: None: all.
        disabled_because: Why nothing is sent; None: it is.
        delivered: How many events were taken.
        delivered_at: When the newest was.
        failing_since: Since when none is taken that was tried; None: it works.
        last_error: Of the newest failure, however long ago.
        waiting: Events in its queue.
        dead: Events that were given up.
        unqueued: Events of the feed that were not looked at yet.
        signatures: With how many secrets deliveries are signed.
    """

    id: int
    url: str
    types: list[str] | None
    vehicles: list[str] | None
    disabled_because: str | None
    delivered: int
    delivered_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    waiting: int
    dead: int
    unqueued: int
    signatures: int


async def add(
    connection: AsyncDatabase,
    url: str,
    secret: str,
    *,
    types: Sequence[str] | None,
    vehicles: Sequence[str] | None,
    after: int,
) -> int:
    """Add a subscription; return its number.

    Args:
        connection: In autocommit mode, as for all functions here.
        url: Where to.
        secret: What to sign with.
        types: Without prefix, or beginnings with a dot at the end; None: all.
        vehicles: None: all.
        after: Events behind this number of the feed.
    """
    async with connection.transaction():
        cursor = await connection.execute(
            "INSERT INTO webhook (url, types, vehicles, queued_to) VALUES (%s, %s, %s, %s) "
            "RETURNING id",
            (url, types, vehicles, after),
        )
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - an INSERT without condition has a row
        webhook: int = row[0]
        await connection.execute(
            "INSERT INTO webhook_secret (webhook, secret) VALUES (%s, %s)", (webhook, secret)
        )
        await _tell(connection)
    return webhook


async def subscriptions(connection: AsyncDatabase) -> list[Subscription]:
    """Return all subscriptions."""
    async with connection.cursor(row_factory=class_row(Subscription)) as cursor:
        await cursor.execute(
            "SELECT id, url, disabled_because, replays, ARRAY(SELECT secret FROM webhook_secret "
            "WHERE webhook = id AND (until IS NULL OR until > clock_timestamp()) "
            "ORDER BY until IS NOT NULL, made_at DESC) AS secrets FROM webhook ORDER BY id"
        )
        return await cursor.fetchall()


async def subscription(connection: AsyncDatabase, webhook: int) -> Subscription:
    """Return a subscription.

    Raises:
        UnknownWebhookError: There is none with this number.
    """
    for each in await subscriptions(connection):
        if each.id == webhook:
            return each
    raise _unknown(webhook)


async def accounts(connection: AsyncDatabase) -> list[Account]:
    """Return how all subscriptions stand."""
    async with connection.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            "SELECT id, url, types, vehicles, disabled_because, delivered, delivered_at, "
            "failing_since, last_error, "
            "(SELECT count(*) FROM webhook_delivery WHERE webhook = id AND dead_at IS NULL) "
            "AS waiting, "
            "(SELECT count(*) FROM webhook_delivery WHERE webhook = id AND dead_at IS NOT NULL) "
            "AS dead, "
            "greatest(0, (SELECT last_number FROM feed) - queued_to) AS unqueued, "
            "(SELECT count(*) FROM webhook_secret WHERE webhook = id "
            "AND (until IS NULL OR until > clock_timestamp())) AS signatures "
            "FROM webhook ORDER BY id"
        )
        return await cursor.fetchall()


async def remove(connection: AsyncDatabase, webhook: int) -> None:
    """Remove a subscription with all that waits for it, and its dead letters.

    Raises:
        UnknownWebhookError: There is none with this number.
    """
    await change(connection, webhook, "DELETE FROM webhook WHERE id = %(id)s", {})


async def disable(connection: AsyncDatabase, webhook: int, because: str) -> None:
    """Send nothing more; what is to be told waits, from the place that was reached.

    Raises:
        UnknownWebhookError: There is none with this number.
    """
    await change(
        connection,
        webhook,
        "UPDATE webhook SET disabled_because = coalesce(disabled_because, %(because)s) "
        "WHERE id = %(id)s",
        {"because": because},
    )


async def enable(connection: AsyncDatabase, webhook: int) -> None:
    """Send again, on from where it ended; what waits is due and its schedules begin anew.

    Raises:
        UnknownWebhookError: There is none with this number.
    """
    await change(
        connection,
        webhook,
        "WITH anew AS (UPDATE webhook_delivery SET attempts = 0, due_at = NULL, "
        "first_tried_at = NULL, queued_at = clock_timestamp() "
        "WHERE webhook = %(id)s AND dead_at IS NULL) "
        "UPDATE webhook SET disabled_because = NULL, failing_since = NULL, "
        "replays = replays + 1 WHERE id = %(id)s",
        {},
    )


async def rotate(connection: AsyncDatabase, webhook: int, secret: str, overlap_s: float) -> None:
    """Sign with a new secret, and with those before it for a while.

    Args:
        connection: In autocommit mode.
        webhook: Whose.
        secret: The new one.
        overlap_s: How long the others sign beside it.

    Raises:
        UnknownWebhookError: There is none with this number.
        KnownSecretError: It has this secret.
    """
    async with connection.transaction():
        await change(
            connection,
            webhook,
            "WITH older AS (UPDATE webhook_secret SET until = least(until, clock_timestamp() "
            "+ make_interval(secs => %(overlap)s)) WHERE webhook = %(id)s) "
            "UPDATE webhook SET replays = replays WHERE id = %(id)s",
            {"overlap": overlap_s},
        )
        await connection.execute(
            "DELETE FROM webhook_secret WHERE webhook = %s AND until <= clock_timestamp()",
            (webhook,),
        )
        try:
            await connection.execute(
                "INSERT INTO webhook_secret (webhook, secret) VALUES (%s, %s)", (webhook, secret)
            )
        except UniqueViolation:
            raise KnownSecretError(f"webhook {webhook} signs with this secret already") from None


async def change(
    connection: AsyncDatabase, webhook: int, statement: str, values: dict[str, object]
) -> None:
    """Change a subscription, and let those know who deliver to it.

    Args:
        connection: In autocommit mode, or in a transaction.
        webhook: Which; `id` in the statement.
        statement: What to do.
        values: Of its other places.

    Raises:
        UnknownWebhookError: The statement has changed nothing, there is none with this number.
    """
    async with connection.transaction():
        cursor = await connection.execute(statement.encode(), {"id": webhook, **values})
        if cursor.rowcount == 0:
            raise _unknown(webhook)
        await _tell(connection)


async def _tell(connection: AsyncDatabase) -> None:
    await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _unknown(webhook: int) -> UnknownWebhookError:
    return UnknownWebhookError(f"there is no webhook {webhook}")
