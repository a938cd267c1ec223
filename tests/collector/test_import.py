"""`milepost-collector import`: recorded drives, stored once, by the way that live batches take."""

import asyncio
import gzip
import hashlib
import json
import os
import pty
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from milepost_collector.importing import feeding
from milepost_collector.importing.drives import Drive, by_device, chosen, read_drives
from milepost_collector.importing.feeding import Fed, Feeder, FeedError
from milepost_collector.store.connection import connect_async
from milepost_schemas.exported.drawn import gpx_lines
from milepost_schemas.exported.rows import COLUMNS, row_of
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.topics import Address
from milepost_schemas.tracks.fixes import read_fixes
from milepost_schemas.tracks.track import TrackError
from tests.agent.line import RECORDED, gga, needs_recorded, rmc, sentence
from tests.collector.batches import NOW_MS, STREAM, StoppedClock, drive, message, take
from tests.collector.programs import (
    DEADLINE_S,
    MILEPOST_COLLECTOR,
    environment,
    run,
    settings,
)
from tests.fixtures.servers import FreshDatabase

OLD_MS = 1_463_000_000_000  # 11 May 2016
FOREVER = {"MILEPOST_STORAGE__KEEP_DAYS": "0"}
OUTSIDE = KeptFix(5, Fix(NOW_MS + 10 * 365 * 86_400_000, 1, 2))


def gpx(*names: str, fixes: Sequence[KeptFix] = drive(1, 10, start_ms=OLD_MS)) -> bytes:
    """A GPX file with the same drive of each of some vehicles."""
    return "".join(gpx_lines([(name, [(STREAM, fixes)]) for name in names], "tests")).encode()


def nmea(seconds: int) -> bytes:
    """A log of a drive of so many seconds, with a silence of a minute in its middle."""
    lines = []
    for second in range(seconds):
        clock = second if second < seconds // 2 else second + 60
        time = f"12{15 + clock // 60:02}{clock % 60:02}.00"
        lat = f"4717.{1143 + second:04},N"
        lines += [sentence(rmc(time, lat, date="110516")), sentence(gga(time, lat))]
    return b"".join(lines)


def table(*fixes: KeptFix, device: str = "van-7") -> bytes:
    """What `export` writes of fixes."""
    rows = [COLUMNS, *((device, *row_of(STREAM, kept)) for kept in fixes)]
    return "".join(",".join(row) + "\n" for row in rows).encode()


def imported(
    database: FreshDatabase, *arguments: str | Path, more: dict[str, str] = FOREVER, code: int = 0
) -> dict[str, Any]:
    """Run the command; return its summary."""
    done = run("import", "--json", *arguments, more=settings(database.dsn) | more)
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def feed(
    database: FreshDatabase, drive: Drive, step: Callable[[int], None] = lambda _: None
) -> Fed:
    """Feed a drive of van-1 to a database."""

    async def once() -> Fed:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await Feeder(connection, StoppedClock(), events=True).feed(
                Address(0, "van-1"), drive, step
            )

    return asyncio.run(once())


def long_drive(fixes: int = 2 * MAX_FIXES + 5) -> Drive:
    """A drive of more fixes than a batch holds."""
    return Drive("", "", b"a stream", drive(1, fixes, start_ms=OLD_MS), 0)


@pytest.mark.parametrize(
    ("data", "fixes", "packed"),
    [
        (nmea(40), 40, True),
        (gpx("van-1"), 10, False),
        (table(*drive(1, 7, start_ms=OLD_MS)), 7, False),
    ],
    ids=["NMEA", "GPX", "CSV"],
)
def test_import_stores_each_fix_of_a_file_once(
    database: FreshDatabase, tmp_path: Path, data: bytes, fixes: int, packed: bool
) -> None:
    """A stream is named by the digest of what the file holds, packed or not: it is stored once."""
    path = tmp_path / "drive.dat"
    path.write_bytes(gzip.compress(data) if packed else data)
    (first,) = imported(database, path, "--device=van-1")["imports"]
    assert (first["fixes"], first["added"], first["quarantined"]) == (fixes, fixes, 0)
    assert first["stream"] == hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data if packed else gzip.compress(data))
    (second,) = imported(database, path, "--device=van-1")["imports"]
    assert second == {**first, "added": 0}
    rows = database.rows("SELECT count(*), min(time)::text, max(time)::text FROM fix")
    assert rows[0][0] == fixes
    assert rows[0][1].startswith("2016-05-11")
    found = json.loads(run("check", "--json", more=settings(database.dsn)).stdout)
    assert (found["sound"], found["fixes"], found["streams"]) == (True, fixes, 1)


