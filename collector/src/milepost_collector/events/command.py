"""`milepost-collector events`: the engine over files, and again over what is stored."""

import asyncio
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from milepost_collector.clock import Clock
from milepost_collector.config import database_dsn, read_config
from milepost_collector.definitions_file import fences_of, rules_of
from milepost_collector.engine import Definitions, Version
from milepost_collector.events.errors import EventsError
from milepost_collector.events.replaying import Asked, replay_events
from milepost_collector.events.telling import figures_json, figures_lines, json_line, sentence
from milepost_collector.events.trial import Figures, in_order, try_drives
from milepost_collector.exporting import moment
from milepost_collector.importing.drives import Drive, by_device, chosen, read_drives
from milepost_collector.importing.files import FileError, unpacked
from milepost_schemas.event import Event
from milepost_schemas.topics import Address, TopicError
from milepost_schemas.tracks.track import TrackError

_VEHICLE = "vehicle"

ConfigPath = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: one JSON object a line.")]
FencesPath = Annotated[
    Path | None, typer.Option("--fences", help="A GeoJSON FeatureCollection, in force always.")
]
RulesPath = Annotated[
    Path | None, typer.Option("--rules", help="A JSON object of rules, in force always.")
]

app = typer.Typer(
    help="What the engine makes of recorded drives, and again of what is stored.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("try")
def try_(
    tracks: Annotated[
        list[Path], typer.Argument(help="NMEA logs, GPX or CSV; plain or gzip.", metavar="TRACK...")
    ],
    fences: FencesPath = None,
    rules: RulesPath = None,
    device: Annotated[
        str | None, typer.Option(help="Whose the fixes are; else as an export says, or `vehicle`.")
    ] = None,
    device_from_track: Annotated[
        bool, typer.Option(help="Each track's name is its device's id, `_` for other characters.")
    ] = False,
    vehicle: Annotated[str | None, typer.Option(help="Whose the events are; the device.")] = None,
    track: Annotated[
        list[str] | None, typer.Option(help="Only this track: its name or number; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the events of recorded drives; no server is needed, and nothing is stored.

    Tracks of one device are taken in the order of time. Figures go to standard error.
    """
    if device is not None and device_from_track:
        raise EventsError("events try: give either --device ID or --device-from-track")
    try:
        Address(0, device or _VEHICLE)
    except TopicError as error:
        raise EventsError(f"events try: {error}") from None
    book = rules_of(rules) if rules else None
    version = Version.of(fences_of(fences) if fences else (), book)
    placed: list[tuple[str, Drive]] = []
    for path in tracks:
        try:
            drives = chosen(read_drives(unpacked(path)), track or [])
            placed += _placed(drives, device, by_name=device_from_track)
        except (FileError, TrackError) as error:
            raise EventsError(f"{path}: {error}") from None
    figures = Figures()
    now_ms = Clock().now_ms()
    events = try_drives(
        in_order(placed), Definitions.always(version), now_ms, figures, vehicle=vehicle
    )
    _print(events, as_json=as_json)
    sys.stderr.write(f"{figures_json(figures)}\n" if as_json else figures_lines(figures))


def _placed(drives: list[Drive], device: str | None, *, by_name: bool) -> list[tuple[str, Drive]]:
    """Return drives with their devices: those of an export say whose they are."""
    if device is None and not by_name and not all(drive.is_owned for drive in drives):
        device = _VEHICLE
    return by_device(drives, device)


def _print(events: Iterable[Event], *, as_json: bool) -> None:
    line = json_line if as_json else sentence
    sys.stdout.writelines(f"{line(event)}\n" for event in events)
    sys.stdout.flush()


@app.command()
def replay(
    begin: Annotated[
        datetime,
        typer.Option("--from", parser=moment, metavar="TIME", help="From this GPS time on."),
    ],
    end: Annotated[
        datetime,
        typer.Option("--to", parser=moment, metavar="TIME", help="Until before this GPS time."),
    ],
    fences: FencesPath = None,
    rules: RulesPath = None,
    vehicle: Annotated[str | None, typer.Option(help="Only this vehicle.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Record it: tell what is new, withdraw what is gone.")
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Run the engine again over stored fixes; print how events differ from what was recorded.

    Changes nothing without --write. Without --fences and --rules those that were in force then
    hold.
    """
    if begin >= end:
        raise EventsError("events replay: --to is not after --from")
    dsn = database_dsn(read_config(config))
    book = rules_of(rules) if rules else None
    shapes = fences_of(fences) if fences else None
    asyncio.run(
        replay_events(
            dsn, Asked(begin, end, shapes, book, vehicle, write=write, as_json=as_json), Clock()
        )
    )
