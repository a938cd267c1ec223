"""The command `wire`: what files cost on the wire, for people or as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.replay.recording import RecordingError
from milepost_firmware_sim.replay.source import read_file
from milepost_firmware_sim.wire.batches import CodecError
from milepost_firmware_sim.wire.measure import Cost, WireFile, costs_of, sent_as_is, total
from milepost_firmware_sim.wire.peers.table import ENTROPY_KEY, ENTROPY_NAME, PEERS
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.tracks.fixes import read_fixes
from milepost_schemas.tracks.track import TrackError

_EXIT_UNSOUND = 1
_NAMES = {peer.key: peer.name for peer in PEERS} | {ENTROPY_KEY: ENTROPY_NAME}


def wire(
    files: Annotated[
        list[Path],
        typer.Argument(help="NMEA logs, GPX or CSV, plain or gzip; - is standard input."),
    ],
    batch: Annotated[int, typer.Option(min=1, max=MAX_FIXES, help="Fixes a batch.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Tell what the fixes of files cost on the wire, beside other formats.

    Every batch is decoded again and compared before it counts; one that differs is our fault, and
    exit code 1.
    """
    given = [_read(file) for file in files]
    try:
        costs = costs_of(given, batch)
    except CodecError as error:
        typer.echo(f"milepost-sim: wire: {error}", err=True)
        raise typer.Exit(_EXIT_UNSOUND) from None
    model = "other files" if len(given) > 1 else "the file itself"
    if as_json:
        typer.echo(json.dumps(_facts(given, costs, batch, model)))
    else:
        _tell(given, costs, batch, model)


def _read(file: Path) -> WireFile:
    data = read_file(file)
    try:
        return sent_as_is(str(file), read_fixes(data))
    except TrackError as error:
        raise RecordingError(f"recording {file}: {error}") from None


def _facts(
    files: Sequence[WireFile], costs: Sequence[Cost], batch: int, model: str
) -> dict[str, object]:
    facts = _cost_facts(total(costs), batch) | {"entropy_model": model}
    if len(files) > 1:
        facts["files"] = [
            {"file": file.name} | _cost_facts(cost, batch)
            for file, cost in zip(files, costs, strict=True)
        ]
    return facts


def _cost_facts(cost: Cost, batch: int) -> dict[str, object]:
    return {
        "fixes": cost.fixes,
        "batch": batch,
        "payload_bytes": cost.payload_bytes,
        "bytes_per_fix": round(cost.bytes_per_fix, 3),
        "peers": {key: round(figure, 3) for key, figure in cost.peers.items()},
    }


def _tell(files: Sequence[WireFile], costs: Sequence[Cost], batch: int, model: str) -> None:
    rows = [["file", "fixes", "Milepost", *_NAMES.values()]]
    rows += [_row(Path(file.name).name, cost) for file, cost in zip(files, costs, strict=True)]
    rows.append(_row("total", total(costs)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *figures in rows:
        cells = [name.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)]
        typer.echo("  ".join(cells))
    typer.echo(f"\nBytes a fix in batches of {batch}; entropy modelled from {model}.")


def _row(name: str, cost: Cost) -> list[str]:
    figures = [cost.bytes_per_fix, *(cost.peers[key] for key in _NAMES)]
    return [name, str(cost.fixes), *(f"{figure:.1f}" for figure in figures)]
