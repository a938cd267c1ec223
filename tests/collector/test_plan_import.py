"""Plans from files: what is taken, what is refused by its line, and addresses that are found."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.config import ConfigError, GeocoderConfig, read_config
from milepost_collector.planning.geocoder import Geocoder
from milepost_collector.planning.locating import AddressError
from milepost_collector.store.plans.orders import where_order
from milepost_collector.store.plans.record import changes
from milepost_collector.store.plans.rows import stored_plan
from milepost_collector.store.plans.versions import load_versions
from milepost_schemas.plan import Plan, read_plan
from tests.collector.geocoders import Asked, geocoders
from tests.collector.plans import a_plan, causes, plan_value, put, within
from tests.collector.programs import run, settings
from tests.collector.web_server import served
from tests.fixtures.servers import FreshDatabase

HEADER = "plan;vehicle;date;time_zone;stop;lat;lon;address;from;to;order;parcels;name;phone"
ROW = "p1;van-1;2026-11-19;Europe/Berlin"
TABLE = f"""{HEADER}
{ROW};s1;48,01;11,5;Ringstrasse 1;09:00;11:00;o1;k1 k2;"Ada; Ltd";+4917012345678
{ROW};s2;48.02;11.5;;;;o2;k3;Bob;0170

{ROW};s3;;;Nowhere 7;;;o3;;;
{ROW};s1;;;;;;o4;k4;Cid;
{ROW};s1;;;;;;o1;;;
;;;;s5;48;11;;;;;;;
{ROW};s6;48.06;11.5;;2026-11-19T12:00:00Z;2026-11-19T13:00:00+01:00;o6;;;
{ROW};;48.07;11.5;;;;o7;;;
"""


def imported(
    database: FreshDatabase, *arguments: str | Path, more: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Import with a report for machines; return the exit code and the report of the only file."""
    done = run("plans", "import", *arguments, "--json", more=settings(database.dsn) | (more or {}))
    assert done.stderr == ""
    (report,) = json.loads(done.stdout)["files"]
    return done.returncode, report


def refused(report: dict[str, Any]) -> dict[str, str]:
    """Return why lines were refused."""
    return {e["line"]: e["why_refused"] for e in report["lines"] if e["why_refused"]}


def plan_of(database: FreshDatabase, name: str = "p1") -> Plan:
    """Return a stored plan."""
    return within(database, lambda connection: stored_plan(connection, name)).plan


@pytest.fixture
def services() -> Iterator[Asked]:
    """Geocoders of ours."""
    with geocoders() as asked:
        yield asked


def configured(kind: str, asked: Asked) -> dict[str, str]:
    """Return the environment that names a geocoder of ours."""
    url = asked.url + ("/osm" if kind == "nominatim" else "")
    named = {"KIND": kind, "URL": url, "RATE_PER_S": "200", "USER_AGENT": "tests"}
    return {f"MILEPOST_GEOCODER__{name}": value for name, value in named.items()}


