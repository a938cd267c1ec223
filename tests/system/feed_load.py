"""A feed under load: writers as processes, a transaction left open, and a reader over HTTP.

`python -m tests.system.feed_load --seconds 60` runs it for a whole minute and prints the figures.
Commit and reception are told by CLOCK_MONOTONIC, which all processes of a machine share.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Self

import httpx
import psycopg
from psycopg import AsyncConnection

from milepost_collector.embedded import Address, EmbeddedBroker, EmbeddedPostgres
from milepost_collector.store.engine_writes import EVENTS_CHANNEL
from milepost_collector.store.writes import Writes, write
from milepost_schemas.event import Event
from tests.collector.batches import NOW_MS
from tests.collector.programs import running, settings
from tests.fixtures.servers import FreshDatabase

WRITERS = 6
VEHICLES_EACH = 4
HELD = "held"
WAIT_S = 3

# Nothing may come for so long while one who numbers is being succeeded.
SILENT_S = 15.0


@dataclass(frozen=True)
class Load:
    """What is written: so many events in all, over so many seconds."""

    events: int
    seconds: float


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes:
        written: Events that were committed.
        missed: Of them never read.
        doubled: Read more than once.
        disordered: Read after a later one of their vehicle.
        p50_s: From the end of the commit to the end of the answer.
    """

    written: int
    missed: int
    doubled: int
    disordered: int
    p50_s: float
    p99_s: float
    max_s: float


def numbered(vehicle: str, number: int) -> Event:
    """An event that knows the order in which it was written."""
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"{vehicle}|{number}")
    kind = ("fence.entered", "fence.exited")[number % 2]
    return Event(name, kind, vehicle, vehicle, NOW_MS + number, {"number": number})


async def write_some(dsn: str, name: str, load: Load) -> None:
    """Write, with commits that come some time after their inserts; say each when it is done."""
    chances = random.Random(name)
    begin_s = time.monotonic()
    vehicles = [f"{name}-{letter}" for letter in range(VEHICLES_EACH)]
    counts = dict.fromkeys(vehicles, 0)
    done = 0
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        while done < load.events:
            vehicle, size = chances.choice(vehicles), chances.randint(1, 5)
            events = [numbered(vehicle, counts[vehicle] + n) for n in range(size)]
            async with connection.transaction():
                await write(connection, Writes(events=events), NOW_MS)
                await asyncio.sleep(chances.choice([0, 0, 0, 0.002, 0.02]))
            print(time.monotonic(), *(event.id for event in events), flush=True)  # noqa: T201
            counts[vehicle] += size
            done += size
            ahead_s = done / load.events * load.seconds - (time.monotonic() - begin_s)
            await asyncio.sleep(max(0, ahead_s))


