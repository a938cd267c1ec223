"""A day's record as files: JSON with a digest of itself, GeoJSON, GPX and CSV.

The digest is the SHA-256 of the record as canonical JSON (keys sorted, no spaces), without it: two
who have the same record can see that they have.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

from milepost_collector.delivery.day.building import DayRecord, DayStop
from milepost_schemas.bulk import MISSING
from milepost_schemas.event import TYPE_PREFIX, Event, rfc3339
from milepost_schemas.exported.drawn import Streams, Waypoint, geojson_lines, gpx_lines

_CREATOR = "Milepost"


def as_json(record: DayRecord) -> dict[str, Any]:
    """Write a record as a JSON value, with `sha256` of it."""
    figures, span = record.figures, record.span
    written: dict[str, Any] = {
        "vehicle": record.vehicle,
        "date": span.day.isoformat(),
        "time_zone": span.time_zone,
        "begin": rfc3339(span.begin_ms),
        "end": rfc3339(span.end_ms),
        "distance_m": figures.distance_m,
        "moving_s": figures.moving_s,
        "standing_s": figures.standing_s,
        "idling_s": figures.idling_s,
        "trips": figures.trips,
        "quality": _quality(record),
        "gaps": [
            {
                "begin": rfc3339(each.begin_ms),
                "end": rfc3339(each.end_ms),
                "distance_m": each.distance_m,
            }
            for each in figures.silences
        ],
        "stops": [_stop(stop) for stop in record.stops],
        "events": [_event(event) for event in record.events],
        "track": _track(record),
    }
    return written | {"sha256": digest(written)}


def digest(written: dict[str, Any]) -> str:
    """Return the SHA-256 of a JSON value in its canonical form, in hexadecimal digits."""
    canonical = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def as_geojson(record: DayRecord) -> dict[str, Any]:
    """Write a record as a FeatureCollection: the track in lines, stops and events as points."""
    track = json.loads("".join(geojson_lines([(record.vehicle, _streams(record))])))
    stops = [
        _point(stop.planned.place.lon_deg, stop.planned.place.lat_deg, {"stop": _stop(stop)})
        for stop in record.stops
    ]
    events = [
        _point(event.data.get("lon_deg"), event.data.get("lat_deg"), {"event": _event(event)})
        for event in record.events
    ]
    return {"type": "FeatureCollection", "features": [*track["features"], *stops, *events]}


def as_gpx(record: DayRecord) -> str:
    """Write a record as GPX 1.1: the track, and a waypoint a stop."""
    return "".join(gpx_lines([(record.vehicle, _streams(record))], _CREATOR, _waypoints(record)))


def as_csv(record: DayRecord) -> str:
    """Write what happened as a table: a row an event, and one a stop that was not reached."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["time", "what", "plan", "stop", "lat_deg", "lon_deg", "state"])
    states = {(s.plan, s.planned.id): s.standing.state.value for s in record.stops}
    for event in record.events:
        plan, stop = event.data.get("plan"), event.data.get("stop")
        state = states.get((str(plan), str(stop)), "")
        place = event.data.get("lat_deg"), event.data.get("lon_deg")
        table.writerow([rfc3339(event.time_ms), event.type, plan, stop, *place, state])
    for each in record.stops:
        if not each.visits:
            place = each.planned.place.lat_deg, each.planned.place.lon_deg
            row = ["", "stop.not_reached", each.plan, each.planned.id, *place]
            table.writerow([*row, each.standing.state.value])
    return text.getvalue()


def _quality(record: DayRecord) -> dict[str, Any]:
    figures = record.figures
    known = figures.completeness
    return {
        "fixes": figures.fixes,
        "measured": figures.measured,
        "holes": figures.holes,
        "doubted": figures.doubted,
        "late": record.late,
        "completeness": None if known is None else round(known, 4),
        "first": None if figures.first_ms is None else rfc3339(figures.first_ms),
        "last": None if figures.last_ms is None else rfc3339(figures.last_ms),
    }


def _stop(stop: DayStop) -> dict[str, Any]:
    planned, standing = stop.planned, stop.standing
    window = planned.window
    return {
        "plan": stop.plan,
        "stop": planned.id,
        "lat_deg": planned.place.lat_deg,
        "lon_deg": planned.place.lon_deg,
        "window": window and {"from": rfc3339(window.from_ms), "to": rfc3339(window.to_ms)},
        "service_s": planned.service_s,
        "state": standing.state.value,
        "attempts": standing.attempts,
        "incident": standing.incident.kind.value if standing.incident else None,
        "visits": [
            {
                "arrived": rfc3339(each.arrived_ms),
                "departed": None if each.departed_ms is None else rfc3339(each.departed_ms),
            }
            for each in stop.visits
        ],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "type": TYPE_PREFIX + event.type,
        "time": rfc3339(event.time_ms),
        "data": dict(event.data),
    }


def _track(record: DayRecord) -> dict[str, list[Any]]:
    fixes = record.fixes
    speeds = [None if v == MISSING else v / 10 for v in fixes.speed_dmps.tolist()]
    return {
        "time": [rfc3339(each) for each in fixes.time_ms.tolist()],
        "lat_deg": [each / 1e6 for each in fixes.lat_e6.tolist()],
        "lon_deg": [each / 1e6 for each in fixes.lon_e6.tolist()],
        "speed_mps": speeds,
        "holes": [place for place, hole in enumerate(fixes.hole.tolist()) if hole],
    }


def _streams(record: DayRecord) -> Streams:
    return [(b"", record.fixes.kept_fixes())]


def _waypoints(record: DayRecord) -> Iterator[Waypoint]:
    for stop in record.stops:
        lat_deg, lon_deg = stop.planned.place.lat_deg, stop.planned.place.lon_deg
        if lat_deg is not None and lon_deg is not None:
            arrived_ms = stop.visits[0].arrived_ms if stop.visits else None
            yield Waypoint(lat_deg, lon_deg, stop.planned.id, stop.standing.state.value, arrived_ms)


def _point(lon_deg: Any, lat_deg: Any, properties: dict[str, Any]) -> dict[str, Any]:
    known = lon_deg is not None and lat_deg is not None
    geometry = {"type": "Point", "coordinates": [lon_deg, lat_deg]} if known else None
    return {"type": "Feature", "properties": properties, "geometry": geometry}
