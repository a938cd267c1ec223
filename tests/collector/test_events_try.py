"""`milepost-collector events try`: the engine over files, without any server."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.engine import Definitions, RuleBook, Rules, Version
from milepost_collector.engine.telling import TYPES
from milepost_collector.events.trial import Figures, in_order, try_drives
from milepost_collector.importing.drives import by_device, read_drives
from milepost_collector.importing.files import unpacked
from milepost_schemas.event import Event, cloud_event, event_id
from milepost_schemas.exported.drawn import gpx_lines
from milepost_schemas.exported.rows import COLUMNS, row_of
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.tracks.track import TrackError
from tests.agent.line import RECORDED, needs_recorded
from tests.collector.batches import NOW_MS, START_MS, STREAM, drive
from tests.collector.fences import circle, collection
from tests.collector.programs import run
from tests.schemas.described import EVENT_SCHEMA, assert_described

DRIVE = drive(1, 300)
YARD = circle("yard", DRIVE[150].fix, 200)

TRIP = {
    "lat_deg": 48.0,
    "lon_deg": 11.0,
    "odometer_m": 5.0,
    "confirmed_at": "2026-11-19T12:00:00.000Z",
}
TRIP_ID = event_id("unit", START_MS, "trip.started", "")


def gpx(*tracks: tuple[str, Sequence[KeptFix]]) -> bytes:
    """A GPX file."""
    lines = gpx_lines([(name, [(STREAM, fixes)]) for name, fixes in tracks], "tests")
    return "".join(lines).encode()


def table(device: str, fixes: Sequence[KeptFix]) -> bytes:
    """What `export` writes of fixes."""
    rows = [COLUMNS, *((device, *row_of(STREAM, kept)) for kept in fixes)]
    return "".join(",".join(row) + "\n" for row in rows).encode()


@pytest.fixture
def fences(tmp_path: Path) -> Path:
    """A fence file with one fence on the way."""
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps(collection(YARD)))
    return path


def tried(*arguments: str | Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the command; return its events, each held against the schema, and its figures."""
    done = run("events", "try", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        assert "recordedat" not in event
        assert "cursor" not in event
        assert_described(event | {"recordedat": event["time"], "cursor": "none"})
    return events, json.loads(done.stderr)


def told(events: Sequence[dict[str, Any]], prefix: str = "org.milepost.fence.") -> list[str]:
    """The types of those that begin so, in their order."""
    return [each["type"].removeprefix(prefix) for each in events if each["type"].startswith(prefix)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "data", [gpx(("a ride", DRIVE)), table("van-7", DRIVE)], ids=["GPX", "CSV"]
)
def test_try_prints_the_events_of_a_file(
    tmp_path: Path, fences: Path, data: bytes, packed: bool
) -> None:
    """A drive through a fence is one entry and one exit, from whichever file, and nothing more."""
    path = tmp_path / "drive.dat"
    path.write_bytes(gzip.compress(data) if packed else data)
    events, figures = tried(path, "--fences", fences, "--device", "unit", "--vehicle", "van-1")
    assert told(events) == ["entered", "exited"]
    assert {(each["source"], each["subject"]) for each in events} == {("milepost/unit", "van-1")}
    assert figures["fixes"] == 300
    assert figures["events"]["fence.entered"] == 1
    assert figures["distance_m"] == pytest.approx(2990, rel=0.02)


def test_try_for_people_is_a_line_an_event(tmp_path: Path, fences: Path) -> None:
    """A line says when, who, what and where; figures stand behind, on standard error."""
    path = tmp_path / "drive.gpx"
    path.write_bytes(gpx(("a ride", DRIVE)))
    done = run("events", "try", path, "--fences", fences)
    (line,) = [line for line in done.stdout.splitlines() if "fence entered" in line]
    assert "  vehicle  fence entered  yard  48.0" in line
    assert "passed=false" in line
    assert "300 fixes, 3.0 km; 0 doubted" in done.stderr


def test_try_takes_parts_of_a_drive_in_the_order_of_time(tmp_path: Path, fences: Path) -> None:
    """Files and tracks of one device are one drive, however they are named and ordered."""
    whole, late, early = (tmp_path / name for name in ("whole.gpx", "1.gpx", "2.gpx"))
    whole.write_bytes(gpx(("all", DRIVE)))
    late.write_bytes(gpx(("z", DRIVE[200:]), ("a", DRIVE[100:200])))
    early.write_bytes(gpx(("b", DRIVE[:100])))
    assert tried(late, early, "--fences", fences)[0] == tried(whole, "--fences", fences)[0]


def test_try_of_an_export_keeps_devices_apart(tmp_path: Path, fences: Path) -> None:
    """What Milepost exports says whose fixes are whose; other files are of one device."""
    path = tmp_path / "export.csv"
    path.write_bytes(table("van-7", DRIVE) + table("van-8", DRIVE).split(b"\n", 1)[1])
    events, _ = tried(path, "--fences", fences)
    assert {each["subject"] for each in events} == {"van-7", "van-8"}
    assert told(events) == ["entered", "exited"] * 2


def test_try_with_track_names_as_devices(tmp_path: Path, fences: Path) -> None:
    """Tracks of several vehicles in one file are told apart where that is asked for."""
    path = tmp_path / "two.gpx"
    path.write_bytes(gpx(("van 1", DRIVE), ("van 2", DRIVE)))
    events, _ = tried(path, "--fences", fences, "--device-from-track")
    assert {each["subject"] for each in events} == {"van_1", "van_2"}
    only, _ = tried(path, "--fences", fences, "--track", "van 2")
    assert told(only) == ["entered", "exited"]


def test_try_follows_the_rules_of_a_file(tmp_path: Path) -> None:
    """A rule of the file changes what is told, for the vehicle that it names."""
    path, rules = tmp_path / "drive.gpx", tmp_path / "rules.json"
    path.write_bytes(gpx(("a ride", DRIVE)))
    rules.write_text(json.dumps({"vehicles": {"van-1": {"speed_limit_mps": 8}}}))
    fast, _ = tried(path, "--rules", rules, "--vehicle", "van-1")
    assert told(fast, "org.milepost.vehicle.") == ["speeding"]
    usual, _ = tried(path, "--rules", rules, "--vehicle", "van-2")
    assert told(usual, "org.milepost.vehicle.") == []


def test_try_counts_what_is_not_believed(tmp_path: Path, fences: Path) -> None:
    """Fixes without lock, late ones and impossible times make no events, and are counted."""
    void = [
        KeptFix(
            301 + n, Fix(START_MS + (301 + n) * 1000, 48_500_000, 11_000_000, kind=FixKind.NONE)
        )
        for n in range(3)
    ]
    outside = KeptFix(310, Fix(NOW_MS + 10 * 365 * 86_400_000, 48_000_000, 11_000_000))
    path = tmp_path / "export.csv"
    path.write_bytes(table("van-7", [*DRIVE, *void, DRIVE[10], outside]))
    events, figures = tried(path, "--fences", fences)
    assert told(events) == ["entered", "exited"]
    assert (figures["fixes"], figures["quarantined"]) == (305, 1)
    assert figures["doubted"] == {"late": 1, "no lock": 3}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.gpx"], "none.gpx: No such file or directory"),
        (["text.gpx"], "text.gpx: 5 bytes are neither NMEA sentences"),
        (["cut.gz"], "cut.gz: damaged gzip: "),
        (["drive.gpx", "--track", "b"], "drive.gpx: "),
        (["drive.gpx", "--fences", "bow.geojson"], "fence file bow.geojson: fence 'bow': Self-int"),
        (
            ["drive.gpx", "--fences", "lat.geojson"],
            "fence file lat.geojson: fence 'lat': longitude",
        ),
        (["drive.gpx", "--rules", "rules.json"], "rule file rules.json: unknown rule 'stop_sec'"),
        (["drive.gpx", "--rules", "text.gpx"], "rule file text.gpx: is no JSON: "),
        (["drive.gpx", "--device", "no/id"], "events try: device "),
        (
            ["drive.gpx", "--device", "a", "--device-from-track"],
            "events try: give either --device ID or --device-from-track",
        ),
    ],
)
def test_try_that_cannot_be_done_says_why_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], line: str
) -> None:
    """A file, a fence or a rule that cannot be used ends with 2 and one line that names it."""
    monkeypatch.chdir(tmp_path)
    Path("text.gpx").write_text("hello")
    Path("cut.gz").write_bytes(gzip.compress(b"x" * 100)[:-9])
    Path("drive.gpx").write_bytes(gpx(("a", DRIVE)))
    bow = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [bow]}}
    Path("bow.geojson").write_text(json.dumps(collection({"id": "bow", **feature})))
    point = {"type": "Point", "coordinates": [11, 91]}
    high = {"type": "Feature", "id": "lat", "geometry": point, "properties": {"radius_m": 5}}
    Path("lat.geojson").write_text(json.dumps(collection(high)))
    Path("rules.json").write_text('{"stop_sec": 5}')
    done = run("events", "try", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"milepost-collector: {line}")