class Writers:
    """Processes that write, started and ended with the `with` block."""

    def __init__(self, dsn: str, load: Load) -> None:
        each = ("--events", str(load.events // WRITERS), "--seconds", str(load.seconds))
        self._commands = [
            [sys.executable, "-m", __spec__.name, *each, "--dsn", dsn, "--name", f"w{number}"]
            for number in range(WRITERS)
        ]
        self._stack = ExitStack()
        self._running: list[tuple[subprocess.Popen[str], IO[str]]] = []

    def __enter__(self) -> Self:
        for command in self._commands:
            said = self._stack.enter_context(TemporaryFile("w+"))
            process = self._stack.enter_context(subprocess.Popen(command, stdout=said, text=True))
            self._running.append((process, said))
        return self

    def __exit__(self, *_: object) -> None:
        for process, _said in self._running:
            process.kill()
        self._stack.close()

    def are_done(self) -> bool:
        """Whether all have ended."""
        return all(process.poll() is not None for process, _ in self._running)

    def committed_s(self) -> dict[str, float]:
        """Return when each event was committed."""
        found: dict[str, float] = {}
        for process, said in self._running:
            assert process.wait() == 0
            said.seek(0)
            for line in said:
                at_s, *names = line.split()
                found |= dict.fromkeys(names, float(at_s))
        return found


class Reader:
    """Reads the feed by long-poll; notes when each event came.

    Attributes:
        seen: Id, vehicle, its number there, and when it came.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._cursor = "beginning"
        self.seen: list[tuple[str, str, int, float]] = []

    def read_until(self, is_over: Callable[[], bool], written: Callable[[], set[str]]) -> None:
        """Read on until it is over and nothing more comes.

        That is soon when all that was written has come; else longer than anything may take.
        """
        over_s = 0.0
        with httpx.Client(base_url=self._url, timeout=WAIT_S + 5, trust_env=False) as client:
            while True:
                over = is_over()
                wait_s = 1 if over else WAIT_S
                asked: dict[str, str | int] = {"after": self._cursor, "limit": 1000, "wait": wait_s}
                page = client.get("/v1/events", params=asked).raise_for_status().json()
                now_s = time.monotonic()
                for found in page["events"]:
                    number = found["data"]["number"]
                    self.seen.append((found["id"], found["subject"], number, now_s))
                self._cursor = page["next"]
                if page["events"] or not over_s:
                    over_s = now_s if over else 0.0
                elif written() <= {each[0] for each in self.seen} or now_s - over_s > SILENT_S:
                    return


def judged(committed_s: dict[str, float], seen: list[tuple[str, str, int, float]]) -> Figures:
    """Compare what was committed with what was read."""
    first_s: dict[str, float] = {}
    last: dict[str, int] = defaultdict(lambda: -1)
    disordered = 0
    for name, vehicle, number, at_s in seen:
        if name in first_s:
            continue
        first_s[name] = at_s
        disordered += number <= last[vehicle]
        last[vehicle] = max(last[vehicle], number)
    late = sorted(first_s[name] - at for name, at in committed_s.items() if name in first_s)
    return Figures(
        written=len(committed_s),
        missed=len(committed_s.keys() - first_s.keys()),
        doubled=len(seen) - len(first_s),
        disordered=disordered,
        p50_s=round(late[len(late) // 2], 3),
        p99_s=round(late[len(late) * 99 // 100], 3),
        max_s=round(late[-1], 3),
    )


def under_load(
    dsn: str, url: str, load: Load, meanwhile: Callable[[], None] = lambda: None
) -> Figures:
    """Write and read; a transaction that wrote first is open all the while, and commits last.

    Args:
        dsn: The database, where somebody numbers.
        url: The web program.
        load: What is written.
        meanwhile: Called once, when a third has been written.
    """
    reader = Reader(url)
    held = [numbered(HELD, number) for number in range(3)]
    held_s = 0.0
    called = False
    with psycopg.connect(dsn) as holder, Writers(dsn, load) as writers:
        _insert(holder, held)

        def written() -> set[str]:
            return writers.committed_s().keys() | {str(event.id) for event in held}

        def is_over() -> bool:
            nonlocal called, held_s
            if not called and len(reader.seen) > load.events // 3:
                called = True
                meanwhile()
            if writers.are_done() and not held_s:
                holder.commit()
                held_s = time.monotonic()
            return held_s > 0

        reader.read_until(is_over, written)
        committed_s = writers.committed_s() | {str(event.id): held_s for event in held}
    assert called
    return judged(committed_s, reader.seen)


def _insert(connection: "psycopg.Connection[tuple[object, ...]]", events: Sequence[Event]) -> None:
    for event in events:
        connection.execute(
            "INSERT INTO event (time, id, type, device, subject, data, recorded_at) "
            "VALUES (to_timestamp(%s / 1e3), %s, %s, %s, %s, %s, now())",
            (
                event.time_ms,
                event.id,
                event.type,
                event.device,
                event.subject,
                json.dumps(dict(event.data)),
            ),
        )
    connection.execute(f"NOTIFY {EVENTS_CHANNEL}".encode())


@contextmanager
def served_feed(folder: Path, database: FreshDatabase, broker: Address) -> Iterator[str]:
    """Serve a database; give the address of its web program."""
    with running(folder, "serve", more=settings(database.dsn, broker)) as program:
        yield program.addresses()["web"]


def main() -> None:
    """Be a writer, or run everything and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--dsn")
    parser.add_argument("--name")
    asked = parser.parse_args()
    load = Load(asked.events, asked.seconds)
    if asked.name:
        asyncio.run(write_some(asked.dsn, asked.name, load))
        return
    with TemporaryDirectory(prefix="mp-", dir="/tmp") as place:
        folder = Path(place)
        folder.chmod(0o755)
        with (
            EmbeddedPostgres(folder / "pg") as postgres,
            EmbeddedBroker(folder / "mq") as broker,
        ):
            database = FreshDatabase(postgres.dsn, "plain")
            database.migrate()
            with served_feed(folder, database, broker.address) as url:
                print(json.dumps(asdict(under_load(database.dsn, url, load))))  # noqa: T201


if __name__ == "__main__":
    main()
