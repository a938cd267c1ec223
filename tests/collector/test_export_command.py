"""`milepost-collector export`: what each form says of the same fixes, from both storages."""

import csv
import json
import os
import pty
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from milepost_collector.store.connection import connect
from milepost_collector.store.export import Chosen, drawable, expected, rows
from milepost_schemas.exported.rows import COLUMNS, read_exported, row_of
from milepost_schemas.fix import Fix, FixKind, KeptFix, instant
from milepost_schemas.tracks.fixes import read_fixes
from tests.collector.batches import (
    NOW_MS,
    OTHER_STREAM,
    START_MS,
    STREAM,
    drive,
    message,
    take,
)
from tests.collector.programs import (
    DEADLINE_S,
    MILEPOST_COLLECTOR,
    environment,
    run,
    settings,
)
from tests.fixtures.servers import FreshDatabase

GPX = "{http://www.topografix.com/GPX/1/1}"
FULL = KeptFix(
    4,
    Fix(
        time_ms=START_MS + 10_250,
        lat_e6=-47_000_001,
        lon_e6=8_000_000,
        speed_dmps=0,
        course_deg=359,
        kind=FixKind.RTK,
        error_dm=12,
        date_repaired=True,
    ),
    stands_for=3,
    hole=True,
)
IMPOSSIBLE = KeptFix(5, Fix(NOW_MS + 86_400_000, 1, 2))


def exported(database: FreshDatabase, *options: str) -> str:
    """Return what the command writes."""
    done = run("export", *options, more=settings(database.dsn))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fill(database: FreshDatabase) -> None:
    """Store fixes of two devices, one of them with a hole, and one of no time that can be."""
    take(
        database,
        message([*drive(1, 3), FULL, IMPOSSIBLE]),
        message(drive(1, 2), device="van-2"),
    )


def test_export_as_csv_holds_every_fix_as_it_was_numbered(database: FreshDatabase) -> None:
    """Stored and quarantined fixes stand as the one writer of rows writes them."""
    fill(database)
    head, *lines = exported(database).splitlines()
    assert head == ",".join(COLUMNS)
    ours = [*drive(1, 3), FULL, IMPOSSIBLE]
    assert lines == [
        *(",".join(("van-1", *row_of(STREAM, kept))) for kept in ours),
        *(",".join(("van-2", *row_of(STREAM, kept))) for kept in drive(1, 2)),
    ]


def test_export_as_csv_can_be_read_again_exactly(database: FreshDatabase) -> None:
    """What is written is read as the same fixes, with the same numbers."""
    fill(database)
    one, other = read_exported(exported(database).encode())
    assert (one.device, one.stream, one.left_out) == ("van-1", STREAM.hex(), 0)
    assert one.fixes == (*drive(1, 3), FULL, IMPOSSIBLE)
    assert other.fixes == drive(1, 2)


def test_export_of_some_fixes_is_limited_by_device_and_time(database: FreshDatabase) -> None:
    """The begin is in, the end is out; a time without an offset is UTC."""
    fill(database)
    written = exported(
        database,
        "--device=van-1",
        "--from=2026-11-19T11:00:02",
        "--to=2026-11-19T12:00:03+01:00",
    )
    found = [(row["device"], row["seq"]) for row in csv.DictReader(written.splitlines())]
    assert found == [("van-1", "2")]
    assert exported(database, "--device=nobody").splitlines() == [",".join(COLUMNS)]


def test_export_as_gpx_has_a_track_a_device_broken_at_holes(database: FreshDatabase) -> None:
    """Streams and holes begin segments; what cannot be dated cannot be drawn."""
    fill(database)
    take(database, message(drive(1, 2, start_ms=START_MS + 600_000), stream=OTHER_STREAM))
    root = ET.fromstring(exported(database, "--format=gpx"))
    tracks = root.findall(f"{GPX}trk")
    assert [track.findtext(f"{GPX}name") for track in tracks] == ["van-1", "van-2"]
    lengths = [[len(segment) for segment in track.findall(f"{GPX}trkseg")] for track in tracks]
    assert lengths == [[3, 1, 2], [2]]


