"""The example consumer of the collector's README, run as it stands there."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector.events import event, fill
from tests.collector.programs import wait_until
from tests.collector.web_program import free_port, web_program
from tests.fixtures.servers import FreshDatabase

README = Path(__file__).parents[2] / "collector" / "README.md"

COUNT = 300
VEHICLES = 3
KILLS = 6


class Consumer:
    """The example, which can be killed and started again; it adds what it handles to a file."""

    def __init__(self, folder: Path, url: str) -> None:
        (source,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        script = folder / "follow.py"
        script.write_text(source)
        self.cursor = folder / "cursor.txt"
        self._said = folder / "handled.jsonl"
        self._log = folder / "consumer.log"
        self._command = [sys.executable, str(script), url, str(self.cursor)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with self._said.open("a") as said, self._log.open("a") as log:
            environment = {**os.environ, "NO_PROXY": "*"}
            self._process = subprocess.Popen(
                self._command, stdout=said, stderr=log, env=environment
            )

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            assert self._process.wait() == -signal.SIGKILL, self._log.read_text()
            self._process = None

    def handled(self) -> list[dict[str, Any]]:
        """Return the events that it has handled, in order; a line cut by a kill is none."""
        if not self._said.exists():
            return []
        lines = self._said.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("}\n")]


@pytest.fixture
def port() -> int:
    """A port that is free."""
    return free_port()


@pytest.fixture
def consumer(tmp_path: Path, port: int) -> Iterator[Consumer]:
    """The example, killed at the end."""
    example = Consumer(tmp_path, f"http://127.0.0.1:{port}")
    yield example
    example.kill()


def write(database: FreshDatabase, first: int, count: int) -> None:
    """Write events of some vehicles."""
    numbers = range(first, first + count)
    fill(database, [event(number, vehicle=f"van-{number % VEHICLES}") for number in numbers])


def fences(events: list[dict[str, Any]]) -> set[str]:
    """Return the fences of events."""
    return {each["data"]["fence"] for each in events}


def test_example_that_is_killed_again_and_again_sees_every_event(
    tmp_path: Path, plain_database: FreshDatabase, consumer: Consumer, port: int
) -> None:
    """Each event at least once, in order per vehicle, under the id that it has in the table."""
    with web_program(tmp_path, plain_database, port) as (_, program):
        for number in range(KILLS):
            consumer.start()
            before = len(consumer.handled())
            writing = threading.Thread(
                target=write, args=(plain_database, number * COUNT // KILLS, COUNT // KILLS)
            )
            writing.start()
            wait_until(lambda: len(consumer.handled()) > before, "an event")  # noqa: B023
            consumer.kill()
            writing.join()
        program.kill()
    consumer.start()
    with web_program(tmp_path, plain_database, port):
        wait_until(lambda: len(fences(consumer.handled())) == COUNT, "all events")
        consumer.kill()

    told = consumer.handled()
    ids = {str(name) for (name,) in plain_database.rows("SELECT id FROM event")}
    assert {each["id"] for each in told} == ids
    assert len(ids) == COUNT
    once: dict[str, dict[str, Any]] = {}
    for each in told:
        assert once.setdefault(each["id"], each) == each  # what comes again is the same
    for number in range(VEHICLES):
        times = [each["time"] for each in once.values() if each["subject"] == f"van-{number}"]
        assert times == sorted(times)


def test_example_goes_on_over_a_restored_database(
    tmp_path: Path, plain_database: FreshDatabase, consumer: Consumer, port: int
) -> None:
    """After a restore it hears 410, resumes from the time that it is told, and misses nothing."""
    write(plain_database, 0, 10)
    with web_program(tmp_path, plain_database, port):
        consumer.start()
        wait_until(lambda: len(fences(consumer.handled())) == 10, "ten events")
        wait_until(consumer.cursor.exists, "a cursor")
        before = consumer.cursor.read_text()
        plain_database.run("DELETE FROM event WHERE number > 7")
        plain_database.run("UPDATE feed SET last_number = 7, timeline = timeline + 1")
        write(plain_database, 20, 10)
        wait_until(lambda: len(fences(consumer.handled())) == 20, "ten events more")
        wait_until(lambda: consumer.cursor.read_text() != before, "a cursor of the new feed")
    assert consumer.cursor.read_text().partition("-")[0] != before.partition("-")[0]


def test_example_is_told_what_is_wrong(
    tmp_path: Path, plain_database: FreshDatabase, consumer: Consumer, port: int
) -> None:
    """A cursor that cannot be read ends it with the sentence of the answer."""
    consumer.cursor.write_text("nonsense")
    with web_program(tmp_path, plain_database, port):
        consumer.start()
        log = tmp_path / "consumer.log"
        wait_until(lambda: "cursor 'nonsense' cannot be read" in log.read_text(), "an error")
    assert consumer._process is not None
    assert consumer._process.wait() == 1
    consumer._process = None
