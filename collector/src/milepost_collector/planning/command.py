"""`milepost-collector plans`: plans from files, personal things erased, the record proved.

Exit codes: 0 done, 1 the record was tampered with, 2 a wrong command or file, or lines refused.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig, database_dsn, read_config
from milepost_collector.delivery.chain import Walked
from milepost_collector.delivery.source import Source
from milepost_collector.planning.drafts import Told
from milepost_collector.planning.files import FileError, read_file
from milepost_collector.planning.importing import Importer, Stored
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.erasing import Erased, EraseError, erase_order, erase_plans
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.rows import UnknownOrderError, UnknownPlanError
from milepost_collector.store.plans.verifying import verify as walk_all
from milepost_schemas.plan import PlanError
from milepost_schemas.plan.reader import Reader

T = TypeVar("T")

_EXIT_TAMPERED = 1
_EXIT_WRONG = 2

ConfigPath = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]

app = typer.Typer(help="Plans: routes of days.", no_args_is_help=True, add_completion=False)


class PlansError(Exception):
    """A command cannot be done; the message says what to mend."""


_MENDABLE = (EraseError, UnknownOrderError, UnknownPlanError)


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="JSON, GeoJSON or CSV; plain or gzip.", metavar="FILE...")
    ],
    config: ConfigPath = None,
    plan: Annotated[str | None, typer.Option(help="The plan, where a line says none.")] = None,
    vehicle: Annotated[str | None, typer.Option(help="Its vehicle, likewise.")] = None,
    day: Annotated[
        str | None, typer.Option("--date", help="Its day, likewise.", metavar="YYYY-MM-DD")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Its zone, likewise; else UTC.")] = None,
    recorded: Annotated[
        bool, typer.Option(help="Days gone by: in force from their beginning, not from now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Store plans, and tell what became of each line; exit with 2 where one was refused."""
    settings = read_config(config)
    given = {"plan": plan, "vehicle": vehicle, "date": day, "time_zone": time_zone}
    usual = {name: text for name, text in given.items() if text is not None}
    find = _finder(settings)

    async def work(database: AsyncDatabase) -> list[dict[str, Any]]:
        importer = Importer(database, Clock(), find, is_recorded=recorded)
        return [await _imported(importer, path, usual) for path in files]

    reports = _done(settings, work)
    if as_json:
        _say(json.dumps({"files": reports}) + "\n")
    else:
        for report in reports:
            _say("".join(_lines(report)))
    if any(report["error"] or report["refused"] for report in reports):
        sys.exit(_EXIT_WRONG)


async def _imported(importer: Importer, path: Path, usual: dict[str, str]) -> dict[str, Any]:
    stored: list[Stored] = []
    lines: list[Told] = []
    error = None
    try:
        drafts, lost = read_file(path, usual)
    except FileError as fault:
        error, drafts, lost = str(fault), [], []
    lines += lost
    for draft in drafts:
        plan, told = await importer.store(draft, path.name)
        stored += [plan] if plan else []
        lines += told
    refused = sum(1 for each in lines if each.why_refused)
    return {
        "file": str(path),
        "error": error,
        "plans": [asdict(each) for each in stored],
        "taken": len(lines) - refused,
        "refused": refused,
        "lines": [asdict(each) for each in sorted(lines, key=_in_order)],
    }


def _in_order(told: Told) -> tuple[bool, int]:
    number = told.line.partition(".")[0]
    return (True, int(number)) if number.isdigit() else (False, 0)


