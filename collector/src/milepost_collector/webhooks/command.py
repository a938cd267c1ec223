"""`milepost-collector webhooks`: subscriptions by hand, a test that sends at once, replays.

Exit codes: 0 done, 1 the receiver did not take the test, 2 a wrong command or a URL that is not
allowed.
"""

import asyncio
import sys
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig, database_dsn, read_config
from milepost_collector.store import feed, webhook_replays, webhooks
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.feed import Cursor
from milepost_collector.store.webhook_replays import DeadLetter
from milepost_collector.store.webhooks import KnownSecretError, UnknownWebhookError
from milepost_collector.webhooks.address import ForbiddenError, UrlError
from milepost_collector.webhooks.answer import Meaning
from milepost_collector.webhooks.choice import ChoiceError, checked_types, checked_vehicles
from milepost_collector.webhooks.message import SecretError, checked_secret, make_secret
from milepost_collector.webhooks.places import PlaceError, place_of
from milepost_collector.webhooks.telling import (
    account_lines,
    answer_lines,
    answer_told,
    as_json,
    dead_letter_lines,
    plain,
)

T = TypeVar("T")

_EXIT_NOT_TAKEN = 1
_MAX_ID = 2**31 - 1

ConfigPath = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Id = Annotated[
    int,
    typer.Argument(min=1, max=_MAX_ID, help="Its number, as `list` shows it.", metavar="ID"),
]
Secret = Annotated[
    str | None,
    typer.Option(
        help="`whsec_` and the Base64 of 24 to 64 bytes; `-`: a line of standard input. "
        "Without it we make one, and show it once."
    ),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="PLACE", help="`beginning`, a time, or an event's cursor."),
]

app = typer.Typer(
    help="Events pushed to the servers of others.", no_args_is_help=True, add_completion=False
)


class WebhookError(Exception):
    """A command cannot be done; the message says what to mend."""


# Whatever the person who types a command can mend.
_MENDABLE = (
    ChoiceError,
    ForbiddenError,
    KnownSecretError,
    PlaceError,
    SecretError,
    UnknownWebhookError,
    UrlError,
)


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent, by POST.")],
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only such events; `fence.`: all that begin so; repeatable."),
    ] = None,
    vehicles: Annotated[
        list[str] | None, typer.Option("--vehicle", help="Only of this vehicle; repeatable.")
    ] = None,
    secret: Secret = None,
    begin: From = None,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Send events to a URL from now on, or from an earlier place in the feed."""
    # httpx costs the other commands 0.1 s.
    from milepost_collector.webhooks.trial import check_url

    settings = read_config(config)

    async def work(database: AsyncDatabase) -> dict[str, Any]:
        wanted, whose = checked_types(types or ()), checked_vehicles(vehicles or ())
        used = _secret(secret)
        await check_url(url, settings.webhooks)
        after = await (place_of(database, begin) if begin else feed.end(database))
        number = await webhooks.add(
            database, url, used, types=wanted, vehicles=whose, after=after.number
        )
        shown = used if secret is None else None
        return {"id": number, "url": url, "types": wanted, "vehicles": whose, "secret": shown}

    told = _done(settings, work)
    lines = [f"webhook {told['id']} is added\n", *_secret_lines(told["secret"])]
    _say(as_json(told) if json else "".join(lines))


@app.command("list")
def list_(config: ConfigPath = None, json: AsJson = False) -> None:
    """Show all webhooks and how they stand."""
    accounts = _done(read_config(config), webhooks.accounts)
    _say(as_json({"webhooks": plain(accounts)}) if json else "".join(account_lines(accounts)))


@app.command()
def dead(
    webhook: Annotated[
        int | None, typer.Argument(min=1, max=_MAX_ID, help="Only of this one.", metavar="[ID]")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 100,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Show events that were given up."""

    async def work(database: AsyncDatabase) -> list[DeadLetter]:
        if webhook is not None:
            await webhooks.subscription(database, webhook)
        return await webhook_replays.dead_letters(database, webhook, limit)

    letters = _done(read_config(config), work)
    told = (
        as_json({"dead_letters": plain(letters)}) if json else "".join(dead_letter_lines(letters))
    )
    _say(told)


