"""The real program `milepost-sim`, started and read from the outside."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from milepost_firmware_sim.clock import Clock

MILEPOST_SIM = Path(sys.executable).with_name("milepost-sim")
DEADLINE_S = 60.0


def run(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Any:
    """Run the program to its end and return what it said and its exit code."""
    return subprocess.run(
        [MILEPOST_SIM, *arguments],
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
        env={**os.environ, **(environment or {})},
    )


class Replay:
    """A running replay."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.address = str(self._line()["port"])

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
        assert ready, "the program said nothing"
        return dict(json.loads(self.process.stdout.readline()))

    def counts(self) -> dict[str, Any]:
        """Wait for the end and return the last line."""
        assert self.process.wait(DEADLINE_S) == 0
        return self._line()

    def open_terminal(self) -> int:
        """Open the port as a plain reader does."""
        return os.open(self.address, os.O_RDWR | os.O_NOCTTY)

    def connect(self) -> socket.socket:
        """Connect to the port."""
        host, port = self.address.removeprefix("socket://").rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=DEADLINE_S)

    def cpu_s(self) -> float:
        """Return the processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def replay(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[Replay]:
    """Start a replay; kill it at the end if it still runs."""
    process = subprocess.Popen(
        [MILEPOST_SIM, "replay", *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    with process:
        try:
            yield Replay(process)
        finally:
            process.kill()


def read_line(descriptor: int) -> bytes:
    """Read up to the next line end."""
    data = b""
    while not data.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], DEADLINE_S)
        assert ready, f"nothing came after {data!r}"
        data += os.read(descriptor, 1)
    return data


def read_to_end(descriptor: int, pause_s: float = 0.0) -> bytes:
    """Read until the other side is gone, pausing between the reads as a slow reader does."""
    data = b""
    while True:
        ready, _, _ = select.select([descriptor], [], [], DEADLINE_S)
        assert ready, f"nothing came after {len(data)} bytes"
        try:
            received = os.read(descriptor, 4096)
        except OSError:  # EIO: the terminal's other side is closed
            return data
        if not received:
            return data
        data += received
        if pause_s:
            select.select([], [], [], pause_s)


def now_s() -> float:
    """Return the true time in Unix seconds, as a program without MILEPOST_CLOCK reads it."""
    return Clock().timescale.true(Clock().now_s())


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail after the deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, f"never: {what}"
        select.select([], [], [], 0.01)
