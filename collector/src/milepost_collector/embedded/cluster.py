"""The files of a PostgreSQL cluster: made in one go, checked before a start.

Invariants:
- A cluster is made beside its place and moved there when complete, with the database in it. So
  `data` is either missing or whole, wherever a first start was broken off.
- Whoever calls holds the folder's lock.
"""

import contextlib
import os
import shutil
from pathlib import Path

from milepost_collector.embedded.child import Premises
from milepost_collector.embedded.errors import EmbeddedError
from milepost_collector.embedded.postgres_programs import PostgresPrograms
from milepost_collector.embedded.processes import works_in

NAME = "milepost"  # of the user and of the database
_CREATE_S = 300.0
_STATUS_LINE = 7  # of postmaster.pid, from 0 (miscadmin.h, LOCK_FILE_LINE_PM_STATUS)
_BUILTIN_LOCALE_SINCE = 17


def create_cluster(data: Path, premises: Premises, programs: PostgresPrograms) -> None:
    """Make a cluster with the superuser and the database `milepost` in `data`.

    No one may come by TCP, whoever reaches the socket's folder may come by socket: the folder is
    the guard. Text is UTF-8, ordered by code point, upper and lower case known beyond ASCII where
    the version allows (a system's locale would tie the indexes to its C library).

    Raises:
        EmbeddedError: A program failed.
    """
    new = data.with_name("data.new")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(new)
    premises.account.give_folder(new)
    locale = ["--locale=C"]
    if programs.major >= _BUILTIN_LOCALE_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    premises.run(
        [
            str(programs.initdb),
            f"--pgdata={new}",
            f"--username={NAME}",
            "--encoding=UTF8",
            "--auth-local=trust",
            "--auth-host=reject",
            *locale,
        ],
        timeout_s=_CREATE_S,
    )
    premises.run(
        [str(programs.postgres), "--single", "-D", str(new), "-c", "exit_on_error=on", "template1"],
        text=f"CREATE DATABASE {NAME};\n",
        timeout_s=_CREATE_S,
    )
    new.rename(data)
    _sync_folder(data.parent)


def check_version(data: Path, programs: PostgresPrograms) -> None:
    """Refuse a cluster of another major version.

    Raises:
        EmbeddedError: It is one, or `data` holds no cluster.
    """
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise EmbeddedError(f"{data} holds no PostgreSQL cluster: {error.strerror}") from error
    if made_by != str(programs.major):
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made_by}, and {programs.postgres} is "
            f"{programs.major}: dump it with the old version, or choose another folder"
        )


def clear_stale_pid_file(data: Path) -> None:
    """Remove the pid file of a server that was killed.

    PostgreSQL does so itself unless another process has got that number since, which is likely
    where numbers are small (containers). A server that someone started by hand is left alone.

    Raises:
        EmbeddedError: A server that is not ours runs in `data`.
    """
    lines = _pid_lines(data)
    if lines and lines[0].isdecimal() and works_in(int(lines[0]), data):
        raise EmbeddedError(f"{data} is in use by a server that is not ours, process {lines[0]}")
    (data / "postmaster.pid").unlink(missing_ok=True)


def accepts_connections(data: Path, pid: int) -> bool:
    """Return whether the server `pid` has written that it is ready."""
    lines = _pid_lines(data)
    return (
        len(lines) > _STATUS_LINE
        and lines[0] == str(pid)
        and lines[_STATUS_LINE].strip() == "ready"
    )


def _pid_lines(data: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text().splitlines()
    return []


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
