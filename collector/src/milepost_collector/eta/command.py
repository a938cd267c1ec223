"""`milepost-collector eta`: how forecasts would have done on past days."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from milepost_collector.config import database_dsn, read_config
from milepost_collector.delivery.eta.backtest import backtest as run_backtest
from milepost_collector.delivery.eta.day import Day
from milepost_collector.eta.errors import EtaError
from milepost_collector.eta.folder import read_days
from milepost_collector.eta.stored import stored_days
from milepost_collector.eta.telling import report_json, report_lines
from milepost_collector.exporting import moment

# Without --learn so many calendar days of all are learned.
_LEARNED_SHARE = 0.6

app = typer.Typer(
    help="When vehicles will be at their stops: how forecasts did.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _eta() -> None:
    """Keep `backtest` a command of its own although it is the only one."""


@app.command()
def backtest(
    days: Annotated[
        Path | None, typer.Option(help="A folder as `milepost-sim day` writes it; or of such.")
    ] = None,
    begin: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="TIME", help="Stored days, from this on."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", parser=moment, metavar="TIME", help="Stored days, until before this."),
    ] = None,
    learn: Annotated[
        int | None,
        typer.Option(min=0, metavar="DAYS", help="Calendar days to learn from first; else 60 %."),
    ] = None,
    every: Annotated[
        float, typer.Option(min=1.0, metavar="SECONDS", help="How far forecasts are apart.")
    ] = 60.0,
    coverage: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="Share of arrivals to be held by intervals.")
    ] = 0.8,
    config: Annotated[Path | None, typer.Option("--config", help="The TOML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures there too, as JSON.", metavar="FILE")
    ] = None,
) -> None:
    """Forecast the stops of past days, having learned from the days before; print the errors.

    Days come from a folder (--days) or from the database (--from and --to).
    """
    found = _days(days, begin, end, config)
    numbers = sorted({day.number for day in found})
    learned = round(_LEARNED_SHARE * len(numbers)) if learn is None else learn
    if learned >= len(numbers):
        raise EtaError(
            f"eta backtest: there are {len(numbers)} calendar days and {learned} are to be learned:"
            " none is left to forecast"
        )
    figures = run_backtest(found, learned, coverage=coverage, every_s=every)
    told = msgspec.json.format(msgspec.json.encode(report_json(figures)), indent=2).decode()
    if report is not None:
        _write(report, told)
    lines = [told] if as_json else report_lines(figures)
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _days(
    folder: Path | None, begin: datetime | None, end: datetime | None, config: Path | None
) -> Sequence[Day]:
    if folder is not None and begin is None and end is None:
        return list(read_days(folder))
    if folder is None and begin is not None and end is not None:
        if begin >= end:
            raise EtaError("eta backtest: --to is not after --from")
        return stored_days(database_dsn(read_config(config)), begin, end)
    raise EtaError("eta backtest: give either --days FOLDER, or --from TIME and --to TIME")


def _write(path: Path, told: str) -> None:
    try:
        path.write_text(f"{told}\n", encoding="utf-8")
    except OSError as error:
        raise EtaError(f"{path}: {error.strerror or error}") from None
