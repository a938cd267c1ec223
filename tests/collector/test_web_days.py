"""The record of a vehicle's day over HTTP."""

import hashlib
import json

import pytest

from milepost_schemas.fix import instant
from milepost_schemas.plan import Place, Plan, Stop
from tests.collector.batches import NOW, START_MS, drive, message, take
from tests.collector.plans import put
from tests.collector.test_web_events import get
from tests.fixtures.servers import FreshDatabase

DRIVE = drive(1, 200)
DAY = "/v1/vehicles/van-1/days/2026-11-19"


@pytest.fixture
def driven(database: FreshDatabase) -> FreshDatabase:
    """A database with a plan and a drive along its stop."""
    fix = DRIVE[60].fix
    place = Place(fix.lat_deg, fix.lon_deg)
    plan = Plan("tour-1", "van-1", NOW.date(), (Stop("A", place, 200.0),), "Europe/Berlin")
    put(database, plan, effective_at=instant(START_MS))
    take(database, message(DRIVE))
    return database


def test_day_over_http_is_the_record_with_its_digest(driven: FreshDatabase) -> None:
    """In the zone of its plan; whoever reckons the digest finds the same."""
    (answer,) = get(driven, DAY)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    day = answer.json()
    assert (day["time_zone"], day["begin"]) == ("Europe/Berlin", "2026-11-18T23:00:00.000Z")
    assert day["quality"]["fixes"] == len(day["track"]["time"]) == 200
    assert day["distance_m"] == pytest.approx(1990, rel=0.02)
    (stop,) = day["stops"]
    assert (stop["stop"], len(stop["visits"])) == ("A", 1)
    told = day.pop("sha256")
    canonical = json.dumps(day, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == told


def test_day_over_http_has_four_forms(driven: FreshDatabase) -> None:
    """Each of its media type, and none of them empty."""
    forms = {
        "/geojson": ("application/geo+json", b"FeatureCollection"),
        "/gpx": ("application/gpx+xml", b"<trkpt"),
        "/csv": ("text/csv; charset=utf-8", b"stop.arrived"),
    }
    answers = get(driven, *(DAY + form for form in forms))
    for answer, (kind, within) in zip(answers, forms.values(), strict=True):
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert within in answer.content


def test_day_in_another_zone_is_another_day(driven: FreshDatabase) -> None:
    """In Auckland the drive was on the 20th."""
    there, before = get(
        driven, f"{DAY[:-2]}20?zone=Pacific/Auckland", f"{DAY}?zone=Pacific/Auckland"
    )
    assert (there.json()["quality"]["fixes"], before.json()["quality"]["fixes"]) == (200, 0)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/vehicles/nobody/days/2026-11-19", 404, "there is no vehicle 'nobody'"),
        ("/v1/vehicles/van-1/days/19.11.2026", 400, "date='19.11.2026' is not a date, YYYY-MM-DD"),
        (f"{DAY}?zone=Mars/Base", 400, "zone='Mars/Base' is not a time zone by its IANA name"),
    ],
)
def test_day_that_cannot_be_told_says_why(
    driven: FreshDatabase, path: str, status: int, said: str
) -> None:
    """What, and with which value."""
    (answer,) = get(driven, path)
    assert (answer.status_code, answer.json()["error"]) == (status, said)