def test_import_of_gpx_and_its_export_are_the_same_fixes(
    database: FreshDatabase, tmp_path: Path
) -> None:
    """Every value that GPX has a word for comes back, and nothing is made up."""
    lean = KeptFix(11, Fix(OLD_MS + 90_000, -1, 179_999_999, kind=FixKind.TWO_D), hole=True)
    full = Fix(OLD_MS + 91_250, 5, -179_999_999, -123, 7, 359, 12, 9, FixKind.DIFFERENTIAL)
    data = gpx("van-1", fixes=[*drive(1, 10, start_ms=OLD_MS), lean, KeptFix(12, full)])
    path = tmp_path / "drive.gpx"
    path.write_bytes(data)
    imported(database, path, "--device=van-1")
    written = run("export", "--format=gpx", more=settings(database.dsn)).stdout.encode()
    assert read_fixes(written) == read_fixes(data)


def test_import_of_an_export_keeps_every_number_but_seq(
    database: FreshDatabase, tmp_path: Path
) -> None:
    """Holes, `stands_for`, errors and kinds of our own CSV come back as they were."""
    rich = KeptFix(
        900,
        Fix(OLD_MS + 99_250, 1, 2, kind=FixKind.RTK, error_dm=21, date_repaired=True),
        stands_for=17,
        hole=True,
    )
    data = table(*drive(1, 3, start_ms=OLD_MS), rich)
    path = tmp_path / "buffer.csv"
    path.write_bytes(data)
    (done,) = imported(database, path, "--device-from-track")["imports"]
    assert (done["device"], done["track"]) == ("van-7", f"van-7/{STREAM.hex()}")
    lines = run("export", more=settings(database.dsn)).stdout.splitlines()[1:]
    ours = [line.split(",") for line in data.decode().splitlines()[1:]]
    assert [line.split(",")[3:] for line in lines] == [row[3:] for row in ours]
    assert [line.split(",")[2] for line in lines] == ["1", "2", "3", "4"]


def test_import_keeps_holes_of_a_log(database: FreshDatabase, tmp_path: Path) -> None:
    """A silence of the receiver is stored as one."""
    path = tmp_path / "drive.nmea"
    path.write_bytes(nmea(40))
    imported(database, path, "--device=van-1")
    assert database.rows("SELECT seq FROM fix WHERE hole") == [(21,)]


def test_import_of_several_vehicles_takes_each_or_those_asked_for(
    database: FreshDatabase, tmp_path: Path
) -> None:
    """Tracks are streams of their own; their names are devices, or numbers choose them."""
    data = gpx("Bus 14", "bus-15", "bus-15")
    path = tmp_path / "fleet.gpx"
    path.write_bytes(data)
    one = imported(database, path, "--device=van-1", "--track=2")["imports"]
    assert [(each["track"], each["device"], each["added"]) for each in one] == [
        ("bus-15", "van-1", 10)
    ]
    both = imported(database, path, "--device-from-track")["imports"]
    assert [each["device"] for each in both] == ["Bus_14", "bus-15", "bus-15"]
    assert len({each["stream"] for each in both}) == 3
    digest = hashlib.sha256(data).digest()
    assert both[1]["stream"] == hashlib.sha256(digest + b"bus-15").hexdigest()[:16]
    again = imported(database, path, "--device=van-1", "--track=Bus 14", "--track=2")["imports"]
    assert [each["added"] for each in again] == [10, 0]


