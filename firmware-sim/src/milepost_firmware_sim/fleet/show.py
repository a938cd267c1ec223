"""A fleet from the options to the verdict."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TextIO

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.fleet.convoy import Convoy, Course
from milepost_firmware_sim.fleet.figures import Tally, Verdict, report
from milepost_firmware_sim.fleet.mishap import draw_mishaps
from milepost_firmware_sim.fleet.options import FleetError, FleetOptions
from milepost_firmware_sim.fleet.screen import Screen
from milepost_firmware_sim.fleet.track import Beat, Track, draw_tracks
from milepost_firmware_sim.fleet.truth import TruthFile
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_firmware_sim.fleet.verdict import by_acks, by_table, check_readable, exported
from milepost_schemas.fix import Fix


def run_fleet(options: FleetOptions) -> tuple[dict[str, Any], bool]:
    """Run a fleet; return the figures, and whether nothing was lost, doubled or invented.

    Raises:
        FleetError: An option has a value that it cannot have here.
        TruthError: The truth cannot be written.
        VerdictError: The table cannot be read.
        TimescaleError: MILEPOST_CLOCK is wrong.
    """
    host, port = options.broker_address()
    options.addresses()
    options.allow_sockets()
    if options.compare_dsn is not None:
        check_readable(options.compare_dsn)
    clock, tally, beat = Clock(), Tally(), Beat(options.rate_hz)
    screen = Screen(options.vehicles, tally)
    with ExitStack() as opened:
        written = options.report and opened.enter_context(_created(options.report))
        truth = None if options.truth is None else TruthFile(options.truth)
        if truth is not None:
            opened.enter_context(truth)
        screen.say(f"Drawing the drives of {options.vehicles} vehicles ...")
        vehicles = _made_vehicles(options, beat, tally)
        course = Course(
            host, port, options.seconds, options.every_s, beat, options.drain_s, options.seed
        )
        convoy = Convoy(vehicles, course, tally, clock, truth, screen.show)
        mishaps = draw_mishaps(
            options.seed,
            options.vehicles,
            options.seconds,
            offline_share=options.offline_share,
            crashes_per_hour=options.restarts_per_hour,
        )
        try:
            driven = asyncio.run(convoy.run(mishaps))
        finally:
            screen.close()
        verdict = _verdict(options, vehicles, screen)
        figures = {**_asked(options), **report(tally, driven, verdict)}
        if written:
            written.write(json.dumps(figures, indent=1) + "\n")
    return figures, verdict.is_sound


def in_words(figures: dict[str, Any]) -> str:
    """Tell the figures of a run to people."""
    drained, table = figures["drained_s"], figures["judged_by"] == "table"
    p50_ms, p99_ms = (_shown(figures["ack_ms"][share]) for share in ("p50", "p99"))
    lines = [
        f"{figures['vehicles']} vehicles drove {figures['driven_s']:.1f} s: "
        f"{figures['fixes_made']} fixes made, {figures['fixes_committed']} committed, "
        f"{figures['fixes_acknowledged']} acknowledged.",
        f"{figures['batches']} batches ({figures['batches_per_s']}/s), "
        f"{figures['acks']} acks ({figures['acks_per_s']}/s), "
        f"{_shown(figures['bytes_per_fix'])} bytes a fix; "
        f"ack {p50_ms} ms (p50), {p99_ms} ms (p99).",
        f"{figures['resends']} resends, {figures['reconnects']} reconnects, "
        f"{figures['crashes']} agents killed, {figures['outages']} outages, "
        f"{figures['rewinds']} rewinds, {figures['refused']} refused.",
        f"Processor: {figures['cpu_s']} s while driving, {figures['cpu_share']} of a core.",
        "Not drained." if drained is None else f"Drained in {drained:.1f} s.",
    ]
    if table:
        lines.append(
            f"The table holds {figures['fixes_stored']}: {figures['lost']} lost, "
            f"{figures['duplicates']} twice, {figures['invented']} invented."
        )
    else:
        lines.append(
            f"By acks {figures['lost']} lost; the table was not read (--compare-dsn reads it)."
        )
    return "\n".join(lines)


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:g}"


def _made_vehicles(options: FleetOptions, beat: Beat, tally: Tally) -> list[Vehicle]:
    chance = Random(options.seed)  # noqa: S311 - spreads resends, not a secret
    tracks = draw_tracks(options.seed, options.vehicles)
    return [
        Vehicle(address, partial(_measured, track, beat), tally, chance)
        for address, track in zip(options.addresses(), tracks, strict=True)
    ]


def _measured(track: Track, beat: Beat, instant: int) -> Fix:
    return track.fix(beat.time_ms(instant))


def _verdict(options: FleetOptions, vehicles: Sequence[Vehicle], screen: Screen) -> Verdict:
    if options.compare_dsn is None:
        return by_acks(vehicles)
    screen.say("Comparing with the table ...")
    with exported(options.compare_dsn) as rows:
        return by_table(vehicles, rows)


def _asked(options: FleetOptions) -> dict[str, Any]:
    return {
        "vehicles": options.vehicles,
        "seconds": options.seconds,
        "every_s": options.every_s,
        "rate_hz": options.rate_hz,
        "seed": options.seed,
        "offline_share": options.offline_share,
        "restarts_per_hour": options.restarts_per_hour,
    }


def _created(path: Path) -> TextIO:
    """Open the report now: hours later is too late to hear that it cannot be written."""
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise FleetError(f"--report {path}: {error.strerror}") from None
