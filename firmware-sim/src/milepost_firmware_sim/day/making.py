"""Delivery days from options to files: plans, tracks, the town and the truth, in one folder."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from milepost_firmware_sim.day.congestion import Congestion
from milepost_firmware_sim.day.customers import Clientele
from milepost_firmware_sim.day.driven import DrivenDay
from milepost_firmware_sim.day.driving import drive_day
from milepost_firmware_sim.day.measuring import measured
from milepost_firmware_sim.day.mishaps import draw_mishaps
from milepost_firmware_sim.day.options import DayError, DayOptions, TrackKind
from milepost_firmware_sim.day.planning import PlannedDay, plan_day
from milepost_firmware_sim.day.roads import roads_of
from milepost_firmware_sim.day.truth import drive_truth, truth_of
from milepost_firmware_sim.drive.writers import CsvWriter, NmeaWriter, Writer, write_drive
from milepost_firmware_sim.output import Output
from milepost_firmware_sim.receiver.receiver import Epoch, ReceiverOptions
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.geojson import read_town, to_geojson
from milepost_schemas.plan import write_plan

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def driven_days(options: DayOptions) -> Iterator[DrivenDay]:
    """Plan and drive all days, van after van; nothing is written."""
    return _Days(options).driven()


class _Days:
    """All that is asked for, with the town that it happens in."""

    def __init__(self, options: DayOptions) -> None:
        self.options = options
        town = generate_town(options.seed) if options.town is None else read_town(options.town)
        self.roads = roads_of(town)
        self.congestion = Congestion(town, self.roads.traffic, options.seed)

    def driven(self) -> Iterator[DrivenDay]:
        options = self.options
        drives = [(van, day) for day in options.dates for van in options.van_names]
        mishaps = draw_mishaps(options.seed, drives, options.wishes, options.events)
        for planned in self._planned():
            plan = planned.plan
            fate = mishaps[plan.vehicle, plan.date]
            yield drive_day(self.roads, self.congestion, planned, options.seed, fate)

    def _planned(self) -> Iterator[PlannedDay]:
        options = self.options
        clientele = Clientele(self.roads, options.seed, options.vans)
        for day in options.dates:
            shares = clientele.day(day.isoformat(), options.stops)
            for number, (van, customers) in enumerate(zip(options.van_names, shares, strict=True)):
                departs_ms = options.departs_ms(number, day)
                yield plan_day(
                    self.roads,
                    customers,
                    seed=options.seed,
                    van=van,
                    day=day,
                    departs_ms=departs_ms,
                )


def make_days(options: DayOptions, progress: Progress) -> dict[str, Any]:
    """Make all files; return the figures.

    Args:
        options: What was asked for.
        progress: Shows how many drives of how many are made.

    Raises:
        DayError: The folder cannot be used.
        OutputError: A file cannot be written.
        TownError: The town cannot be read.
    """
    options.check()
    days = _Days(options)
    _prepare(options.out)
    town = days.roads.town
    _write(options.out / "town.geojson", to_geojson(town))
    told, figures = list[dict[str, Any]](), _Figures(options)
    with progress(options.vans * options.days) as step:
        for day in days.driven():
            plan = day.planned.plan
            _write(options.out / "plans" / f"{plan.id}.json", _compact(write_plan(plan)))
            track = f"tracks/{plan.id}.{options.tracks.value}"
            epochs = measured(
                day, town.projection, options.seed, ReceiverOptions(rate_hz=1.0 / options.every_s)
            )
            writer = _track_writer(options.tracks, plan.vehicle)
            write_drive(figures.counted(epochs), [(writer, Output(options.out / track))])
            told.append(drive_truth(day, town.projection, track))
            figures.add(day)
            step(1)
    truth = truth_of(town, days.congestion, options.seed, told)
    _write(options.out / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    return figures.told()


def in_words(figures: dict[str, Any]) -> str:
    """Tell the figures to people."""
    events = ", ".join(f"{count} {kind}" for kind, count in figures["events"].items())
    return (
        f"{figures['drives']} drives over {figures['stops']} stops: {figures['driven_km']:g} km in "
        f"{figures['driven_h']:g} h, {figures['fixes']} fixes.\n"
        f"What happened: {events or 'nothing'}.\n"
        f"Plans, tracks, town and truth are in {figures['folder']}."
    )


class _Figures:
    """What was made, counted."""

    def __init__(self, options: DayOptions) -> None:
        self._options = options
        self._drives = self._stops = self._fixes = 0
        self._metres = self._seconds = 0.0
        self._events: Counter[str] = Counter()

    def counted(self, epochs: Iterable[Epoch]) -> Iterator[Epoch]:
        """Pass on epochs and count those with a place."""
        for epoch in epochs:
            self._fixes += epoch.measured.lat_deg is not None
            yield epoch

    def add(self, day: DrivenDay) -> None:
        """Count a drive."""
        self._drives += 1
        self._stops += len(day.stops)
        self._metres += day.drive.length_m
        self._seconds += day.drive.duration_s
        self._events.update(one.kind for one in day.happened)

    def told(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "folder": str(self._options.out),
            "seed": self._options.seed,
            "vans": self._options.vans,
            "days": self._options.days,
            "drives": self._drives,
            "stops": self._stops,
            "fixes": self._fixes,
            "driven_km": round(self._metres / 1000.0, 1),
            "driven_h": round(self._seconds / 3600.0, 1),
            "events": dict(sorted(self._events.items())),
        }


class VehicleCsvWriter:
    """Writes fixes as rows whose first cell says whose they are, as `import` reads them."""

    def __init__(self, vehicle: str) -> None:
        self._rows = CsvWriter()
        self._name = f"{vehicle},".encode()

    def begin(self) -> bytes:
        """Return the header."""
        return b"vehicle," + self._rows.begin()

    def epoch(self, epoch: Epoch) -> bytes:
        """Return the row of a fix."""
        row = self._rows.epoch(epoch)
        return row and self._name + row

    def end(self) -> bytes:
        """Return nothing."""
        return self._rows.end()


def _track_writer(tracks: TrackKind, vehicle: str) -> Writer:
    if tracks is TrackKind.CSV:
        return VehicleCsvWriter(vehicle)
    return NmeaWriter(ReceiverOptions().receiver_set)


def _prepare(folder: Path) -> None:
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise DayError(f"--out {folder}: is not empty")
        for part in ("plans", "tracks"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DayError(f"--out {folder}: {error.strerror}") from None


def _write(file: Path, text: str) -> None:
    with Output(file) as output:
        output.write(text.encode())


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"
