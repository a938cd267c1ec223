"""`milepost-collector proof`: verify the chains of proofs; show, write out, erase proofs.

Exit codes: 0 done, 1 something was changed that was not to be, 2 a wrong command or file.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from milepost_collector.clock import Clock
from milepost_collector.config import database_dsn, read_config
from milepost_collector.delivery.source import Source
from milepost_collector.proof.heads import HeadsError, read_heads
from milepost_collector.proof.telling import (
    Verified,
    proof_lines,
    proofs_json,
    verified_json,
    verified_lines,
)
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.locking import By
from milepost_collector.store.proofs.erasing import erase_proofs, erase_proofs_of_order
from milepost_collector.store.proofs.reading import (
    DamagedProofError,
    UnknownProofError,
    proofs_of_stop,
)
from milepost_collector.store.proofs.verifying import KnownHead, differs, verify

T = TypeVar("T")

_EXIT_TAMPERED = 1

ConfigPath = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
OnlyPlan = Annotated[str | None, typer.Option("--plan", help="Only of this plan.")]

app = typer.Typer(
    help="Proofs of delivery: verify, show, write out, erase.",
    no_args_is_help=True,
    add_completion=False,
)


class ProofCommandError(Exception):
    """A command cannot be done; the message says what to mend."""


@app.command("verify")
def verify_(
    plan: OnlyPlan = None,
    heads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What `verify --json` said earlier, kept elsewhere: chains must have grown of it.",
        ),
    ] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Walk along every chain; exit with 1 where anything was changed, and name the first of it.

    What was erased, and is told by the chain, is counted: it was not tampered with.
    """
    known = [] if heads is None else _mended(lambda: read_heads(heads))

    async def work(database: AsyncDatabase) -> Verified:
        chains = [walked async for walked in verify(database, plan)]
        if plan is not None and not chains:
            raise UnknownProofError(f"there are no proofs of a plan {plan}")
        names = {chain.chain for chain in chains}
        wanted = [each for each in known if plan is None or each.chain in names]
        return Verified(chains, await _unlike(database, wanted))

    found = _done(config, work)
    sys.stdout.write(verified_json(found) if as_json else "".join(verified_lines(found)))
    if not found.is_sound:
        sys.exit(_EXIT_TAMPERED)


async def _unlike(database: AsyncDatabase, known: list[KnownHead]) -> dict[str, str]:
    """Return in what chains are not those that were noted."""
    found = [(each.chain, await differs(database, each)) for each in known]
    return {chain: told for chain, told in found if told is not None}


@app.command()
def show(
    stop: Annotated[str, typer.Argument(help="Its id.", metavar="STOP")],
    plan: OnlyPlan = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show the proofs of a stop: all that is stored of them, but for the pictures."""
    proofs = _done(config, lambda database: proofs_of_stop(database, stop, plan))
    if not proofs:
        where = "" if plan is None else f" of plan {plan}"
        raise ProofCommandError(f"there are no proofs of a stop {stop}{where}")
    sys.stdout.write(proofs_json(proofs) if as_json else "".join(map(proof_lines, proofs)))


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Made where it is missing.", metavar="DIR")],
    plan: OnlyPlan = None,
    stop: Annotated[str | None, typer.Option("--stop", help="Only of this stop.")] = None,
    config: ConfigPath = None,
) -> None:
    """Write proofs with their pictures, and the chains that bind them, into an empty folder."""
    # Pillow costs the other commands 0.1 s.
    from milepost_collector.proof.writing_out import write_out

    dsn = database_dsn(read_config(config))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProofCommandError(f"{folder} is there, and is no empty folder")

    async def work(database: AsyncDatabase) -> int:
        return await write_out(database, folder, plan, stop)

    try:
        count = _done_at(dsn, work)
    except OSError as error:
        told = f"{error.filename or folder}: {error.strerror}"
        raise ProofCommandError(told) from None
    sys.stdout.write(f"{count} proofs are in {folder}\n")


@app.command()
def erase(
    plan: Annotated[str | None, typer.Option("--plan", help="Of this plan's stops.")] = None,
    stop: Annotated[str | None, typer.Option("--stop", help="Of this stop alone.")] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="Of the stops where this order was proved.")
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Erase photos, signatures, names, notes and places, for good; the chain stays whole."""
    if (plan is None) == (order is None) or (order is not None and stop is not None):
        raise ProofCommandError(
            "proof erase: give either --plan PLAN, with or without --stop STOP, or --order ORDER"
        )
    by = By(Source.DISPATCHER, "proof erase", Clock().now())

    async def work(database: AsyncDatabase) -> int:
        if order is not None:
            return await erase_proofs_of_order(database, order, by)
        return await erase_proofs(database, str(plan), by, stop=stop)

    sys.stdout.write(f"{_done(config, work)} parts of proofs are erased\n")


def _done(config: Path | None, work: Callable[[AsyncDatabase], Coroutine[None, None, T]]) -> T:
    return _done_at(database_dsn(read_config(config)), work)


def _done_at(dsn: str, work: Callable[[AsyncDatabase], Coroutine[None, None, T]]) -> T:
    async def once() -> T:
        async with await connect_async(dsn, autocommit=True) as database:
            return await work(database)

    return _mended(lambda: asyncio.run(once()))


def _mended(work: Callable[[], T]) -> T:
    """Do some work, and say in one line what to mend."""
    try:
        return work()
    except (DamagedProofError, HeadsError, UnknownProofError) as error:
        raise ProofCommandError(str(error)) from None
