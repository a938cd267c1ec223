"""The command `drive`: from the options to files of what a receiver said and of the truth."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.drive.drive import DriveError
from milepost_firmware_sim.drive.plan import Asked, plan_drive
from milepost_firmware_sim.drive.writers import Writer, track_writer, truth_writer, write_drive
from milepost_firmware_sim.output import Output
from milepost_firmware_sim.receiver.instants import RATES_HZ
from milepost_firmware_sim.receiver.receiver import ReceiverOptions, measure
from milepost_firmware_sim.replay.options import START_RECORDED, parse_start
from milepost_firmware_sim.sentence_sets import ReceiverSet

FIRST_DAY = "2026-01-05T08:00:00Z"
_MOST_NOISE = 100.0


def drive(
    seed: Annotated[int, typer.Option(help="The same seed drives the same way.")] = 1,
    town: Annotated[
        Path | None, typer.Option(help="GeoJSON of a town; else the one drawn from the seed.")
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="PLACE", help="Begin at an address, Depot, or LAT,LON."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="PLACE", help="End there; else at the depot.")
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE[@120s]", help="Stop there; again for each stop, in order."),
    ] = None,
    via: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAT,LON[@120s]",
            help="Waypoint, passed without a stop; again for each. Outside the town: straight on.",
        ),
    ] = None,
    straight: Annotated[
        bool, typer.Option("--straight", help="Straight from waypoint to waypoint in town too.")
    ] = False,
    line: Annotated[
        Path | None, typer.Option(help="GeoJSON line to drive along, anywhere on Earth.")
    ] = None,
    speed_kmh: Annotated[
        float | None, typer.Option(help="Limit where a line has none; 50 unless said.")
    ] = None,
    stops: Annotated[
        int | None, typer.Option(help="Delivery round: how many stops; 8 unless --minutes says.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Delivery round: how long.")] = None,
    park: Annotated[
        list[str] | None,
        typer.Option(
            metavar="600s[@begin|end|N]", help="Park, engine off: at the end, or at stop N."
        ),
    ] = None,
    tunnel: Annotated[
        list[str] | None,
        typer.Option(metavar="FROM_S,LENGTH_S", help="Put a tunnel over a part of the drive."),
    ] = None,
    start_at: Annotated[
        str, typer.Option(metavar="now|RFC3339", help="Time of the first fix.")
    ] = FIRST_DAY,
    rate: Annotated[int, typer.Option(metavar="1|5|10", help="Fixes a second.")] = 1,
    noise: Annotated[
        float, typer.Option(help="Times the usual errors of a receiver; 0 for none.")
    ] = 1.0,
    receiver: Annotated[
        ReceiverSet, typer.Option(help="Sentences and formats of this make.")
    ] = ReceiverSet.PLAIN,
    static_hold: Annotated[
        bool, typer.Option("--static-hold", help="The receiver holds its place while it stands.")
    ] = False,
    truth: Annotated[
        list[Path] | None,
        typer.Option(help="Also write the truth: .csv rows, .json stops; again for both."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="NMEA, or by its ending .gpx or .csv; else to stdout.")
    ] = None,
) -> None:
    """Drive through a town or along a way of your own, and write what a receiver says of it.

    Without a way it is a delivery round: from the depot over random addresses and back.
    """
    options = _receiver_options(receiver, rate, noise, static_hold=static_hold)
    begin_time = datetime.fromtimestamp(_begin_s(start_at), UTC)
    asked = Asked(
        seed=seed,
        town=town,
        begin=begin,
        end=end,
        stop=stop or (),
        via=via or (),
        line=line,
        straight=straight,
        speed_kmh=speed_kmh,
        stops=stops,
        minutes=minutes,
        park=park or (),
        tunnel=tunnel or (),
    )
    driven, projection = plan_drive(asked)
    writers: list[tuple[Writer, Output]] = [(track_writer(out, receiver), Output(out))]
    writers += [(truth_writer(file, driven, seed), Output(file, "--truth")) for file in truth or ()]
    write_drive(measure(driven, projection, begin_time, seed, options), writers)


def _receiver_options(
    receiver: ReceiverSet, rate: int, noise: float, *, static_hold: bool
) -> ReceiverOptions:
    if rate not in RATES_HZ:
        raise DriveError(f"--rate {rate}: must be one of {', '.join(map(str, RATES_HZ))}")
    if not (math.isfinite(noise) and 0.0 <= noise <= _MOST_NOISE):
        raise DriveError(f"--noise {noise:g}: must be 0 to {_MOST_NOISE:g}")
    return ReceiverOptions(receiver, rate, noise, static_hold)


def _begin_s(text: str) -> float:
    if text == START_RECORDED:
        raise DriveError(f"--start-at {text}: a new drive has no recorded time")
    instant_s = parse_start(text)
    return Clock().now_s() if instant_s is None else instant_s
