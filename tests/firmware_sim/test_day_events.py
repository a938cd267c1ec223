"""Delivery days through the real programs: what the engine finds is what the truth tells."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from milepost_schemas.plan import Plan
from tests.firmware_sim.delivery_days import Days, files_of, made, read_days, seconds
from tests.firmware_sim.driven import apart_m
from tests.firmware_sim.programs import MILEPOST_SIM

_COLLECTOR = Path(sys.executable).with_name("milepost-collector")


_DEADLINE_S = 240.0
_ASKED = "--seed 4 --vans 2 --stops 10 --tracks csv --detour van-2"


def _ended(*command: str | Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, capture_output=True, check=False, timeout=_DEADLINE_S)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Return a day of two vans, made by the installed program."""
    folder = tmp_path_factory.mktemp("days") / "out"
    ended = _ended(MILEPOST_SIM, "day", *shlex.split(_ASKED), "--json", "--out", folder)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)
    assert (figures["drives"], figures["stops"]) == (2, 20)
    assert figures["events"] == {"detour": 1}
    return read_days(folder)


def _fences(plans: list[Plan]) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "id": stop.id + plan.vehicle,
            "geometry": {
                "type": "Point",
                "coordinates": [stop.place.lon_deg, stop.place.lat_deg],
            },
            "properties": {"radius_m": stop.radius_m, "vehicles": [plan.vehicle]},
        }
        for plan in plans
        for stop in plan.stops
    ]
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture(scope="module")
def events(days: Days) -> list[dict[str, Any]]:
    """Return what `milepost-collector events try` makes of all tracks, the stops as fences."""
    fences = days.folder / "fences.geojson"
    fences.write_text(json.dumps(_fences([days.plan(drive) for drive in days.drives])))
    tracks = [days.folder / drive["track"] for drive in days.drives]
    options: list[str | Path] = ["--device-from-track", "--json", "--fences", fences]
    ended = _ended(_COLLECTOR, "events", "try", *tracks, *options)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _of(
    events: list[dict[str, Any]], vehicle: str, kind: str, fence: str | None = None
) -> list[dict[str, Any]]:
    return [
        event
        for event in events
        if event["subject"] == vehicle
        and event["type"] == f"org.milepost.{kind}"
        and event["data"].get("fence") == fence
    ]


def test_day_is_the_same_in_another_process(days: Days, tmp_path: Path) -> None:
    """Another interpreter, with other hashes of texts, makes the same files."""
    again = made(tmp_path / "out", _ASKED)
    for name, data in files_of(again.folder).items():
        assert data == (days.folder / name).read_bytes()


def test_events_vehicle_stops_at_every_true_stop(days: Days, events: list[dict[str, Any]]) -> None:
    """Where a van truly stood for more than 70 s the engine tells of a stop, then and there."""
    found = stood = 0
    for drive in days.drives:
        told = _of(events, drive["vehicle"], "vehicle.stopped")
        for stop in drive["stops"]:
            arrived_s, departed_s = seconds(stop["arrived"]), seconds(stop["departed"])
            if departed_s - arrived_s <= 70.0:
                continue
            stood += 1
            found += any(
                abs(seconds(event["time"]) - arrived_s) < 20.0
                and apart_m(
                    (event["data"]["lat_deg"], event["data"]["lon_deg"]),
                    (stop["lat_deg"], stop["lon_deg"]),
                )
                < 30.0
                for event in told
            )
    assert stood >= 15
    assert found >= stood - 1


def test_events_fences_are_visited_when_the_truth_says(
    days: Days, events: list[dict[str, Any]]
) -> None:
    """Each stop's circle is entered and left at the true times, but for the receiver's error."""
    off_s = []
    for drive in days.drives:
        vehicle = drive["vehicle"]
        for stop in drive["stops"]:
            for kind, name in (("fence.entered", "entered"), ("fence.exited", "exited")):
                told = _of(events, vehicle, kind, stop["stop"] + vehicle)
                true_s = seconds(stop[name])
                off_s.append(min(abs(seconds(event["time"]) - true_s) for event in told))
    assert len(off_s) == 40
    off_s.sort()
    assert off_s[len(off_s) * 9 // 10] < 8.0
