"""The commands `replay`, `inspect` and `faults`: what is typed, read into options."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.faults.language import Fault, FaultError, read_fault, read_faults
from milepost_firmware_sim.faults.words import FAULT_WORDS
from milepost_firmware_sim.replay.console import Watching
from milepost_firmware_sim.replay.facts import describe, tell
from milepost_firmware_sim.replay.options import (
    START_NOW,
    Outlet,
    ReplayOptions,
    parse_above_0,
    parse_baud,
    parse_rate,
    parse_receiver,
    parse_speed,
)
from milepost_firmware_sim.replay.run import run_replay
from milepost_firmware_sim.replay.source import Wishes, load_source

_FILE = typer.Argument(help="NMEA log, GPX or CSV, plain or gzip; - is standard input.")
_TRACK = typer.Option(metavar="N|NAME|all", help="Which track of several; else the first.")


def replay(
    file: Annotated[Path, _FILE],
    speed: Annotated[str, typer.Option(metavar="N|max", help="Times the pace of the clock.")] = "1",
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    start_at: Annotated[
        str,
        typer.Option(
            metavar="now|recorded|RFC3339",
            help="Instant of the first fix; all dates and times move with it.",
        ),
    ] = START_NOW,
    link: Annotated[Path | None, typer.Option(help="Link to the pseudo-terminal.")] = None,
    tcp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve TCP instead of a pseudo-terminal."),
    ] = None,
    udp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Send each line as a datagram.")
    ] = None,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Write to standard output; JSON to standard error.")
    ] = False,
    baud: Annotated[
        int | None,
        typer.Option(help="Rate of the line; a terminal's reader at another one sees garbage."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for a reader before the first byte.")] = True,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Give up where nobody reads so long.")
    ] = None,
    track: Annotated[str | None, _TRACK] = None,
    rate: Annotated[
        int | None, typer.Option(metavar="1|2|5|10", help="Write epochs anew, so many a second.")
    ] = None,
    receiver: Annotated[
        str | None,
        typer.Option(
            metavar="ublox|sirf|mediatek|quectel|plain",
            help="Write epochs anew, as this make of receiver.",
        ),
    ] = None,
    kmh: Annotated[float, typer.Option(help="Speed along a track that has no times.")] = 50.0,
    faults: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Faults, one a line.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="'FAULT'", help="A fault: 'at 30s for 10s: cut 20%'; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses what faults leave to chance.")] = 1,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="From line to line, instead of the recorded pace."),
    ] = None,
    step: Annotated[bool, typer.Option("--step", help="Wait for Enter before each line.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show each line on standard error.")] = False,
    progress: Annotated[
        bool | None,
        typer.Option(help="Show how far the play is; so on a terminal, unless told otherwise."),
    ] = None,
    inspect_only: Annotated[
        bool, typer.Option("--inspect", help="Tell what the file holds, play nothing.")
    ] = False,
) -> None:
    """Play a recorded drive as a receiver, with faults if you like.

    The first line of the output names the port as JSON, the last one counts what was played. With
    --speed the new times run ahead of the clock. `milepost-sim faults` tells the faults.
    """
    wishes = Wishes(
        track,
        parse_rate(rate),
        parse_receiver(receiver),
        (parse_above_0(kmh, "--kmh") or kmh) / 3.6,
    )
    if inspect_only:
        tell(describe(load_source(file, wishes)), typer.echo)
        return
    if progress is None:
        progress = sys.stderr.isatty() and not (show or step)
    patience_s = parse_above_0(timeout, "--timeout")
    options = ReplayOptions(
        file=file,
        wishes=wishes,
        outlet=Outlet(link, tcp, udp, stdout, parse_baud(baud), wait, patience_s),
        speed=parse_speed(speed),
        loop=loop,
        start=start_at,
        every_s=parse_above_0(every, "--every"),
        faults=_faults(faults or [], fault or []),
        seed=seed,
        watching=Watching(progress, show, step),
    )
    run_replay(
        options,
        lambda line: typer.echo(line, err=stdout),
        lambda line: typer.echo(f"milepost-sim: {line}", err=True),
    )


def inspect(
    file: Annotated[Path, _FILE],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    track: Annotated[str | None, _TRACK] = None,
) -> None:
    """Tell what a recorded file holds."""
    facts = describe(load_source(file, Wishes(track)))
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        tell(facts, typer.echo)


def check_faults(
    file: Annotated[Path | None, typer.Argument(help="A file of faults to check.")] = None,
) -> None:
    """Tell the faults that `replay` knows, or check a file of them."""
    if file is not None:
        for one in _faults([file], []):
            typer.echo(one.text)
        return
    typer.echo("[at WHEN] [for LENGTH] [every PERIOD]: FAULT [DETAILS]\n")
    for word in FAULT_WORDS.values():
        details = "".join(f" [{one.value}]" for one in word.takes)
        typer.echo(f"{word.word}{details}\n    {word.does}")


def _faults(files: list[Path], told: list[str]) -> tuple[Fault, ...]:
    found: list[Fault] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise FaultError(f"faults {file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise FaultError(f"faults {file}: no text in UTF-8") from None
        found += read_faults(text, str(file))
    found += [read_fault(one, f"--fault {one!r}") for one in told]
    return tuple(found)
