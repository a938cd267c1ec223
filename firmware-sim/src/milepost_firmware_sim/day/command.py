"""The command `day`: from the options to a folder of plans, tracks and the truth."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.day.making import in_words, make_days
from milepost_firmware_sim.day.mishaps import Mishap
from milepost_firmware_sim.day.options import (
    DayOptions,
    TrackKind,
    parse_date,
    parse_departs,
    parse_wishes,
    usual_every_s,
)

FIRST_DAY = "2026-01-05"
_Vans = list[str] | None


def _mishap(help_: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar="VAN[@DATE]", help=help_)
    return option


def day(
    out: Annotated[Path, typer.Option(help="The folder for all files; new or empty.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same days.")] = 1,
    town: Annotated[
        Path | None, typer.Option(help="GeoJSON of a town; else the one drawn from the seed.")
    ] = None,
    vans: Annotated[int, typer.Option(help="How many: van-1, van-2 ...")] = 3,
    stops: Annotated[int, typer.Option(help="Of each van and day; 4 or more.")] = 10,
    days: Annotated[int, typer.Option(help="How many, one after the other.")] = 1,
    first: Annotated[str, typer.Option("--date", metavar="DATE", help="The first.")] = FIRST_DAY,
    depart: Annotated[
        str,
        typer.Option(metavar="HH:MM[-HH:MM]", help="When the vans leave: the first to the last."),
    ] = "08:00-09:00",
    tracks: Annotated[
        TrackKind, typer.Option(help="NMEA as a receiver says it, or CSV to import.")
    ] = TrackKind.NMEA,
    every: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Between fixes; NMEA 1, CSV 5.")
    ] = None,
    late_start: Annotated[_Vans, _mishap("Leaves 10 to 30 minutes late.")] = None,
    delay: Annotated[_Vans, _mishap("Gets into a jam of 8 to 20 minutes.")] = None,
    detour: Annotated[_Vans, _mishap("Meets a closed street and drives around it.")] = None,
    incident: Annotated[_Vans, _mishap("Finds nobody at home at a stop.")] = None,
    left: Annotated[_Vans, _mishap("Leaves a stop without making it.")] = None,
    skipped: Annotated[_Vans, _mishap("Never drives to a stop.")] = None,
    silent: Annotated[
        _Vans, _mishap("Has no network for a while: all is measured and comes late.")
    ] = None,
    off: Annotated[_Vans, _mishap("Has its receiver off for a while.")] = None,
    events: Annotated[int, typer.Option(help="So many more of these, by chance.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Say the figures as JSON.")] = False,
) -> None:
    """Plan and drive delivery days: plans, what the vans' receivers say, and the truth.

    A van without a DATE has its mishap on the first day. Each option may be given again.
    """
    wishes = parse_wishes(
        (
            (Mishap.LATE_START, late_start),
            (Mishap.DELAY, delay),
            (Mishap.DETOUR, detour),
            (Mishap.INCIDENT, incident),
            (Mishap.LEFT, left),
            (Mishap.SKIPPED, skipped),
            (Mishap.UNSENT, silent),
            (Mishap.OFF, off),
        )
    )
    options = DayOptions(
        seed=seed,
        town=town,
        vans=vans,
        stops=stops,
        days=days,
        first=parse_date(first),
        departs=parse_departs(depart),
        tracks=tracks,
        every_s=usual_every_s(tracks) if every is None else every,
        wishes=wishes,
        events=events,
        out=out,
    )
    figures = make_days(options, _bar)
    typer.echo(json.dumps(figures) if as_json else in_words(figures))


@contextmanager
def _bar(drives: int) -> Iterator[Callable[[int], None]]:
    """Show how many drives are made, on standard error, where that is a terminal."""
    hidden = not sys.stderr.isatty()
    with typer.progressbar(length=drives, label="day", file=sys.stderr, hidden=hidden) as bar:
        yield bar.update
