"""Faults of the database under the load of a fleet: nothing is lost, twice or invented."""

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from milepost_collector.embedded import Address, EmbeddedPostgres
from tests.agent.mounts import tmpfs
from tests.collector.batches import raw_message
from tests.fixtures.servers import FreshDatabase
from tests.system.collectors import Collectors, Ear, Repeating, Slow
from tests.system.fleets import Fleet
from tests.system.world import wait_until

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy"

RSS_MAX_BYTES = 300e6

# The units' first resend comes 10 s after an unanswered batch, the next 20 s and 40 s after that.
DRAINED_S = 70


@pytest.fixture
def collectors(
    tmp_path: Path, broker: Address, plain_database: FreshDatabase
) -> Iterator[Collectors]:
    """One collector."""
    with Collectors(tmp_path, broker, plain_database) as collectors:
        collectors.start("only")
        yield collectors


def assert_exactly_once(collectors: Collectors, fleet: Fleet) -> dict[str, Any]:
    """Wait for the end of the drive: the table holds each fix once, and the program has lived."""
    figures = fleet.figures()
    assert (figures["lost"], figures["duplicates"], figures["invented"]) == (0, 0, 0)
    assert figures["judged_by"] == "table"
    assert figures["fixes_stored"] == figures["fixes_committed"] > 300
    assert collectors.audit().is_sound
    assert collectors.is_running("only")
    assert "Traceback" not in collectors.log("only")
    return figures


def test_ingest_whose_connection_is_cut_inside_copy_stores_each_fix_once(
    collectors: Collectors,
) -> None:
    """What a cut COPY had begun is rolled back, kept, and taken again."""
    database = collectors.database
    with collectors.fleet(
        "-n", "60", "--seconds", "8", "--every", "1", "--prefix", "cut-"
    ) as fleet:
        with Slow(database):
            for _ in range(5):
                wait_until(lambda: bool(database.rows(_CUT)), 60, "a COPY under way")
        assert_exactly_once(collectors, fleet)
    assert "The database is away" in collectors.log("only")


def test_ingest_goes_on_for_all_others_while_somebody_holds_a_row(collectors: Collectors) -> None:
    """A row that is held for longer than any timeout of ours keeps one device only."""
    database = collectors.database

    def silent_s(device: str, *, others: bool) -> float:
        """How long ago the device, or the longest silent of all others, was heard."""
        age = "SELECT extract(epoch FROM clock_timestamp() - min(heard_at)) FROM device "
        which = "WHERE starts_with(device, 'row-') AND (device <> %s) = %s"
        return float(database.value(age + which, device, others))

    drive = ("-n", "60", "--seconds", "10", "--every", "1", "--prefix", "row-")
    with collectors.fleet(*drive) as fleet:
        wait_until(lambda: collectors.stored() > 60, 60, "sixty fixes")
        device = database.value("SELECT min(device) FROM device WHERE starts_with(device, 'row-')")
        with psycopg.connect(database.dsn) as holder:
            holder.execute("SELECT FROM device WHERE device = %s FOR UPDATE", (device,))
            wait_until(
                lambda: silent_s(device, others=False) > 4 and silent_s(device, others=True) < 3,
                60,
                "four seconds of silence of one alone",
            )
            assert silent_s(device, others=False) > 4
        assert_exactly_once(collectors, fleet)


def test_ingest_into_a_full_disk_waits_for_room(
    tmp_path: Path, broker: Address, plain_server: str, servers_folder: Path
) -> None:
    """While nothing can be stored nothing is acknowledged; with room again it is all stored."""
    with (
        database_on_a_small_disk(plain_server, servers_folder) as (database, disk),
        Collectors(tmp_path, broker, database) as collectors,
    ):
        collectors.start("only")
        drive = ("-n", "60", "--seconds", "9", "--every", "1", "--rate", "8", "--prefix", "full-")
        with collectors.fleet(*drive) as fleet:
            wait_until(lambda: collectors.stored() > 300, 60, "three hundred fixes")
            hog = disk / "hog"
            fill(hog)
            wait_until(lambda: "No space left" in collectors.log("only"), 60, "a full disk")
            threading.Event().wait(3)
            hog.unlink()
            assert_exactly_once(collectors, fleet)


def test_ingest_without_a_database_holds_little_and_acknowledges_nothing(
    tmp_path: Path, broker: Address, servers_folder: Path
) -> None:
    """Memory is bounded while the database is away, the units hold, and all is in soon after.

    Six hundred vehicles and, to fill most of the waiting room, noise again and again.
    """
    with EmbeddedPostgres(servers_folder / "outage") as postgres:
        database = FreshDatabase(postgres.dsn, "plain")
        database.migrate()
        with Collectors(tmp_path, broker, database) as collectors, Ear(broker) as ear:
            collectors.start("only")
            memory = psutil.Process(collectors.pid("only"))
            drive = ("-n", "600", "--seconds", "9", "--every", "4", "--prefix", "hold-")
            with collectors.fleet(*drive) as fleet:
                wait_until(lambda: collectors.stored() > 1000, 60, "a thousand fixes")
                postgres.stop(immediate=True)
                wait_until(lambda: "is away" in collectors.log("only"), 60, "an outage")
                acks = ear.acks
                noise = secrets.token_bytes(500_000)
                noises = [raw_message(noise, device=f"noise-{n}", shard=5) for n in range(100)]
                with Repeating(broker, noises):
                    threading.Event().wait(3)
                assert ear.acks == acks
                assert memory.memory_info().rss < RSS_MAX_BYTES
                postgres.start()
                figures = assert_exactly_once(collectors, fleet)
            assert figures["drained_s"] < DRAINED_S
            assert memory.memory_info().rss < RSS_MAX_BYTES


@contextmanager
def database_on_a_small_disk(server: str, folder: Path) -> Iterator[tuple[FreshDatabase, Path]]:
    """A database in a file system of 64 MB; skip where that cannot be made."""
    disk = folder / "small-disk"
    with tmpfs(disk, "64m"):
        place = disk / "space"
        place.mkdir(mode=0o700)
        owner = (folder / "pg" / "data").stat()
        os.chown(place, owner.st_uid, owner.st_gid)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'".encode())
            connection.execute(b"CREATE DATABASE small TABLESPACE small")
            try:
                database = FreshDatabase(make_conninfo(server, dbname="small"), "plain")
                database.migrate()
                yield database, disk
            finally:
                connection.execute(b"DROP DATABASE small WITH (FORCE)")
                connection.execute(b"DROP TABLESPACE small")


def fill(file: Path) -> None:
    """Write a file until its disk is full."""
    with file.open("wb", buffering=0) as hog:
        block = bytes(64 * 1024)
        try:
            while True:
                hog.write(block)
        except OSError:
            return
