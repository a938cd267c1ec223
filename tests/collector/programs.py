"""The real program `milepost-collector`, started and read from the outside."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from milepost_collector.embedded import Address

MILEPOST_COLLECTOR = Path(sys.executable).with_name("milepost-collector")
DEADLINE_S = 60.0


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = DEADLINE_S) -> float:
    """Wait for a condition; return the seconds that it took."""
    begin_s = time.monotonic()
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < begin_s + timeout_s, f"{what}: not within {timeout_s:g} s"
        pause.wait(0.01)
    return time.monotonic() - begin_s


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without settings of a collector, and with some more."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    return ours | dict(more or {})


def settings(dsn: str = "", broker: Address | None = None) -> dict[str, str]:
    """The variables that name a database and a broker."""
    named = {"MILEPOST_DATABASE__DSN": dsn, "MILEPOST_WEB__PORT": "0"}
    if broker is not None:
        named |= {"MILEPOST_BROKER__HOST": broker.host, "MILEPOST_BROKER__PORT": str(broker.port)}
    return named


def run(
    *arguments: str | Path, more: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the program to its end and return what it said and its exit code."""
    return subprocess.run(
        [MILEPOST_COLLECTOR, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        env=environment(more),
    )


class Running:
    """A running program, its errors collected in a file.

    Attributes:
        process: Its process.
        log: What it wrote to standard error.
    """

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self.log = log

    def line(self) -> str:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        said, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
        assert said, f"the program said nothing; its log: {self.log.read_text()}"
        text = self.process.stdout.readline()
        assert text, f"the program ended with {self.process.wait()}: {self.log.read_text()}"
        return text

    def addresses(self) -> dict[str, Any]:
        """Return what `serve` says once it is ready."""
        return dict(json.loads(self.line()))

    def descendants(self) -> list[psutil.Process]:
        """Return all processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process:
        """Return the child that runs one of our programs."""
        (found,) = [each for each in self.descendants() if name in each.cmdline()]
        return found

    def stop(self) -> int:
        """Stop it as a service manager does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


@contextmanager
def running(
    folder: Path, *arguments: str | Path, more: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start the program; kill it at the end if it still runs."""
    log = folder / "collector.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [MILEPOST_COLLECTOR, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(more),
        ) as process,
    ):
        try:
            yield Running(process, log)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(DEADLINE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
