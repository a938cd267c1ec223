"""What a start that cannot succeed says."""

import errno
import importlib.util
import os
from pathlib import Path

import pytest

from milepost_collector.embedded import (
    EmbeddedBroker,
    EmbeddedError,
    EmbeddedPostgres,
    account,
    postgres_programs,
)
from milepost_collector.embedded.account import Account

SERVERS = [EmbeddedPostgres, EmbeddedBroker]


@pytest.mark.parametrize("server", SERVERS)
def test_start_where_the_folder_is_a_file(
    server: type[EmbeddedPostgres | EmbeddedBroker], tmp_path: Path
) -> None:
    """A folder that is a file, or below one, is named as such."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EmbeddedError, match=rf"cannot make the folder {place}: (File|Not)"):
            server(place).start()


@pytest.mark.parametrize("server", SERVERS)
def test_start_where_the_folder_is_in_use(
    server: type[EmbeddedPostgres | EmbeddedBroker], open_folder: Path
) -> None:
    """A second server in a folder is refused at once, naming the program that has the first."""
    with server(open_folder / "x") as first:
        second = server(open_folder / "x")
        with pytest.raises(EmbeddedError, match=f"x is in use by process {os.getpid()}"):
            second.start()
        second.stop()
        assert first.pid is not None
    with second:
        assert second.pid is not None


def test_start_where_a_server_was_started_by_hand(made_cluster: Path) -> None:
    """A server that is not ours in the cluster is left alone, and named."""
    ours = EmbeddedPostgres(made_cluster)
    ours.start()
    other = EmbeddedPostgres(made_cluster)
    # Without its lock ours is as good as one started by hand.
    (made_cluster / "lock").unlink()
    with pytest.raises(EmbeddedError, match=f"not ours, process {ours.pid}"):
        other.start()
    assert ours.pid is not None
    ours.stop()


def test_start_with_a_setting_that_does_not_exist(made_cluster: Path) -> None:
    """The error names the log and what the server said there."""
    server = EmbeddedPostgres(made_cluster, settings={"no_such": "1"})
    with pytest.raises(EmbeddedError, match=r"postgres\.log ends: .*no_such"):
        server.start()
    assert server.pid is None


def test_start_without_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no PostgreSQL the error says where we looked and what to install."""
    with pytest.raises(EmbeddedError, match=f"in {tmp_path}: pip install"):
        EmbeddedPostgres(tmp_path / "pg", bin_dir=tmp_path).start()
    monkeypatch.setattr(postgres_programs, "_places", lambda: iter([]))
    with pytest.raises(EmbeddedError, match="the wheel, PATH and"):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_programs_of_the_system_when_there_is_no_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the wheel and a PATH the newest version under the system's folders is found."""
    for version, major in (("9.6", 9), ("15", 15), ("16", 16)):
        place = tmp_path / version / "bin"
        place.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (place / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.1'\n")
            (place / name).chmod(0o755)
    monkeypatch.setattr(postgres_programs, "_SYSTEM", [(str(tmp_path), "*/bin")])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = postgres_programs.find_programs(None)
    assert (found.major, found.postgres) == (16, tmp_path / "16" / "bin" / "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns root alone")
def test_start_as_root_where_neither_way_works(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody else may pass and namespaces are forbidden, the error says what to do."""
    open_folder.chmod(0o700)
    outside = Account(account.NOBODY, account.NOBODY)
    monkeypatch.setattr(account, "_candidates", lambda _owner: [outside])
    with pytest.raises(EmbeddedError, match=r"cannot reach .*start as an ordinary user, or move"):
        EmbeddedPostgres(open_folder / "pg").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns root alone")
def test_account_of_existing_data(open_folder: Path) -> None:
    """The owner of data that exists decides who the server is."""
    data = open_folder / "data"
    data.mkdir()
    program = Path("/bin/sh")
    os.chown(data, 12345, 54321)
    assert account.choose_account(open_folder, data, program) == Account(12345, 54321)
    os.chown(data, 0, 0)
    assert account.choose_account(open_folder, data, program).seen_id is not None


def test_start_on_a_full_disk(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the operating system becomes ours, with the folder and the reason."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Account, "give_folder", fail)
    for server in SERVERS:
        with pytest.raises(EmbeddedError, match=r"cannot start in .*/x: .*No space left"):
            server(open_folder / "x").start()
