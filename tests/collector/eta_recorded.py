"""Recorded drives as days: bus trips along one route, and drives with known stops."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from milepost_collector.delivery.eta.course import Line, straight
from milepost_collector.delivery.eta.day import Day, left_ms, positions
from milepost_collector.delivery.eta.route import Call, Degrees, Position, Route, Visit
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan.plan import USUAL_SERVICE_S
from milepost_schemas.tracks.fixes import read_fixes
from tests.agent.line import RECORDED

DAY_MS = 86_400_000
# Bus stops of a town are some 300 m apart; every other one is forecast.
APART_M = 600.0
# A bus that is farther aside is not on the route.
ASIDE_M = 150.0


def tracks_of(file: str) -> dict[str, tuple[Position, ...]]:
    """Return the tracks of a recorded file by name."""
    data = gzip.decompress((RECORDED / file).read_bytes())
    return {
        track.name: positions(
            (milliseconds(fix.time), fix.lat_deg, fix.lon_deg) for fix in track.fixes
        )
        for track in read_fixes(data)
        if track.fixes
    }


def bus_days(file: str, learned: int) -> list[Day]:
    """Return the trips of a file along one route, each as a day of its own, in order of time.

    The route is that of the longest of the trips that are learned from.
    """
    trips = sorted(tracks_of(file).items(), key=lambda named: named[1][0].time_ms)
    longest = max((track for _, track in trips[:learned]), key=_length_m)
    path = tuple((each.lat_deg, each.lon_deg) for each in longest)
    return [_bus_day(name, number, track, path) for number, (name, track) in enumerate(trips)]


def _length_m(track: Sequence[Position]) -> float:
    places = [(each.lat_deg, each.lon_deg) for each in track]
    return sum(straight(one, other) for one, other in pairwise(places))


def _bus_day(name: str, number: int, track: tuple[Position, ...], path: tuple[Degrees, ...]) -> Day:
    line = Line(path)
    at = [line.nearest((each.lat_deg, each.lon_deg), 0.0, line.length_m, 0.0) for each in track]
    passed = list(_passed(track, at, line))
    calls = tuple(Call(f"m{mark:.0f}", *line.at(mark), 0.0, radius_m=0.0) for mark, _ in passed)
    visits = tuple(
        Visit(call.id, time_ms, time_ms) for call, (_, time_ms) in zip(calls, passed, strict=True)
    )
    begin = track[0]
    start = begin.lat_deg, begin.lon_deg
    route = Route(calls, path, start, begin.time_ms, start_radius_m=0.0)
    return Day(name, begin.time_ms // DAY_MS + number, route, begin.time_ms, visits, track)


def _passed(
    track: Sequence[Position], at: Sequence[tuple[float, float]], line: Line
) -> Iterator[tuple[float, int]]:
    """Yield when marks along the route were passed, between two positions."""
    mark, before = 0.0, None
    for position, (aside_m, along_m) in zip(track, at, strict=True):
        if aside_m > ASIDE_M or (before is not None and along_m <= before[1]):
            continue
        if before is None:
            mark = (along_m // APART_M + 1) * APART_M
        while before is not None and mark <= along_m:
            share = (mark - before[1]) / (along_m - before[1])
            yield mark, round(before[0] + share * (position.time_ms - before[0]))
            mark += APART_M
        before = position.time_ms, along_m


def stop_days() -> list[Day]:
    """Return the recorded drives of which the truth knows at least two stops."""
    days = [
        day
        for path in sorted((RECORDED / "truth").glob("*.json.gz"))
        if (day := _stop_day(path.name.removesuffix(".json.gz"))) is not None
    ]
    return sorted(days, key=lambda day: day.visits[0].arrived_ms)


def _stop_day(name: str) -> Day | None:
    truth = json.loads(gzip.decompress((RECORDED / f"truth/{name}.json.gz").read_bytes()))
    found = [
        file
        for file in (f"drives/{name}.nmea.gz", f"gpx/{name}.gpx.gz")
        if (RECORDED / file).exists()
    ]
    if isinstance(truth, list) or len(truth["stops"]) < 2 or not found:
        return None
    stops = [
        (_ms(stop["start"]), _ms(stop["end"]), stop["lat"], stop["lon"]) for stop in truth["stops"]
    ]
    (track,) = tracks_of(found[0]).values()
    return day_of_stops(name, stops, track)


def announced_day(file: str) -> Day:
    """Return the drive of a file of which the manifest names the stops, and the arrivals."""
    entries = json.loads((RECORDED / "manifest.json").read_text(encoding="utf-8"))["entries"]
    expect: dict[str, Any] = next(each for each in entries if each["file"] == file)["expect"]
    arrivals = json.loads(gzip.decompress((RECORDED / expect["arrivals"]).read_bytes()))
    stops = []
    for each in arrivals:
        stop, begin_ms = expect["stops"][each["stop_idx"]], each["timestamp"] * 1000
        stops.append((begin_ms, begin_ms + each["dwell_s"] * 1000, stop["lat"], stop["lon"]))
    (track,) = tracks_of(file).values()
    return day_of_stops(file, stops, track)


def day_of_stops(
    name: str, stops: Iterable[tuple[int, int, float, float]], track: tuple[Position, ...]
) -> Day:
    """Return a drive as a day that was planned to make its stops, each as long as usual."""
    stops = list(stops)
    calls = tuple(
        Call(f"s{number}", lat, lon, USUAL_SERVICE_S, radius_m=0.0)
        for number, (_, _, lat, lon) in enumerate(stops)
    )
    visits = tuple(
        Visit(f"s{number}", begin, end) for number, (begin, end, _, _) in enumerate(stops)
    )
    begin = track[0]
    route = Route(calls, (), (begin.lat_deg, begin.lon_deg), begin.time_ms)
    left = left_ms(route, track, visits[0].arrived_ms)
    return Day(name, begin.time_ms // DAY_MS, route, left, visits, track)


def _ms(text: str) -> int:
    return milliseconds(datetime.fromisoformat(text))