def test_table_is_taken_line_by_line(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """Good lines are stored, bad ones told by number and reason; exit code 2; again no change."""
    path = tmp_path / "day.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode())
    code, report = imported(plain_database, path)
    assert (code, report["taken"], report["refused"]) == (2, 3, 5)
    why = refused(report)
    assert list(why) == ["3", "5", "7", "8", "9"]
    assert "contact.phone: '0170' is not a number in the form +49170" in why["3"]
    assert "address 'Nowhere 7': has no lat_deg and lon_deg, and no [geocoder]" in why["5"]
    assert why["7"] == "order o1 stands in a line before"
    assert why["8"] == "vehicle and date not said"
    assert "window.to" in why["9"]
    plan = plan_of(plain_database)
    assert [stop.id for stop in plan.stops] == ["s1", "o7"]
    first = plan.stops[0]
    assert first.window is not None
    assert first.window.from_ms == 1_795_075_200_000  # 08:00 UTC: 09:00 in Berlin
    assert [(order.id, order.parcels, order.contact.name) for order in first.orders] == [
        ("o1", ("k1", "k2"), "Ada; Ltd"),
        ("o4", ("k4",), "Cid"),
    ]
    code, again = imported(plain_database, path)
    assert (code, again["plans"][0]["changes"]) == (2, 0)
    record = within(plain_database, lambda c: changes(c, "plan/p1"))
    assert {(row.entry.source, row.entry.input) for row in record} == {("import", "day.csv:2")}


def test_refused_line_drops_no_stop_that_is_stored(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """A slip of the pen in the file of later leaves its stop as it was."""
    put(plain_database, a_plan(3))
    value = plan_value(3)
    row = "p1,van-1,2026-11-19,Europe/Berlin"
    path = tmp_path / "later.csv"
    path.write_text(
        "plan,vehicle,date,time_zone,stop,lat,lon,order,phone\n"
        f"{row},s1,48.01,11.5,o1,\n{row},s2,48.02,11.5,o2,0170\n"
    )
    code, report = imported(plain_database, path)
    assert (code, report["plans"][0]["kept"]) == (2, ["s2"])
    assert [stop.id for stop in plan_of(plain_database).stops] == ["s1", "s2"]
    assert plan_of(plain_database).stops[1] == read_plan(value).stops[1]


def test_good_table_of_commas_is_taken_whole(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """Commas, options for what no column says, gzip; exit code 0 and a sentence for each line."""
    path = tmp_path / "day.csv.gz"
    path.write_bytes(gzip.compress(b"Order,Lat,Lon\no1,48.01,11.5\no2,48.02,11.5\n"))
    options = ["--vehicle", "van-1", "--date", "2026-11-19", "--time-zone", "Europe/Berlin"]
    done = run("plans", "import", path, *options, more=settings(plain_database.dsn))
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{path}:2: plan van-1.2026-11-19, stop o1, order o1: taken",
        f"{path}:3: plan van-1.2026-11-19, stop o2, order o2: taken",
        "plan van-1.2026-11-19: 2 stops, made",
        f"{path}: 2 taken, 0 refused",
    ]


def test_points_are_taken_in_their_order(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """GeoJSON: Points are stops, a LineString is the way, members hold for all."""

    def point(lon: float, lat: float, **properties: Any) -> dict[str, Any]:
        geometry = {"type": "Point", "coordinates": [lon, lat]}
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    line = {"type": "LineString", "coordinates": [[11.5, 48.0], [11.6, 48.1]]}
    features = [
        {**point(11.5, 48.01, **{"marker-color": "red"}), "id": "a"},
        {"type": "Feature", "geometry": line, "properties": None},
        point(11.6, 48.02, order="o2", parcels=["k1"], radius_m=80, service_s=60.5),
        point(11.7, 98.0, stop="c"),
        {"type": "Feature", "geometry": None, "properties": {"address": "Ringstrasse 9"}},
    ]
    whole = {"type": "FeatureCollection", "plan": "p1", "vehicle": "v", "date": "2026-11-19"}
    path = tmp_path / "day.geojson"
    path.write_text(json.dumps({**whole, "features": features}))
    code, report = imported(plain_database, path)
    assert (code, list(refused(report))) == (2, ["4", "5"])
    assert "lat_deg: 98" in refused(report)["4"]
    plan = plan_of(plain_database)
    assert [(s.id, s.place.lat_deg, s.radius_m) for s in plan.stops] == [
        ("a", 48.01, 50.0),
        ("o2", 48.02, 80.0),
    ]
    assert plan.path == ((48.0, 11.5), (48.1, 11.6))


def test_json_is_one_plan_or_many(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """One that is wrong is refused with all its problems, and so is one against what was done."""
    path = tmp_path / "days.json"
    plans = [
        plan_value(2),
        plan_value(1, name="p2", prefix="x", vehicle="van 2", date="someday"),
        plan_value(1, name="p3"),
        plan_value(1, name="p1", prefix="y"),
        17,
    ]
    path.write_text(json.dumps(plans))
    code, report = imported(plain_database, path)
    why = refused(report)
    assert (code, report["taken"], list(why)) == (2, 2, ["2", "3.stops[0]", "4", "5"])
    assert "vehicle: 'van 2' is not a vehicle" in why["2"]
    assert "date: 'someday' is not a date" in why["2"]
    assert "order o1 is at stop s1 of plan p1, which is pending" in why["3.stops[0]"]
    assert "plan p1 stands twice in this file" in why["4"]
    path.write_text(json.dumps(plan_value(2)))
    assert imported(plain_database, path)[0] == 0
    assert plan_of(plain_database) == a_plan(2)
    assert set(causes(plain_database).values()) == {None}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"stop;latt\n", "the first line has 'latt'; known are plan, vehicle, date"),
        (b"stop;stop\n", "the first line has stop twice"),
        (b"", "the first line has no columns"),
        (b"stop;lat\n\xff;5\n", "is not UTF-8: byte 9"),
        (b"stop;lat\ns1;5;6\n", "line 2 has 3 cells, not 2"),
        (b'stop;lat\n"s1;5\n', "line 2: unexpected end of data"),
        (b'{"type": "FeatureCollection"}', "has no list of features"),
        (
            b'{"type": "FeatureCollection", "features": [5, {"geometry": {"type": "Polygon"}}]}',
            "no P",
        ),
        (b'{"id": ', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"\x1f\x8bnothing", "damaged gzip"),
    ],
)
def test_file_that_is_none_is_refused_in_a_line(
    plain_database: FreshDatabase, tmp_path: Path, content: bytes, why: str
) -> None:
    """It says why, and the other file is imported all the same."""
    bad, good = tmp_path / "bad", tmp_path / "good.json"
    bad.write_bytes(content)
    good.write_text(json.dumps(plan_value(1)))
    done = run("plans", "import", bad, good, more=settings(plain_database.dsn))
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{bad}: refused: ")
    assert why in lines[0]
    assert "plan p1: 1 stops, made" in lines


def test_plans_of_days_gone_by_hold_from_their_beginning(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """With `--recorded`, midnight where the vehicle is; so what was driven can be judged."""
    path = tmp_path / "day.json"
    path.write_text(json.dumps(plan_value(1)))
    assert imported(plain_database, path, "--recorded")[0] == 0
    ((effective_ms, _),) = within(plain_database, load_versions)["p1"]
    assert effective_ms == 1_795_042_800_000  # 2026-11-18T23:00Z


@pytest.mark.parametrize("kind", ["nominatim", "photon"])
def test_addresses_are_found_or_refused_by_line(
    plain_database: FreshDatabase, tmp_path: Path, services: Asked, kind: str
) -> None:
    """A sure one is taken; none, two far apart, or a street alone is refused; again not asked."""
    addresses = ["Ringstrasse 1", "Ringstrasse 2", "Twin house 3", "Ringstrasse"]
    addresses += ["Bahnhofstrasse 1", "Nowhere 7"]
    rows = [f"p1,van-1,2026-11-19,s{n},{a}" for n, a in enumerate(addresses, 1)]
    path = tmp_path / "day.csv"
    path.write_text("\n".join(["plan,vehicle,date,stop,address", *rows]))
    code, report = imported(plain_database, path, more=configured(kind, services))
    why = refused(report)
    assert (code, list(why)) == (2, ["5", "6", "7"])
    assert "the geocoder is unsure: it knows no house there, only 'Ringstrasse" in why["5"]
    assert "the geocoder is unsure: 'Bahnhofstrasse 1" in why["6"]
    assert "the geocoder knows no such address" in why["7"]
    found = {
        s.place.address: (s.place.lat_deg, s.place.lon_deg) for s in plan_of(plain_database).stops
    }
    assert found == {
        "Ringstrasse 1": (48.01, 11.51),
        "Ringstrasse 2": (48.0201, 11.5201),
        "Twin house 3": (48.03, 11.53),
    }
    assert (services.addresses, services.agents) == (addresses, {"tests"})
    code, report = imported(plain_database, path, more=configured(kind, services))
    assert (report["plans"][0]["changes"], services.addresses[6:]) == (0, addresses[3:])


def test_geocoder_that_does_not_answer_refuses_the_line(services: Asked) -> None:
    """A service that refuses is told as such."""
    config = GeocoderConfig(kind="nominatim", url=f"{services.url}/osm", rate_per_s=1000)
    services.status = 403
    with pytest.raises(AddressError, match="the geocoder does not answer"):
        Geocoder(config).find("Ringstrasse 1")


def test_plan_by_http_has_its_addresses_found(
    plain_database: FreshDatabase, services: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a geocoder, a plan of addresses is taken; where one is not found, 400 says which."""
    for name, text in configured("photon", services).items():
        monkeypatch.setenv(name, text)
    config = read_config(None).geocoder
    value = plan_value(2)
    for stop in value["stops"]:
        del stop["lat_deg"], stop["lon_deg"]

    async def work() -> None:
        async with served(plain_database.dsn, geocoder=config) as client:
            for status, changed in ((201, True), (200, False)):
                answer = await client.put("/v1/plans/p1", json=value)
                assert (answer.status_code, bool(answer.json()["changes"])) == (status, changed)
            value["stops"][1]["address"] = "Nowhere 7"
            answer = await client.put("/v1/plans/p1", json=value)
            (problem,) = answer.json()["problems"]
            assert (answer.status_code, problem["where"]) == (400, "stops[1]")

    asyncio.run(work())
    assert services.addresses == ["Ringstrasse 1", "Ringstrasse 2", "Nowhere 7"]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"KIND": "google"}, "geocoder.kind = 'google'"),
        ({"KIND": "photon"}, "url is not set"),
        ({"KIND": "photon", "URL": "photon.example.org"}, "geocoder.url"),
        ({"RATE_PER_S": "0"}, "geocoder.rate_per_s"),
    ],
)
def test_geocoder_that_is_configured_wrongly_is_refused(
    values: dict[str, str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names the key."""
    for name, value in values.items():
        monkeypatch.setenv(f"MILEPOST_GEOCODER__{name}", value)
    with pytest.raises(ConfigError, match=line):
        read_config(None)


def test_order_of_a_file_is_known_to_the_api(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """What was imported is where it is."""
    path = tmp_path / "day.json"
    path.write_text(json.dumps(plan_value(2)))
    imported(plain_database, path)
    at = within(plain_database, lambda c: where_order(c, "o2")).at
    assert at is not None
    assert (at.stop, at.stops_before) == ("s2", 1)