def _lines(report: dict[str, Any]) -> list[str]:
    """Return a report for people."""
    if report["error"]:
        return [f"{report['file']}: refused: {report['error']}\n"]
    said = []
    for line in report["lines"]:
        what = [f"{name} {line[name]}" for name in ("plan", "stop", "order") if line[name]]
        became = f"refused: {line['why_refused']}" if line["why_refused"] else "taken"
        said.append(f"{report['file']}:{line['line']}: {', '.join(what) or 'a line'}: {became}\n")
    for plan in report["plans"]:
        done = "made" if plan["is_new"] else f"{plan['changes']} changes"
        done = done if plan["is_new"] or plan["changes"] else "as it was"
        kept = f"; kept as they were: {', '.join(plan['kept'])}" if plan["kept"] else ""
        said.append(f"plan {plan['plan']}: {plan['stops']} stops, {done}{kept}\n")
    said.append(f"{report['file']}: {report['taken']} taken, {report['refused']} refused\n")
    return said


def _finder(settings: CollectorConfig) -> Callable[[str], tuple[float, float]] | None:
    if not settings.geocoder.kind:
        return None
    # geopy costs the other commands 0.1 s.
    from milepost_collector.planning.geocoder import Geocoder

    return Geocoder(settings.geocoder).find


@app.command()
def erase(
    config: ConfigPath = None,
    vehicle: Annotated[str | None, typer.Option(help="Only plans of this vehicle.")] = None,
    before: Annotated[
        str | None, typer.Option(help="Plans of days before this one.", metavar="YYYY-MM-DD")
    ] = None,
    order: Annotated[str | None, typer.Option(help="Only of this order.")] = None,
    as_json: AsJson = False,
) -> None:
    """Erase names, numbers, notes, addresses and places, for good; the record stays whole."""
    if (before is None) == (order is None) or (order and vehicle):
        raise PlansError("erase: give either --before DATE, with or without --vehicle, or --order")
    settings = read_config(config)
    by = By(Source.DISPATCHER, "plans erase", Clock().now())

    async def work(database: AsyncDatabase) -> Erased:
        if order is not None:
            return await erase_order(database, order, by)
        reader = Reader()
        day = reader.date(before, "--before")
        if reader.problems:
            raise PlansError(str(PlanError(reader.problems)))
        if day > by.at.date():
            raise PlansError(f"--before {day} is not over yet: what lies ahead needs its places")
        return await erase_plans(database, by, before=day, vehicle=vehicle)

    found = _done(settings, work)
    if as_json:
        _say(json.dumps(asdict(found)) + "\n")
        return
    kept = f"; kept, as they are still to be brought: {', '.join(found.kept)}" if found.kept else ""
    _say(
        f"erased: {found.rows} personal rows of {len(found.plans)} plans and "
        f"{len(found.orders)} orders{kept}\n"
    )


@app.command()
def verify(
    plan: Annotated[str | None, typer.Argument(help="Only this plan.", metavar="[PLAN]")] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Prove the record: every change is as it was written; exit with 1 where one is not."""

    async def work(database: AsyncDatabase) -> list[Walked]:
        return [each async for each in walk_all(database, plan)]

    found = _done(read_config(config), work)
    broken = [each for each in found if each.cause is not None]
    changes, erased = sum(e.changes for e in found), sum(e.erased for e in found)
    if as_json:
        told = {"intact": not broken, "changes": changes, "erased": erased}
        _say(json.dumps({**told, "chains": [asdict(each) for each in found]}) + "\n")
    else:
        for each in broken:
            _say(f"tampered: {each.chain}: change {each.broken_at}: {each.cause}\n")
        state = "tampered" if broken else "intact"
        _say(f"{state}: {len(found)} chains, {changes} changes, {erased} personal rows erased\n")
    if broken:
        sys.exit(_EXIT_TAMPERED)


def _done(
    settings: CollectorConfig, work: Callable[[AsyncDatabase], Coroutine[None, None, T]]
) -> T:
    async def once() -> T:
        async with await connect_async(database_dsn(settings), autocommit=True) as database:
            return await work(database)

    try:
        return asyncio.run(once())
    except _MENDABLE as error:
        raise PlansError(str(error)) from None


def _say(text: str) -> None:
    sys.stdout.write(text)
