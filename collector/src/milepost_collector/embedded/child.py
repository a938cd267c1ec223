"""A server's process: started in its premises, watched until ready, ended in steps.

Its output goes to a log file; the log of the start before is kept beside it as `.1`.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from milepost_collector.embedded.account import Account
from milepost_collector.embedded.errors import EmbeddedError
from milepost_collector.embedded.processes import children_of, running

_POLL_S = 0.01
_KILL_S = 15.0
_TAIL_LINES = 6
_TAIL_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class Premises:
    """Where a server runs and as whom.

    Attributes:
        log: Takes what it writes to standard output and error.
        account: Who it is.
        lock_fd: The folder's lock, inherited by all its processes.
    """

    log: Path
    account: Account
    lock_fd: int

    def run(self, command: list[str], *, text: str = "", timeout_s: float) -> None:
        """Run a command that ends by itself, with `text` as its input.

        Raises:
            EmbeddedError: It failed or took longer than `timeout_s`; with the log's last lines.
        """
        name = Path(command[0]).name
        with _appended(self.log) as log:
            try:
                done = subprocess.run(
                    self.account.command(command, signal.SIGKILL),
                    input=text.encode(),
                    stdout=log,
                    stderr=log,
                    env=_environment(),
                    pass_fds=[self.lock_fd],
                    start_new_session=True,
                    timeout=timeout_s,
                    check=False,
                    cwd="/",
                )
            except subprocess.TimeoutExpired as error:
                raise EmbeddedError(f"{name} took over {timeout_s} s{tail(self.log)}") from error
        if done.returncode != 0:
            raise EmbeddedError(f"{name} ended with {done.returncode}{tail(self.log)}")


class Child:
    """One running server.

    Args:
        premises: Where and as whom.
        command: Program and arguments.
        death_signal: What it gets from the kernel when the thread that made this object ends.
    """

    def __init__(
        self, premises: Premises, command: list[str], *, death_signal: signal.Signals
    ) -> None:
        self._log = premises.log
        self._name = Path(command[0]).name
        with _appended(self._log) as log:
            self._process = subprocess.Popen(
                premises.account.command(command, death_signal),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                pass_fds=[premises.lock_fd],
                start_new_session=True,
                cwd="/",
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether it still runs."""
        return self._process.poll() is None

    def wait_ready(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until `ready()` is true.

        Raises:
            EmbeddedError: It ended, or `timeout_s` went by; with the log's last lines.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.alive():
                code = self._process.returncode
                raise EmbeddedError(f"{self._name} ended with {code} at start{tail(self._log)}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self._name} not ready in {timeout_s} s{tail(self._log)}")
            time.sleep(_POLL_S)
        if not self.alive():
            raise EmbeddedError(f"{self._name} ended right after its start{tail(self._log)}")

    def end(self, steps: Iterable[tuple[signal.Signals, float]]) -> None:
        """Send each signal in turn until one works within its seconds; SIGKILL is the last."""
        for number, timeout_s in steps:
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
                return
        self.kill()

    def kill(self) -> None:
        """Kill it and its direct children with SIGKILL, and wait until all are gone.

        Each PostgreSQL process leads a session of its own, so a process group would miss them.
        """
        doomed: list[int] = []
        if self.alive():
            self._process.send_signal(signal.SIGSTOP)  # so that it starts no more of them
            doomed = children_of(self.pid)
            self._process.kill()
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(_KILL_S)
        deadline = time.monotonic() + _KILL_S
        while any(map(running, doomed)):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self._name}: children {doomed} live on after SIGKILL")
            time.sleep(_POLL_S)


def start_log(log: Path) -> None:
    """Put the log of the start before aside as `.1`."""
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path) -> str:
    """Return the last lines of `log` in one, led by where they stand; empty when there are none."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
        last = " | ".join([line for line in lines if line][-_TAIL_LINES:])
        return f"; {log} ends: {last}" if last else f"; {log} is empty"
    return ""


@contextlib.contextmanager
def _appended(log: Path) -> Iterator[int]:
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _environment() -> dict[str, str]:
    """Return our environment without PostgreSQL's settings, and with messages in English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C"}
