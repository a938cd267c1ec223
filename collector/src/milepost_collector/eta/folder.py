"""Delivery days out of folders as `milepost-sim day` writes them.

A folder holds `truth.json`, which names for each drive its plan (`plans/<plan>.json`), its track,
when the van left the depot, and when it entered and left the radius of each stop; that is when the
engine says that a vehicle arrived and departed.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from milepost_collector.delivery.eta.day import Day, positions
from milepost_collector.delivery.eta.route import Position, Route, Visit, route_of
from milepost_collector.eta.errors import EtaError
from milepost_collector.importing.files import FileError, unpacked
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan import Plan, PlanError, read_plan
from milepost_schemas.tracks.fixes import read_fixes
from milepost_schemas.tracks.track import TrackError

TRUTH = "truth.json"


def read_days(folder: Path, step: Callable[[int], None] = lambda _: None) -> Iterator[Day]:
    """Yield the days of a folder, or of the folders in it.

    Args:
        folder: Where `truth.json` is, or folders with one.
        step: Is told after each drive that it is one more.

    Raises:
        EtaError: There is none, or a file cannot be used.
    """
    for truth in truths(folder):
        told = _json(truth)
        try:
            drives = told["drives"]
            for drive in drives:
                yield _day(truth.parent, drive)
                step(1)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EtaError(f"{truth}: not as `milepost-sim day` writes it: {error!r}") from None


def truths(folder: Path) -> list[Path]:
    """Return the truths of a folder, or of the folders in it.

    Raises:
        EtaError: There is none.
    """
    own = folder / TRUTH
    found = [own] if own.is_file() else sorted(folder.glob(f"*/{TRUTH}"))
    if not found:
        raise EtaError(f"{folder}: neither it nor a folder in it holds {TRUTH}")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(unpacked(path))
    except (FileError, ValueError) as error:
        raise EtaError(f"{path}: {error}") from None


def _day(folder: Path, drive: Mapping[str, Any]) -> Day:
    path = folder / "plans" / f"{drive['plan']}.json"
    try:
        plan = read_plan(_json(path))
    except PlanError as error:
        raise EtaError(f"{path}: {error}") from None
    visits = [
        Visit(stop["stop"], _ms(stop["entered"]), _ms(stop["exited"]))
        for stop in drive["stops"]
        if stop["entered"] is not None and stop["exited"] is not None
    ]
    return Day(
        plan.id,
        day_number(plan),
        _route(plan, drive["stops"]),
        None if drive["departed"] is None else _ms(drive["departed"]),
        tuple(sorted(visits, key=lambda visit: visit.arrived_ms)),
        _track(folder / drive["track"]),
    )


def _route(plan: Plan, stops: list[Mapping[str, Any]]) -> Route:
    """Return the route of a plan, with the times that its maker had in mind."""
    planned = {
        stop["stop"]: _ms(stop["planned_arrival"]) for stop in stops if stop["planned_arrival"]
    }
    return route_of(plan, offset_s(plan), planned_ms=planned)


def day_number(plan: Plan) -> int:
    """Return how many days a plan's date is after 1970-01-01."""
    return plan.date.toordinal() - date(1970, 1, 1).toordinal()


def offset_s(plan: Plan) -> float:
    """Return local time minus UTC at noon of a plan's day."""
    noon = datetime.combine(plan.date, time(12), ZoneInfo(plan.time_zone))
    offset = noon.utcoffset()
    return offset.total_seconds() if offset else 0.0


def _track(path: Path) -> tuple[Position, ...]:
    try:
        tracks = read_fixes(unpacked(path))
    except (FileError, TrackError) as error:
        raise EtaError(f"{path}: {error}") from None
    fixes = [fix for track in tracks for fix in track.fixes]
    return positions((milliseconds(fix.time), fix.lat_deg, fix.lon_deg) for fix in fixes)


def _ms(text: str) -> int:
    return milliseconds(datetime.fromisoformat(text))
