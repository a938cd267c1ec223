"""The demo from start to report: servers, vehicles, a live view, the drain, the account."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.demo.account import (
    compare,
    read_buffer,
    read_table,
    vehicle_report,
    whole_report,
)
from milepost_firmware_sim.demo.plan import Assignment, Plan, make_plan
from milepost_firmware_sim.demo.programs import Programs
from milepost_firmware_sim.demo.screen import Line, Screen
from milepost_firmware_sim.demo.tracks import drawn_tracks, recorded_tracks
from milepost_firmware_sim.demo.vehicle import Vehicle
from milepost_firmware_sim.demo.watch import Watch
from milepost_schemas.timescale import ENVIRONMENT_KEY, Timescale

# Committed and sent so often, so that the page moves; a real van commits every 5 s.
TICK_S = 0.5

SERVERS_READY_S = 120.0
PORT_READY_S = 30.0
DRAIN_S = 60.0

# A second demo in the same folder begins this much after the first, so that their tracks are apart.
_APART_S = 3600.0


class DemoError(ValueError):
    """An option of the demo has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What was asked for.

    Attributes:
        seconds: How long it runs; None: until SIGINT or SIGTERM.
        track: A recorded drive, or a folder of them; None: drives of our own drawing.
        report: Where to write the figures as JSON.
        data: Folder of the servers' and the vehicles' data, found again at the next start.
    """

    seconds: float | None
    track: Path | None
    report: Path | None
    data: Path


def run_demo(options: DemoOptions) -> bool:
    """Run the demo; say whether nothing was lost, doubled or invented.

    Raises:
        DemoError: The report or the data cannot be written where they should be.
        RecordingError: The track cannot be played.
        ProgramError: A program fails.
    """
    screen = Screen()
    if options.report is not None and not options.report.resolve().parent.is_dir():
        raise DemoError(f"--report {options.report}: there is no such folder")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    data = options.data.resolve()
    try:
        for part in ("logs", "vehicles", "tracks"):
            (data / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"--data {options.data}: {error.strerror}") from None
    if options.track is None:
        tracks = drawn_tracks(data / "tracks")
    else:
        tracks = recorded_tracks(options.track, screen.say)
    plan = make_plan(tracks, options.seconds)
    return _Demo(options, plan, data, screen, stopping).run()


class _Demo:
    def __init__(
        self,
        options: DemoOptions,
        plan: Plan,
        data: Path,
        screen: Screen,
        stopping: threading.Event,
    ) -> None:
        self._options = options
        self._plan = plan
        self._data = data
        self._screen = screen
        self._stopping = stopping
        self._clock = Clock()
        self._timescale = self._drawn_timescale()

    def run(self) -> bool:
        environment = {ENVIRONMENT_KEY: str(self._timescale)}
        with Programs(self._data / "logs", environment) as programs:
            addresses = self._start_servers(programs)
            watch = Watch(addresses["web"])
            self._tell_start(addresses)
            self._start_vehicles(programs, addresses["broker"])
            watch.listen()
            self._look_on(programs, watch)
            self._drain(programs)
            report = self._account(programs, watch, addresses["dsn"])
            watch.close()
        self._tell_end(report)
        total = report["total"]
        return not (total["lost"] or total["duplicates"] or total["invented"])

    def _drawn_timescale(self) -> Timescale:
        """Run time by the plan's factor from now, or from behind the last demo in this folder."""
        now_s = self._clock.now_s()
        file = self._data / "clock.json"
        begin_s = now_s
        if file.exists():
            begin_s = max(now_s, json.loads(file.read_text())["until_s"] + _APART_S)
        factor = self._plan.factor
        if begin_s != now_s and factor == 1.0:
            factor = 1.001  # a clock of factor 1 cannot be ahead
        return Timescale.through(now_s, begin_s, factor)

    def _start_servers(self, programs: Programs) -> dict[str, Any]:
        self._screen.say("Starting database, broker and collector ...")
        fences = self._data / "fences.geojson"
        fences.write_text(json.dumps(self._plan.fences, indent=1))
        config = self._data / "collector.toml"
        config.write_text(
            f"[embedded]\nfolder = {json.dumps(str(self._data / 'servers'))}\n"
            f"[web]\nport = 0\n[fences]\nfile = {json.dumps(str(fences))}\n"
        )
        programs.start("collector", "milepost-collector", "serve", "--config", str(config))
        addresses: dict[str, Any] = json.loads(programs.first_line("collector", SERVERS_READY_S))
        return addresses

    def _start_vehicles(self, programs: Programs, broker: list[Any]) -> None:
        loop = ["--loop"] if self._options.seconds is None else []
        for assignment, vehicle in self._driven():
            file = str(assignment.track.path)
            link = ("--link", str(vehicle.port))
            programs.start(vehicle.simulator, "milepost-sim", "replay", file, *link, *loop)
            vehicle.write_config((broker[0], broker[1]), TICK_S)
        for _, vehicle in self._driven():
            programs.first_line(vehicle.simulator, PORT_READY_S)
        for _, vehicle in self._driven():
            programs.start(vehicle.id, "milepost-agent", "run", "--config", str(vehicle.config))

    def _driven(self) -> Iterator[tuple[Assignment, Vehicle]]:
        for assignment in self._plan.assignments:
            yield assignment, Vehicle(assignment.vehicle, self._data / "vehicles")

    def _look_on(self, programs: Programs, watch: Watch) -> None:
        begin_s = self._clock.monotonic_s()
        seconds = self._options.seconds
        told = 0
        self._screen.open()
        try:
            while not self._stopping.is_set():
                now_s = self._clock.monotonic_s()
                if seconds is not None and now_s >= begin_s + seconds:
                    return
                for _, vehicle in self._driven():
                    programs.check(vehicle.id)
                share = None if seconds is None else (now_s - begin_s) / seconds
                self._screen.show(self._lines(watch), share, now_s)
                told = self._tell_events(watch, told)
                self._remember_clock()
                self._stopping.wait(1.0 if seconds is None else min(1.0, begin_s + seconds - now_s))
        finally:
            self._screen.close()
            self._tell_events(watch, told)

    def _tell_events(self, watch: Watch, told: int) -> int:
        total = watch.counts.total()
        for event in list(watch.newest)[-(total - told) :] if total > told else ():
            self._screen.tell(event)
        return total

    def _lines(self, watch: Watch) -> list[Line]:
        answer = watch.vehicles()
        known = {vehicle["id"]: vehicle for vehicle in answer["vehicles"]}
        lines = []
        for _, vehicle in self._driven():
            status, seen = vehicle.status(), known.get(vehicle.id, {})
            measured = seen.get("position_time")
            lines.append(
                Line(
                    vehicle.id,
                    seen.get("lat_deg"),
                    seen.get("lon_deg"),
                    seen.get("speed_mps"),
                    status.get("fixes_made", 0) - status.get("fixes_stored", 0),
                    seen.get("stored", 0),
                    measured and _seconds_between(measured, answer["now"]) / self._timescale.factor,
                )
            )
        return lines

    def _drain(self, programs: Programs) -> None:
        """Stop the receivers, wait until every fix is stored, stop the agents."""
        for _, vehicle in self._driven():
            programs.stop(vehicle.simulator)
        self._wait_for(lambda: all(vehicle.is_drained() for _, vehicle in self._driven()), DRAIN_S)
        for _, vehicle in self._driven():
            programs.stop(vehicle.id)
            programs.check(vehicle.id)
        self._remember_clock()

    def _wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        until_s = self._clock.monotonic_s() + timeout_s
        pause = threading.Event()
        while not condition() and self._clock.monotonic_s() < until_s:
            pause.wait(0.1)

    def _account(self, programs: Programs, watch: Watch, dsn: str) -> dict[str, Any]:
        vehicles: dict[str, dict[str, Any]] = {}
        statuses = []
        exported = programs.output("milepost-collector", "export", MILEPOST_DATABASE__DSN=dsn)
        tables = read_table(exported)
        for assignment, vehicle in self._driven():
            config = str(vehicle.config)
            exported = programs.output("milepost-agent", "export", "--csv", "--config", config)
            held, table = read_buffer(exported), tables.get(vehicle.id, [])
            statuses.append(vehicle.status())
            vehicles[vehicle.id] = {
                "track": str(assignment.track.path),
                **vehicle_report(statuses[-1], table, compare(held, table)),
            }
        events = list(watch.events())
        for name, figures in vehicles.items():
            own = Counter(event["type"] for event in events if event["subject"] == name)
            figures["events"] = dict(own)
        total = whole_report(vehicles, statuses, Counter(event["type"] for event in events))
        return {"clock_factor": self._timescale.factor, "total": total, "vehicles": vehicles}

    def _remember_clock(self) -> None:
        until_s = self._timescale.scaled(self._clock.now_s())
        (self._data / "clock.json").write_text(json.dumps({"until_s": until_s}))

    def _tell_start(self, addresses: dict[str, Any]) -> None:
        plan = self._plan
        longest_s = max(each.track.duration_s for each in plan.assignments)
        self._screen.say(
            f"{len(plan.assignments)} vehicles drive {longest_s / 60:.0f} minutes "
            f"{plan.factor:.3g} times as fast.\n"
            f"Watch them at {addresses['web']}  (data in {self._data})"
        )

    def _tell_end(self, report: dict[str, Any]) -> None:
        total = report["total"]
        events = sum(total["events"].values())
        self._screen.say(
            f"\n{total['fixes_committed']} fixes committed on the vehicles, "
            f"{total['fixes_stored']} stored, {total['lost']} lost, "
            f"{total['duplicates']} twice, {total['invented']} invented; {events} events; "
            f"{total['bytes_per_fix']} bytes a fix; line read to row committed "
            f"{total['latency_ms']['p50']} ms (p50), {total['latency_ms']['p99']} ms (p99)."
        )
        if self._options.report is not None:
            self._options.report.write_text(json.dumps(report, indent=1) + "\n")
            self._screen.say(f"Report: {self._options.report}")


def _seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