@app.command("test")
def try_receiver(
    url: Annotated[str, typer.Argument(help="A URL, or a webhook's number.", metavar="URL|ID")],
    secret: Secret = None,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Send a test event now, once; show the answer; exit with 1 where it was not taken."""
    from milepost_collector.webhooks.trial import try_out

    settings = read_config(config)
    where, secrets, cursor = url, [_mended(lambda: _secret(secret))], "beginning"
    if url.isascii() and url.isdigit():
        number = min(int(url[:10]), _MAX_ID)

        async def work(database: AsyncDatabase) -> tuple[webhooks.Subscription, Cursor]:
            return await webhooks.subscription(database, number), await feed.end(database)

        found, end = _done(settings, work)
        where, cursor = found.url, str(end)
        secrets = secrets if secret is not None else found.secrets
    trial = try_out(where, secrets, settings.webhooks, Clock(), cursor)
    answer = _mended(lambda: asyncio.run(trial))
    _say(as_json(answer_told(where, answer)) if json else "".join(answer_lines(where, answer)))
    if answer.meaning is not Meaning.TAKEN:
        sys.exit(_EXIT_NOT_TAKEN)


@app.command()
def replay(
    webhook: Id,
    events: Annotated[
        list[str] | None, typer.Option("--event", help="Only this event, by its id; repeatable.")
    ] = None,
    begin: From = None,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Send again: all dead letters, some events, or everything from a place in the feed on."""
    if events and begin:
        raise WebhookError("replay: give either --event or --from")

    async def work(database: AsyncDatabase) -> dict[str, Any]:
        if begin:
            after = await place_of(database, begin)
            looked_at = await webhook_replays.replay_from(database, webhook, after.number)
            return {"webhook": webhook, "looked_at": looked_at}
        if events:
            async with database.transaction():
                for event in [_event_id(text) for text in events]:
                    await webhook_replays.replay_event(database, webhook, event)
            return {"webhook": webhook, "queued": len(events)}
        return {"webhook": webhook, "queued": await webhook_replays.replay_dead(database, webhook)}

    told = _done(read_config(config), work)
    if json:
        _say(as_json(told))
    elif "queued" in told:
        _say(f"{told['queued']} events are queued again\n")
    else:
        _say(f"the newest {told['looked_at']} events of the feed are looked at again\n")


@app.command()
def rotate(
    webhook: Id,
    secret: Secret = None,
    overlap_h: Annotated[
        float, typer.Option(min=0, max=720, help="Hours that older secrets sign beside it.")
    ] = 24.0,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Sign with a new secret, for a while also with the one before."""

    async def work(database: AsyncDatabase) -> dict[str, Any]:
        used = _secret(secret)
        await webhooks.rotate(database, webhook, used, overlap_h * 3600)
        return {"webhook": webhook, "secret": used if secret is None else None}

    told = _done(read_config(config), work)
    lines = [f"webhook {webhook} signs with a new secret\n", *_secret_lines(told["secret"])]
    _say(as_json(told) if json else "".join(lines))


@app.command()
def enable(webhook: Id, config: ConfigPath = None) -> None:
    """Send again, on from where it ended."""
    _done(read_config(config), lambda database: webhooks.enable(database, webhook))
    _say(f"webhook {webhook} is enabled\n")


@app.command()
def disable(webhook: Id, config: ConfigPath = None) -> None:
    """Send nothing for now; what happens meanwhile is sent when it is enabled."""
    _done(read_config(config), lambda database: webhooks.disable(database, webhook, "by hand"))
    _say(f"webhook {webhook} is disabled\n")


@app.command()
def remove(webhook: Id, config: ConfigPath = None) -> None:
    """Remove a webhook with what waits for it, and its dead letters."""
    _done(read_config(config), lambda database: webhooks.remove(database, webhook))
    _say(f"webhook {webhook} is removed\n")


def _done(
    settings: CollectorConfig, work: Callable[[AsyncDatabase], Coroutine[None, None, T]]
) -> T:
    async def once() -> T:
        async with await connect_async(database_dsn(settings), autocommit=True) as database:
            return await work(database)

    return _mended(lambda: asyncio.run(once()))


def _mended(work: Callable[[], T]) -> T:
    """Do some work, and say in one line what to mend."""
    try:
        return work()
    except _MENDABLE as error:
        raise WebhookError(str(error)) from None


def _secret(text: str | None) -> str:
    if text is None:
        return make_secret()
    return checked_secret(sys.stdin.readline().strip() if text == "-" else text)


def _secret_lines(shown: str | None) -> list[str]:
    return [f"secret {shown}\nkeep it: it is not shown again\n"] if shown else []


def _event_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise WebhookError(f"--event {text!r} is no id of an event") from None


def _say(text: str) -> None:
    sys.stdout.write(text)
