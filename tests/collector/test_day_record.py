"""The record of a day: what fixes, events and plans come to."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

import pytest

from milepost_collector.delivery.day import (
    DayRecord,
    Span,
    as_csv,
    as_geojson,
    as_gpx,
    as_json,
    build,
)
from milepost_collector.delivery.states import Standing, StopState
from milepost_collector.engine import Definitions, RuleBook, Version, planned_fences
from milepost_collector.engine.nearby import FenceIndex
from milepost_schemas.bulk import FixRows
from milepost_schemas.fix import KeptFix
from milepost_schemas.plan import Place, Plan, Stop
from tests.collector.engine_tracks import START_MS, VEHICLE, at, go, place, straight, track

DAY = Span(date(2026, 9, 21), "UTC")

# 500 m, ten minutes at a door, 500 m back; then silent for a quarter of an hour, and a minute on.
DRIVE = [
    *straight(0, 50, 0, 10, speed_dmps=100),
    *straight(51, 650, 500, 0, speed_dmps=0),
    *straight(651, 700, 490, -10, speed_dmps=100),
    *straight(1601, 1660, 10, 10, speed_dmps=100),
]


def stop(name: str, x_m: float) -> Stop:
    """Plan a stop."""
    lon_deg, lat_deg = place(x_m, 0)
    return Stop(name, Place(lat_deg, lon_deg))


PLAN = Plan("tour-1", VEHICLE, DAY.day, (stop("A", 500), stop("B", 9_000)))


def record(fixes: list[KeptFix] | None = None, rules: RuleBook | None = None) -> DayRecord:
    """Drive, tell the events, and put the day together."""
    kept = track(*DRIVE, holes=[len(DRIVE) - 59]) if fixes is None else fixes
    index = FenceIndex(planned_fences([(0, PLAN)]))
    events = go(kept, Definitions.always(Version.of(), index)).events
    standings = {"A": Standing(StopState.ARRIVED), "B": Standing()}
    plans = [(PLAN, standings)]
    return build(VEHICLE, DAY, FixRows.of([(0, kept)]), events, plans, rules or RuleBook(), late=7)


def test_figures_of_a_day_add_up_to_the_time_that_it_lasted() -> None:
    """Moving, standing and silence are all of it; the way is what was driven."""
    figures = record().figures
    assert figures.standing_s == pytest.approx(600, abs=8)
    assert figures.idling_s == figures.standing_s
    (silence,) = figures.silences
    assert (silence.end_ms - silence.begin_ms) / 1000 == 901
    assert figures.moving_s + figures.standing_s + 901 == pytest.approx(1660)
    assert figures.distance_m == pytest.approx(1_590, rel=0.02)
    assert (figures.fixes, figures.measured, figures.holes) == (len(DRIVE), len(DRIVE), 1)
    assert figures.completeness == pytest.approx(1 - 901 / 1660)


def test_stops_of_a_day_stand_as_planned_and_as_they_were() -> None:
    """A stop that was reached has its visit, one that was not has none."""
    reached, missed = record().stops
    (visit,) = reached.visits
    assert (visit.arrived_ms - START_MS) / 1000 == pytest.approx(45, abs=1)
    assert visit.departed_ms is not None
    assert (visit.departed_ms - START_MS) / 1000 == pytest.approx(656, abs=2)
    assert (reached.standing.state, missed.visits) == (StopState.ARRIVED, ())


def test_visit_that_began_the_day_before_is_told_with_its_beginning() -> None:
    """Only the departure lies in the day: it says when the vehicle had arrived."""
    whole = record()
    events = [each for each in whole.events if each.type != "stop.arrived"]
    day = build(VEHICLE, DAY, whole.fixes, events, [(PLAN, {})], RuleBook())
    assert day.stops[0].visits == whole.stops[0].visits


def test_same_day_has_the_same_digest_and_another_has_another() -> None:
    """Whoever has the record can see that nothing of it was changed."""
    written = as_json(record())
    assert written == as_json(record())
    other = as_json(replace(record(), late=8))
    assert other["sha256"] != written["sha256"]
    assert json.loads(json.dumps(written)) == written


def test_day_without_fixes_is_a_record_too() -> None:
    """A van that stayed off: its plan stands there, and nothing else."""
    written = as_json(record([]))
    assert (written["distance_m"], written["quality"]["completeness"]) == (0.0, None)
    assert [each["visits"] for each in written["stops"]] == [[], []]
    assert as_geojson(record([]))["features"][0]["properties"]["stop"]["stop"] == "A"


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_day_lasts_from_midnight_to_midnight_where_the_vehicle_is(day: date, hours: int) -> None:
    """Clocks that are put forward or back make it shorter or longer."""
    span = Span(day, "Europe/Berlin")
    assert (span.end_ms - span.begin_ms) / 3_600_000 == hours


def test_gpx_of_a_day_holds_its_track_and_its_stops() -> None:
    """Two segments, since nothing was measured in between, and a waypoint a stop."""
    root = ET.fromstring(as_gpx(record()))
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    assert [each.text for each in root.findall("g:wpt/g:name", space)] == ["A", "B"]
    segments = root.findall("g:trk/g:trkseg", space)
    assert [len(each) for each in segments] == [len(DRIVE) - 60, 60]


def test_geojson_of_a_day_holds_lines_stops_and_events() -> None:
    """Each with where it was."""
    features = as_geojson(record())["features"]
    kinds = [
        next(iter({"stop", "event"} & each["properties"].keys()), "track") for each in features
    ]
    assert kinds[:2] == ["track", "track"]
    assert kinds.count("stop") == 2
    assert kinds.count("event") == len(record().events)
    assert all(each["geometry"] is not None for each in features)


def test_table_of_a_day_has_a_row_an_event_and_one_a_stop_that_was_not_reached() -> None:
    """What people open in a spreadsheet."""
    rows = list(csv.DictReader(io.StringIO(as_csv(record()))))
    assert len(rows) == len(record().events) + 1
    assert (rows[-1]["what"], rows[-1]["stop"], rows[-1]["state"]) == (
        "stop.not_reached",
        "B",
        "pending",
    )
    arrived = next(each for each in rows if each["what"] == "stop.arrived")
    assert (arrived["stop"], arrived["state"]) == ("A", "arrived")


def test_figures_go_by_the_rules_of_the_fleet() -> None:
    """With a stop of twenty minutes at least, ten at a door are none."""
    rules = RuleBook(replace(RuleBook().usual, stop_s=1200, trip_end_s=1200, idle_s=None))
    assert record(rules=rules).figures.standing_s == 0.0


def test_doubted_fixes_are_counted_by_their_reason() -> None:
    """A jump over 90 km is told as what it is."""
    jumped = [*DRIVE[:30], at(30, 90_000, speed_dmps=100), *DRIVE[31:]]
    assert record(track(*jumped)).figures.doubted == {"teleport": 1}
