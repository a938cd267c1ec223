"""Starting and stopping the programs of the system, as a user would by their commands."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_STOP_S = 20.0


class ProgramError(Exception):
    """A program of the demo does not start, or fails; the message says which and why."""


class Programs:
    """Running programs; all are stopped, the newest first, when the block ends.

    Args:
        logs: Folder for what they write to standard error.
        environment: Given to all of them, over our own.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = os.environ | environment
        self._running: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in reversed(self._running):
            self.stop(name)

    def start(self, name: str, program: str, *arguments: str) -> None:
        """Start a program of ours under a name; one that has ended may be started again."""
        with self._log(name).open("a") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "milepost_firmware_sim.demo.bound", str(os.getpid())),
                    str(_command(program)),
                    *arguments,
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._running.pop(name, None)
        self._running[name] = process

    def first_line(self, name: str, timeout_s: float) -> str:
        """Wait for the line with which a program says that it is ready.

        Raises:
            ProgramError: It ends or stays silent.
        """
        process = self._running[name]
        assert process.stdout is not None  # noqa: S101 - a pipe, see start
        readable, _, _ = select.select([process.stdout], [], [], timeout_s)
        line = process.stdout.readline() if readable else ""
        if not line:
            why = "is silent" if process.poll() is None else f"ended with {process.returncode}"
            raise ProgramError(f"{name} {why}: {self._last_words(name)}")
        return line

    def is_running(self, name: str) -> bool:
        """Whether a program has not ended."""
        return self._running[name].poll() is None

    def check(self, name: str) -> None:
        """Make sure that a program runs or has ended well.

        Raises:
            ProgramError: It has failed.
        """
        code = self._running[name].poll()
        if code not in (None, 0, -signal.SIGTERM):
            raise ProgramError(f"{name} ended with {code}: {self._last_words(name)}")

    def stop(self, name: str) -> None:
        """Stop a program by SIGTERM, and wait for it."""
        process = self._running[name]
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def kill(self, name: str) -> None:
        """End a program by SIGKILL, as a power cut would."""
        process = self._running[name]
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def output(self, program: str, *arguments: str, **environment: str) -> str:
        """Run a program to its end, and return what it wrote.

        Raises:
            ProgramError: It failed.
        """
        done = subprocess.run(
            [str(_command(program)), *arguments],
            env=self._environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProgramError(f"{program} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _last_words(self, name: str) -> str:
        words = self._log(name).read_text(errors="replace").strip().splitlines()
        return words[-1] if words else "it wrote nothing"


def _command(program: str) -> Path:
    """Find a program beside our own interpreter."""
    path = Path(sys.executable).parent / program
    if not path.exists():
        raise ProgramError(f"{path} is not there: the demo needs agent and collector installed")
    return path