def test_event_schema_describes_each_type_and_nothing_else() -> None:
    """Each type of the engine has a closed schema: a member more or less is refused."""
    for kind in (*TYPES, "event.withdrawn"):
        assert EVENT_SCHEMA["$defs"][kind]["additionalProperties"] is False
    event = Event(TRIP_ID, "trip.started", "unit", "van-1", START_MS, TRIP)
    whole = json.loads(json.dumps(cloud_event(event, recorded_ms=0, cursor="c")))
    assert_described(whole)
    for data in ({**TRIP, "more": 1}, {"odometer_m": 5.0}):
        with pytest.raises(AssertionError, match=r"trip\.started"):
            assert_described(whole | {"data": data})


@needs_recorded
@pytest.mark.parametrize(
    "path", sorted((RECORDED / "drives").glob("*.nmea.gz")), ids=lambda path: path.name
)
def test_try_of_a_recorded_drive_tells_described_events(path: Path) -> None:
    """Whatever is told of a recorded drive is as the schema says, also with strict rules."""
    try:
        drives = by_device(read_drives(unpacked(path)), "unit")
    except TrackError as error:
        assert "without a fix" in str(error)  # noqa: PT017 - one of the drives is void
        return
    rules = RuleBook(Rules(speed_limit_mps=10, idle_s=60))
    figures = Figures()
    definitions = Definitions.always(Version.of((), rules))
    for event in try_drives(in_order(drives), definitions, NOW_MS, figures):
        assert_described(json.loads(json.dumps(cloud_event(event, recorded_ms=0, cursor="c"))))
    assert figures.fixes == sum(len(drive.fixes) for _, drive in drives)