def test_import_of_bad_files_names_them_and_imports_the_others(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """One line says file and cause, the exit code is 2, and what is good is stored."""
    bad = {
        "none.gpx": None,
        "words.txt": b"Dear all,\n",
        "cut.gz": gzip.compress(gpx("van-1"))[:-9],
        "planned.gpx": gpx("van-1").replace(b"<time>", b"<no>").replace(b"</time>", b"</no>"),
        "odd.csv": ",".join(COLUMNS).encode() + b"\na,b\n",
    }
    for name, data in bad.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
    (tmp_path / "good.gpx").write_bytes(gpx("van-1"))
    paths = [tmp_path / name for name in (*bad, "good.gpx")]
    arguments: list[str | Path] = ["import", "--device=van-1", *paths]
    done = run(*arguments, more=settings(plain_database.dsn) | FOREVER)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [str(path) for path in paths[:-1]]
    causes = [line.split(": ", 2)[2] for line in lines]
    assert causes[0] == "No such file or directory"
    assert causes[1].startswith("10 bytes are neither NMEA sentences, nor GPX, nor a CSV")
    assert causes[2].startswith("damaged gzip: ")
    assert causes[3].startswith("GPX whose times have no dates, or none at all")
    assert causes[4] == "exported table of 1 rows, none of them a fix"
    assert "good.gpx: van-1: 10 of 10 fixes added; device van-1, stream " in done.stdout
    assert plain_database.value("SELECT count(*) FROM fix") == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "import: give either --device ID or --device-from-track"),
        (["--device=a", "--device-from-track"], "give either --device ID or --device-from-track"),
        (["--device=a.b"], "device id 'a.b' is not 1 to 32 letters"),
        (["--device=a", "--track=7"], "--track 7: no such track; there are 1 ('van-1')"),
        (["--device=van-1", "--shard=9"], "device van-1 is on shard 3, not 9"),
    ],
)
def test_import_that_cannot_be_meant_changes_nothing(
    plain_database: FreshDatabase, tmp_path: Path, options: list[str], words: str
) -> None:
    """A wrong device, track or shard is told in one line."""
    take(plain_database, message(drive(1, 3), shard=3))
    path = tmp_path / "drive.gpx"
    path.write_bytes(gpx("van-1"))
    done = run("import", path, *options, more=settings(plain_database.dsn) | FOREVER)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line
    assert plain_database.value("SELECT count(*) FROM fix") == 3
    assert plain_database.rows("SELECT FROM dead_letter") == []


def test_import_into_a_device_that_lives_leaves_its_place_alone(
    database: FreshDatabase, tmp_path: Path
) -> None:
    """An old drive does not move a vehicle back on the map; its shard is known."""
    take(database, message(drive(1, 3), shard=3))
    path = tmp_path / "drive.gpx"
    path.write_bytes(gpx("van-1"))
    imported(database, path, "--device=van-1")
    rows = database.rows("SELECT position_time, shard FROM device")
    assert [(row[0].year, row[1]) for row in rows] == [(2026, 3)]
    imported(database, path, "--device=van-2", "--shard=5")
    rows = database.rows("SELECT position_time, shard FROM device WHERE device = 'van-2'")
    assert [(row[0].year, row[1]) for row in rows] == [(2016, 5)]


def test_import_puts_fixes_of_no_time_that_can_be_aside(
    database: FreshDatabase, tmp_path: Path
) -> None:
    """A file is believed back to 1980, and not ahead of us."""
    path = tmp_path / "odd.csv"
    unset = KeptFix(6, Fix(0, 1, 2))
    path.write_bytes(table(*drive(1, 4, start_ms=OLD_MS), OUTSIDE, unset))
    (done,) = imported(database, path, "--device=van-1")["imports"]
    assert (done["fixes"], done["added"], done["quarantined"]) == (6, 4, 2)
    assert database.value("SELECT count(*) FROM fix_quarantine") == 2


