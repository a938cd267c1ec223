"""`milepost-collector notices`: what became of notices, sending again, and who hears nothing.

Exit codes: 0 done, 2 a wrong command, or a notice or an order that there is not.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from milepost_collector.config import CollectorConfig, database_dsn, read_config
from milepost_collector.notices.telling import as_json, lines, listed
from milepost_collector.store import notice_accounts, notice_people
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.notice_accounts import UnknownNoticeError
from milepost_collector.store.notice_people import UnknownOrderError
from milepost_collector.store.notices import NoticeState

T = TypeVar("T")

_MAX_NUMBER = 2**63 - 1

ConfigPath = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]

app = typer.Typer(
    help="Messages to people, and what became of them.", no_args_is_help=True, add_completion=False
)


class NoticesError(Exception):
    """A command cannot be done; the message says what to mend."""


@app.command("list")
def list_(
    state: Annotated[NoticeState | None, typer.Option(help="Only those that stand so.")] = None,
    order: Annotated[str | None, typer.Option(help="Only of this order.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 100,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Show notices, the newest first, and how many of all stand how."""

    async def work(database: AsyncDatabase) -> tuple[Any, Any]:
        found = await notice_accounts.accounts(database, state=state, order=order, limit=limit)
        return found, await notice_accounts.counts(database)

    found, counts = _done(read_config(config), work)
    _say(as_json(listed(found, counts)) if json else "".join(lines(found, counts)))


@app.command()
def retry(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(min=1, max=_MAX_NUMBER, help="As `list` shows them.", metavar="NUMBER..."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Send again what failed, or what is unknown: then somebody may be told twice."""
    if bool(numbers) == failed:
        raise NoticesError("retry: give either numbers or --failed")

    async def work(database: AsyncDatabase) -> int:
        if failed:
            return await notice_accounts.send_failed_again(database)
        return await notice_accounts.send_again(database, list(dict.fromkeys(numbers or ())))

    count = _done(read_config(config), work)
    _say(as_json({"queued": count}) if json else f"{count} notices are sent again\n")


@app.command()
def optout(
    address: Annotated[
        str | None,
        typer.Argument(help="A phone number with `+`, or an e-mail address; `-`: a line of input."),
    ] = None,
    order: Annotated[str | None, typer.Option(help="Whoever waits for this order.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Tell them again.")] = False,
    config: ConfigPath = None,
    json: AsJson = False,
) -> None:
    """Tell somebody nothing any more, now and with later orders."""
    if (address is None) == (order is None):
        raise NoticesError("optout: give either an address or --order ID")
    given = [] if address is None else [_address(address)]

    async def work(database: AsyncDatabase) -> int:
        whose = given if order is None else await notice_people.addresses_of(database, order)
        change = notice_people.opt_in if remove else notice_people.opt_out
        return await change(database, whose)

    count = _done(read_config(config), work)
    words = "are told again" if remove else "are told nothing any more"
    _say(as_json({"changed": count}) if json else f"{count} addresses {words}\n")


def _address(text: str) -> str:
    """Return an address in the form in which it is compared; errors do not repeat it."""
    given = sys.stdin.readline().strip() if text == "-" else text.strip()
    if re.fullmatch(r"\+[1-9][0-9]{5,14}", given):
        return given
    if re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", given):
        return given.lower()
    raise NoticesError("optout: that is neither a phone number, as +4930123456, nor an e-mail")


def _done(
    settings: CollectorConfig, work: Callable[[AsyncDatabase], Coroutine[None, None, T]]
) -> T:
    async def once() -> T:
        async with await connect_async(database_dsn(settings), autocommit=True) as database:
            return await work(database)

    try:
        return asyncio.run(once())
    except (UnknownNoticeError, UnknownOrderError) as error:
        raise NoticesError(str(error)) from None


def _say(text: str) -> None:
    sys.stdout.write(text)