def test_export_as_gpx_is_read_as_the_same_fixes(database: FreshDatabase) -> None:
    """Whoever reads GPX, we among them, finds every value that it has a word for."""
    fill(database)
    written = exported(database, "--format=gpx", "--device=van-2").encode()
    (track,) = read_fixes(written)
    assert (track.name, track.left_out) == ("van-2", 0)
    assert list(track.fixes) == [kept.fix for kept in drive(1, 2)]


def test_export_as_geojson_has_a_line_a_segment(database: FreshDatabase) -> None:
    """A lone fix is a point; each feature says whose it is and when its positions were."""
    fill(database)
    features = json.loads(exported(database, "--format=geojson"))["features"]
    assert [(each["properties"]["device"], each["geometry"]["type"]) for each in features] == [
        ("van-1", "LineString"),
        ("van-1", "Point"),
        ("van-2", "LineString"),
    ]
    assert features[0]["geometry"]["coordinates"][0] == [11.0, 48.00009, 500.0]
    assert features[0]["properties"]["coordTimes"][0] == "2026-11-19T11:00:01.000Z"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--from=soon", "'soon' is no time such as 2026-11-21T08:00:00Z"),
        ("--format=kml", "'kml' is not one of"),
    ],
)
def test_export_with_a_wrong_option_says_so(option: str, words: str) -> None:
    """A time or a format that is none ends with 2, before any database is asked."""
    done = run("export", option, more=settings("host=/nowhere"))
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_export_to_a_slow_reader_is_not_cut_off(plain_database: FreshDatabase) -> None:
    """A reader may pause for as long as he likes (a pager): no limit ends the transaction."""
    take(plain_database, message(drive(1, 300)))
    unlimited = ("0",)
    with connect(plain_database.dsn) as connection:
        devices = iter(drawable(connection, Chosen()))
        device, streams = next(devices)
        stream, fixes = next(iter(streams))
        limit = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert (device, stream, len(list(fixes)), limit) == ("van-1", STREAM, 300, unlimited)
    with connect(plain_database.dsn) as connection:
        assert len(list(rows(connection, Chosen()))) == 300
        limit = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert limit == unlimited


def test_expected_number_of_fixes_is_near_the_real_one(database: FreshDatabase) -> None:
    """The bar knows its end from the hour rows, without counting the fixes."""
    fill(database)
    with connect(database.dsn) as connection:
        assert expected(connection, Chosen()) == 6
        assert expected(connection, Chosen(device="van-2")) == 2
        assert expected(connection, Chosen(end=instant(START_MS - 3_600_000))) == 0


def test_export_shows_a_bar_where_somebody_waits(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """On a terminal standard error tells how far it is; the file holds the fixes alone."""
    take(plain_database, message(drive(1, 3000)))
    ours, theirs = pty.openpty()
    with (tmp_path / "out.csv").open("wb") as out:
        process = subprocess.Popen(
            [MILEPOST_COLLECTOR, "export"],
            stdout=out,
            stderr=theirs,
            env=environment(settings(plain_database.dsn)),
        )
        os.close(theirs)
        said = b""
        while b"100%" not in said:
            said += os.read(ours, 4096)
        assert process.wait(DEADLINE_S) == 0
    os.close(ours)
    assert b"export" in said
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3001


@pytest.mark.parametrize("form", ["csv", "gpx", "geojson"])
def test_export_to_a_reader_who_leaves_ends_quietly(
    plain_database: FreshDatabase, form: str
) -> None:
    """`export | head` is no fault."""
    take(plain_database, message(drive(1, 3000)))
    with subprocess.Popen(
        [MILEPOST_COLLECTOR, "export", "--format", form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(settings(plain_database.dsn)),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        process.wait(DEADLINE_S)
