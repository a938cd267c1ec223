"""The command line of the fleet."""

import json
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.fleet.options import FleetError, FleetOptions
from milepost_firmware_sim.fleet.truth import TruthError
from milepost_firmware_sim.fleet.verdict import VerdictError
from milepost_schemas.topics import SHARDS

MENDABLE = (FleetError, TruthError, VerdictError)

EXIT_UNSOUND = 1
_MOST = 20_000
_LEAST = 0.001


def fleet(
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker.")],
    n: Annotated[int, typer.Option("-n", min=1, max=_MOST, help="How many vehicles.")] = 100,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long they drive.")] = 60.0,
    every: Annotated[
        float, typer.Option(min=0.05, max=3600, help="Seconds between two commits of a vehicle.")
    ] = 5.0,
    rate: Annotated[
        float, typer.Option(min=_LEAST, max=100, help="Fixes a second of a vehicle.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Draws town, drives, places and mishaps.")] = 1,
    shards: Annotated[int, typer.Option(min=1, max=SHARDS, help="Spread over so many.")] = SHARDS,
    prefix: Annotated[str, typer.Option(help="Of the device ids.")] = "sim-",
    restarts_per_hour: Annotated[
        float, typer.Option(min=0.0, help="Agents killed and started again, of each vehicle.")
    ] = 0.0,
    offline: Annotated[
        float, typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Lose the link for a while.")
    ] = 0.0,
    drain: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for the last acks at the end.")
    ] = 60.0,
    truth: Annotated[
        Path | None, typer.Option(help="Write every committed fix (.csv or .csv.gz).")
    ] = None,
    compare_dsn: Annotated[
        str | None,
        typer.Option(metavar="DSN", help="Compare with this database at the end."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the figures as JSON.")] = False,
) -> None:
    """Drive a whole fleet against a broker: real codec, real protocol, one connection a vehicle.

    At the end all that was committed must have been acknowledged and, with --compare-dsn, be in
    the table once: else the exit code is 1. The first Ctrl-C ends the drive, the second one the
    wait for the last acks.
    """
    # asyncio and paho cost the other commands 0.1 s.
    from milepost_firmware_sim.fleet.show import in_words, run_fleet

    options = FleetOptions(
        vehicles=n,
        broker=broker,
        seconds=seconds,
        every_s=every,
        rate_hz=rate,
        seed=seed,
        shards=shards,
        prefix=prefix,
        offline_share=offline,
        restarts_per_hour=restarts_per_hour,
        drain_s=drain,
        truth=truth,
        compare_dsn=compare_dsn,
        report=report,
    )
    figures, is_sound = run_fleet(options)
    typer.echo(json.dumps(figures) if as_json else in_words(figures))
    if not is_sound:
        raise typer.Exit(EXIT_UNSOUND)
