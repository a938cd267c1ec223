"""The real program `milepost-agent`, started and read from the outside."""

import csv
import fcntl
import io
import json
import os
import select
import socket
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

MILEPOST_AGENT = Path(sys.executable).with_name("milepost-agent")
DEADLINE_S = 60.0

CONFIG = """
[device]
id = "van-01"
[receiver]
port = "{port}"
[broker]
host = "127.0.0.1"
port = {broker_port}
[buffer]
path = "{folder}/buffer.sqlite"
[sampling]
tolerance_m = 0
[uplink]
tick_s = 3600
[status]
path = "{folder}/status.json"
"""


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail after the deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, f"never: {what}"
        select.select([], [], [], 0.01)


def unused_port() -> int:
    """Return a TCP port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Terminal:
    """A pseudo-terminal: the agent's receiver, and our end of it."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        self.path = os.ttyname(self._theirs)

    def say(self, data: bytes) -> None:
        """Write what a receiver would send."""
        while data:
            _, ready, _ = select.select([], [self._ours], [], DEADLINE_S)
            assert ready, "nobody reads the terminal"
            data = data[os.write(self._ours, data[:1024]) :]

    def unread_bytes(self) -> int:
        """Return how much has arrived that nobody has read yet."""
        count = array("i", [0])
        fcntl.ioctl(self._theirs, termios.FIONREAD, count)
        return count[0]

    def close(self) -> None:
        """Close both ends."""
        os.close(self._ours)
        os.close(self._theirs)


class Vehicle:
    """A folder with a configuration, and the commands over it.

    Args:
        folder: Where configuration, buffer and status are.
        port: The receiver's port.
        broker_port: Where the broker is, or is not.
    """

    def __init__(self, folder: Path, port: str, broker_port: int | None = None) -> None:
        self.config = folder / "agent.toml"
        self.buffer = folder / "buffer.sqlite"
        self._status = folder / "status.json"
        self.write_config(port, broker_port or unused_port())

    def write_config(self, port: str, broker_port: int) -> None:
        """Write the configuration."""
        text = CONFIG.format(port=port, broker_port=broker_port, folder=self.config.parent)
        self.config.write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [MILEPOST_AGENT, *arguments, "--config", self.config],
            capture_output=True,
            check=False,
            text=True,
            timeout=DEADLINE_S,
        )

    def exported(self) -> list[dict[str, str]]:
        """Return the fixes in the buffer, as the command exports them."""
        export = self.command("export", "--csv")
        assert (export.returncode, export.stderr) == (0, "")
        return list(csv.DictReader(io.StringIO(export.stdout)))

    def status(self) -> dict[str, Any]:
        """Return the status that a running agent has written; empty before the first."""
        if not self._status.exists():
            return {}
        return dict(json.loads(self._status.read_text(encoding="utf-8")))

    @contextmanager
    def running(self) -> "Iterator[subprocess.Popen[str]]":
        """Run the agent until the block ends; it has begun when the block does."""
        process = subprocess.Popen(
            [MILEPOST_AGENT, "run", "--config", self.config], stderr=subprocess.PIPE, text=True
        )
        with process:
            try:
                assert process.stderr is not None
                wait_for_line(process.stderr, "The agent runs.")
                yield process
            finally:
                process.kill()


def wait_for_line(stream: IO[str], part: str) -> None:
    """Read lines until one holds a text."""
    while True:
        ready, _, _ = select.select([stream], [], [], DEADLINE_S)
        assert ready, f"the program did not say {part!r}"
        line = stream.readline()
        assert line, f"the program ended without saying {part!r}"
        if part in line:
            return
