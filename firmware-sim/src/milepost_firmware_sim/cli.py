"""The command line of the simulator.

Exit codes: 0 done, 1 our own fault or a demo that lost or doubled a fix, 2 a wrong command, file or
port: one line on standard error says which.
"""

import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.demo.programs import ProgramError
from milepost_firmware_sim.demo.show import DemoError, DemoOptions, run_demo
from milepost_firmware_sim.drive import DriveError, drive_through
from milepost_firmware_sim.port import PortError
from milepost_firmware_sim.receiver import receive
from milepost_firmware_sim.recording import Recording, RecordingError, load
from milepost_firmware_sim.replay import (
    START_NOW,
    START_RECORDED,
    ReplayError,
    ReplayOptions,
    parse_speed,
    parse_start,
    run_replay,
)
from milepost_firmware_sim.town import TownError, read_town, to_geojson
from milepost_firmware_sim.town_generator import generate_town
from milepost_schemas.timescale import TimescaleError

EXIT_UNSOUND = 1
EXIT_WRONG = 2
FIRST_DAY = "2026-01-05T08:00:00Z"


class OutputError(ValueError):
    """A file cannot be written."""


_MENDABLE = (
    DemoError,
    DriveError,
    OutputError,
    PortError,
    ProgramError,
    RecordingError,
    ReplayError,
    TimescaleError,
    TownError,
)

app = typer.Typer(
    name="milepost-sim",
    help="Recorded drives and drawn towns on a serial line.",
    add_completion=False,
    no_args_is_help=False,
)


def main() -> None:
    """Run the command line and exit."""
    try:
        code = app(standalone_mode=False)
    except _MENDABLE as error:
        _fail(str(error))
    except typer.TyperException as error:
        _fail(error.format_message())
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # Who read our output has left; nobody is there to tell, nor anything to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code)


def _fail(message: str) -> None:
    typer.echo(f"milepost-sim: {' '.join(message.split())}", err=True)
    sys.exit(EXIT_WRONG)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Recorded NMEA log, plain or gzip.")],
    speed: Annotated[str, typer.Option(metavar="N", help="Times the pace of the clock.")] = "1",
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    link: Annotated[Path | None, typer.Option(help="Link to the pseudo-terminal.")] = None,
    tcp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve TCP instead of a pseudo-terminal."),
    ] = None,
    start_at: Annotated[
        str,
        typer.Option(
            metavar="now|recorded|RFC3339",
            help="Instant of the first fix; all dates and times move with it.",
        ),
    ] = START_NOW,
    wait: Annotated[bool, typer.Option(help="Wait for a reader before the first byte.")] = True,
    inspect: Annotated[
        bool, typer.Option("--inspect", help="Tell what the log holds, play nothing.")
    ] = False,
) -> None:
    """Play a recorded log into a pseudo-terminal or to TCP clients, at the recorded pace.

    The first line of the output names the port as JSON, the last one counts what was played. With
    --speed the new times run ahead of the clock.
    """
    if inspect:
        _tell_facts(file, as_json=False)
        return
    options = ReplayOptions(file, parse_speed(speed), loop, link, tcp, start_at, wait)
    run_replay(options, typer.echo)


@app.command("inspect")
def inspect_log(
    file: Annotated[Path, typer.Argument(help="Recorded NMEA log, plain or gzip.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Tell what a recorded log holds."""
    _tell_facts(file, as_json=as_json)


@app.command()
def town(
    seed: Annotated[int, typer.Option(help="The same seed draws the same town.")],
    out: Annotated[Path | None, typer.Option(help="GeoJSON file; else standard output.")] = None,
) -> None:
    """Draw a town as GeoJSON: river, bridges, ring road, old quarter, depot, some 200 streets."""
    _write(out, [to_geojson(generate_town(seed)).encode()])


@app.command()
def drive(
    seed: Annotated[int, typer.Option(help="The same seed drives the same way.")],
    town: Annotated[
        Path | None, typer.Option(help="GeoJSON of a town; else the one drawn from the seed.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Length of the drive.")] = None,
    stops: Annotated[int | None, typer.Option(help="Stops; 8 unless --minutes says.")] = None,
    start_at: Annotated[
        str, typer.Option(metavar="now|RFC3339", help="Time of the first fix.")
    ] = FIRST_DAY,
    out: Annotated[Path | None, typer.Option(help="NMEA file; else standard output.")] = None,
) -> None:
    """Drive a delivery round through a town, written as a receiver's NMEA at 1 Hz."""
    begin = datetime.fromtimestamp(_begin_s(start_at), UTC)
    place = generate_town(seed) if town is None else read_town(town)
    round_trip = drive_through(place, seed, stops=stops, minutes=minutes)
    _write(out, receive(round_trip, place.projection, begin, seed))


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1.0, help="How long; else until Ctrl-C.")
    ] = None,
    track: Annotated[
        Path | None, typer.Option(help="A recorded drive or a folder; else drawn ones.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
    data: Annotated[
        Path, typer.Option(help="Folder of all data, found again at the next start.")
    ] = Path(".milepost/demo"),
) -> None:
    """Show the whole system: vehicles, broker, database, events, and a page to watch."""
    if not run_demo(DemoOptions(seconds, track, report, data)):
        sys.exit(EXIT_UNSOUND)


def _begin_s(text: str) -> float:
    if text == START_RECORDED:
        raise ReplayError(f"--start-at {text}: a new drive has no recorded time")
    instant_s = parse_start(text)
    return Clock().now_s() if instant_s is None else instant_s


def _write(out: Path | None, parts: Iterable[bytes]) -> None:
    if out is None:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("wb") as file:
            file.writelines(parts)
    except OSError as error:
        raise OutputError(f"--out {out}: {error.strerror}") from None


def _tell_facts(file: Path, *, as_json: bool) -> None:
    facts = describe(load(file))
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, fact in facts.items():
        typer.echo(f"{name.replace('_', ' '):18}{'-' if fact is None else fact}")


def describe(recording: Recording) -> dict[str, object]:
    """Put the facts of a recording under the names that `inspect` shows."""
    facts, track = recording.facts, recording.track
    return {
        "bytes": facts.size_bytes,
        "lines": facts.lines,
        "sentences": facts.sentences,
        "checksum_errors": facts.checksum_errors,
        "without_checksum": facts.without_checksum,
        "fixes": facts.fixes,
        "span_s": round(recording.span_s, 3),
        "first_position": [round(one, 7) for one in track[0][1:]] if track else None,
        "last_position": [round(one, 7) for one in track[-1][1:]] if track else None,
    }