def test_import_of_old_fixes_warns_that_they_are_dropped(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Who keeps fixes for 400 days hears it; who keeps them for ever does not."""
    path = tmp_path / "drive.gpx"
    path.write_bytes(gpx("van-1"))
    arguments: list[str | Path] = ["import", "--device=van-1", path]
    done = run(*arguments, more=settings(plain_database.dsn))
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert "are older than [storage] keep_days = 400; a running collector drops" in done.stderr
    assert run(*arguments, more=settings(plain_database.dsn) | FOREVER).stderr == ""
    # The collector drops the week; a third import says so, and does not bring it back.
    plain_database.run("SELECT drop_fix_part(part) FROM fix_parts()")
    done = run(*arguments, more=settings(plain_database.dsn) | FOREVER)
    assert "0 of 10 fixes added, 10 dropped for their age since they were stored" in done.stdout


class _StoppedError(Exception):
    """Somebody pressed Ctrl-C."""


def test_import_that_was_interrupted_goes_on_where_it_ended(database: FreshDatabase) -> None:
    """What a batch stored is not stored again, and nothing is left out."""
    told: list[int] = []

    def stop_after_a_batch(fixes: int) -> None:
        told.append(fixes)
        if sum(told):
            raise _StoppedError

    drive = long_drive()
    with pytest.raises(_StoppedError):
        feed(database, drive, stop_after_a_batch)
    assert told == [0, MAX_FIXES]
    told.clear()
    rest = len(drive.fixes) - MAX_FIXES
    assert feed(database, drive, told.append) == Fed(MAX_FIXES, rest, 0)
    assert sum(told) == len(drive.fixes)
    assert database.value("SELECT count(DISTINCT seq) FROM fix") == len(drive.fixes)
    assert database.value("SELECT count(*) FROM fix") == len(drive.fixes)


def test_two_imports_of_one_file_at_a_time_store_it_once(plain_database: FreshDatabase) -> None:
    """The locked row of the device is the fence, as it is for live batches."""
    drive = long_drive(6 * MAX_FIXES)

    async def both() -> list[Fed]:
        async with (
            await connect_async(plain_database.dsn, autocommit=True) as one,
            await connect_async(plain_database.dsn, autocommit=True) as other,
        ):
            feeders = [Feeder(each, StoppedClock(), events=True) for each in (one, other)]
            address = Address(0, "van-1")
            return await asyncio.gather(*(f.feed(address, drive, lambda _: None) for f in feeders))

    found = asyncio.run(both())
    assert sum(each.added for each in found) == len(drive.fixes)
    assert plain_database.value("SELECT count(*) FROM fix") == len(drive.fixes)


def test_import_waits_for_a_row_that_is_held_and_then_gives_up(
    plain_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that sits on the device is named, instead of waiting for ever."""
    monkeypatch.setattr(feeding, "_HELD_LIMIT_S", 0.2)
    take(plain_database, message(drive(1, 3)))
    with psycopg.connect(plain_database.dsn) as holder:
        holder.execute("SELECT FROM device FOR UPDATE")
        with pytest.raises(FeedError, match="another transaction holds device van-1; try again"):
            feed(plain_database, long_drive(10))
    assert feed(plain_database, long_drive(10)).added == 10


def test_fixes_that_weigh_much_are_sent_in_smaller_batches(plain_database: FreshDatabase) -> None:
    """A message has a limit of bytes; noise of which 4,096 fixes exceed it is stored too."""
    places = [(n * 7919 * 104_729 % 180_000_000, n * 15_485_863 % 360_000_000) for n in range(9000)]
    fixes = tuple(
        KeptFix(n, Fix(OLD_MS + n * n * 37 % 10**10, lat - 90_000_000, lon - 180_000_000))
        for n, (lat, lon) in enumerate(places, 1)
    )
    fed = feed(plain_database, Drive("", "", b"a stream", fixes, 0))
    assert fed == Fed(0, 9000, 0)


def test_tracks_of_which_the_file_does_not_say_whose_they_are_need_a_device() -> None:
    """An NMEA log names nobody, and two names that make one id are no two devices."""
    with pytest.raises(TrackError, match="the file does not say whose the fixes are"):
        by_device(read_drives(nmea(4)), None)
    twins = read_drives(gpx("bus 14", "bus/14"))
    with pytest.raises(TrackError, match=r"1 \('bus 14'\), 2 \('bus/14'\) would be one device"):
        by_device(twins, None)
    assert [device for device, _ in by_device(twins, "van-1")] == ["van-1", "van-1"]
    assert chosen(twins, ["2"]) == twins[1:]


def test_import_shows_a_bar_where_somebody_waits(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """On a terminal standard error tells how far it is; standard output holds the summary alone."""
    path = tmp_path / "drive.gpx"
    path.write_bytes(gpx("van-1"))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [MILEPOST_COLLECTOR, "import", "--json", "--device=van-1", path],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment(settings(plain_database.dsn) | FOREVER),
    )
    os.close(theirs)
    said = b""
    while b"100%" not in said:
        said += os.read(ours, 4096)
    assert process.stdout is not None
    assert json.loads(process.stdout.read())["imports"][0]["added"] == 10
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 0
    os.close(ours)
    assert b"drive.gpx" in said


@needs_recorded
def test_every_recorded_drive_is_stored_as_it_is_read(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """All logs in one call: as many fixes as the reader makes, and a database that is sound."""
    paths = sorted((RECORDED / "drives").glob("*.nmea.gz"))
    made = {}
    for path in paths:
        try:
            made[str(path)] = len(read_fixes(gzip.decompress(path.read_bytes()))[0].fixes)
        except TrackError:
            made[str(path)] = 0
    code = 2 if 0 in made.values() else 0
    done = imported(plain_database, "--device=van-1", *paths, code=code)
    assert {each["file"]: each["added"] for each in done["imports"]} == {
        path: fixes for path, fixes in made.items() if fixes
    }
    assert {each["file"] for each in done["failures"]} == {p for p, n in made.items() if not n}
    checked = run("check", more=settings(plain_database.dsn))
    assert checked.returncode == 0, checked.stdout
