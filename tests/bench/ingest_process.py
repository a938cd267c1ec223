"""The ingest as a program: from the broker to the ack, beside its limits.

A fleet, a broker, one `milepost-collector ingest` and PostgreSQL share the cores of this machine:
what the others take of them is missing to the one that is measured. Each row says in `processor`
what each took, in cores. The limits hold without the engine; then it runs with it, without fences.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from milepost_collector.embedded import EmbeddedBroker, EmbeddedPostgres
from milepost_collector.store.migrate import migrate
from tests.bench.copy_limit import CopyLimit
from tests.bench.ingest_load import Fleet
from tests.bench.ingest_sender import Heard
from tests.bench.tutorial import tutorial_per_s
from tests.fixtures.servers import FreshDatabase, created_database
from tests.system.collectors import Collectors

RUN_S = 8

# More than are answered in the time that a run takes.
_ONE, _ONE_ROUNDS = Fleet("one-", 1000, 1), 300
_SIXTY, _SIXTY_ROUNDS = Fleet("sixty-", 1000, 60), 80

_PLAIN = ((_ONE, _ONE_ROUNDS), (_SIXTY, _SIXTY_ROUNDS))
_THINKING = tuple(
    (replace(fleet, prefix=f"thinking-{fleet.prefix}"), rounds) for fleet, rounds in _PLAIN
)

# Answered in every run, however slow.
_COPIED_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Run:
    """What a fleet heard, and what each program took of the processor meanwhile, in seconds."""

    heard: Heard
    cpu_s: dict[str, float]

    @property
    def batches_per_s(self) -> float:
        """Batches that were acknowledged."""
        return self.heard.acks / self.heard.took_s

    @property
    def collector_us(self) -> float:
        """Processor time of the collector, a batch."""
        return self.cpu_s["collector"] / self.heard.acks * 1e6

    def cores(self) -> dict[str, float]:
        """Return what each program took of the machine."""
        return {name: round(cpu_s / self.heard.took_s, 2) for name, cpu_s in self.cpu_s.items()}


def ingest_process_rows(folder: Path) -> list[dict[str, Any]]:
    """Measure single fixes and batches of 60, and the tutorial's collector on the same servers."""
    (folder / "logs").mkdir()
    with (
        EmbeddedPostgres(folder / "ingest-pg") as postgres,
        EmbeddedBroker(folder / "ingest-mq") as broker,
        created_database(postgres.dsn) as dsn,
    ):
        migrate(dsn, plain=True)
        database = FreshDatabase(dsn, "plain")
        runs = []
        for makes, fleets in (("false", _PLAIN), ("true", _THINKING)):
            settings = {"MILEPOST_EVENTS__MAKE": makes}
            with Collectors(folder / "logs", broker.address, database, settings) as collectors:
                collectors.start("ingest")
                watched = {
                    "collector": collectors.pid("ingest"),
                    "broker": broker.pid,
                    "PostgreSQL": postgres.pid,
                }
                runs += [_run(database, broker, watched, *fleet) for fleet in fleets]
        one, sixty, thinking_one, thinking_sixty = runs
        with created_database(postgres.dsn) as other:
            tutorial = tutorial_per_s(broker.address, other)
        with CopyLimit(dsn) as limit:
            copy_s = median(limit.took_s(_SIXTY, number) for number in range(_COPIED_ROUNDS))
    copied = _SIXTY.devices * _SIXTY.size / copy_s
    return [
        *_rows(one, sixty),
        *_beside(one, sixty, copied, tutorial),
        *_thinking_rows((one, thinking_one), (sixty, thinking_sixty)),
    ]


def _rows(one: Run, sixty: Run) -> list[dict[str, Any]]:
    shared = f"{os.cpu_count()} cores for fleet, broker, collector, PostgreSQL"
    return [
        _row(one, f"ingest program: batches of 1, {shared}", one.batches_per_s, 5000, "/s"),
        _row(one, "ingest program: processor a batch of 1", one.collector_us, 90, "µs"),
        _row(
            sixty,
            "ingest program: processor a fix in batches of 60",
            sixty.collector_us / _SIXTY.size,
            3,
            "µs",
        ),
        *(
            _row(
                run,
                f"ingest program: 99th ack of 100, {fleet.devices} devices wait, batches of {size}",
                run.heard.p99_s * 1e3,
                run.heard.p50_s * 1e3,
                "ms",
                peer="the 50th",
            )
            for run, fleet, size in ((one, _ONE, 1), (sixty, _SIXTY, 60))
        ),
    ]


def _beside(one: Run, sixty: Run, copied: float, tutorial: float) -> list[dict[str, Any]]:
    copy = "binary COPY of the same rows, without all the others"
    peer = "tutorial's collector: paho, JSON, INSERT and commit a fix"
    what = "ingest program: fixes in batches of"
    fixes_per_s = sixty.batches_per_s * _SIXTY.size
    return [
        _row(sixty, f"{what} 60", fixes_per_s, copied, "fixes/s", peer=copy),
        _row(sixty, f"{what} 60", fixes_per_s, tutorial, "fixes/s", peer=peer),
        _row(one, f"{what} 1", one.batches_per_s, tutorial, "fixes/s", peer=peer),
    ]


def _thinking_rows(ones: tuple[Run, Run], sixties: tuple[Run, Run]) -> list[dict[str, Any]]:
    rows = []
    for (plain, thinking), size in ((ones, 1), (sixties, _SIXTY.size)):
        what, without = "ingest program with the engine, no fences: ", "without the engine"
        figures = (
            ("fixes in batches", thinking.batches_per_s * size, plain.batches_per_s * size, "/s"),
            (
                "processor a fix in batches",
                thinking.collector_us / size,
                plain.collector_us / size,
                "µs",
            ),
        )
        rows += [
            _row(thinking, f"{what}{name} of {size}", ours, peers, unit, peer=without)
            for name, ours, peers, unit in figures
        ]
    return rows


def _row(
    run: Run, what: str, ours: float, peers: float, unit: str, *, peer: str = "limit"
) -> dict[str, Any]:
    row = {"what": what, "ours": ours, "peer": peer, "peers": peers, "unit": unit}
    return row | {"processor": run.cores()}


def _run(
    database: FreshDatabase,
    broker: EmbeddedBroker,
    watched: dict[str, int | None],
    fleet: Fleet,
    rounds: int,
) -> Run:
    address = broker.address
    command = [sys.executable, "-m", "tests.bench.ingest_sender", address.host, str(address.port)]
    options = {
        "--prefix": fleet.prefix,
        "--devices": fleet.devices,
        "--size": fleet.size,
        "--rounds": rounds,
        "--seconds": RUN_S,
    }
    command += [str(word) for pair in options.items() for word in pair]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "settled\n", "the fleet does not send"
        before = {name: _cpu_s(pid) for name, pid in watched.items()}
        heard = Heard(**json.loads(sender.stdout.readline()))
        after = {name: _cpu_s(pid) for name, pid in watched.items()}
    _check(database, fleet, heard, rounds)
    cpu_s = {
        name: sum(cpu_s - before[name].get(pid, 0.0) for pid, cpu_s in after[name].items())
        for name in watched
    }
    return Run(heard, cpu_s | {"fleet": heard.cpu_s})


def _check(database: FreshDatabase, fleet: Fleet, heard: Heard, rounds: int) -> None:
    assert heard.left_alone == 0, f"{heard.left_alone} devices wait for an ack"
    assert heard.rounds < rounds - 1, "the fleet has run out of batches"
    stored = database.value(
        "SELECT min(last_seq) FROM stream JOIN device ON device.no = stream.device "
        "WHERE starts_with(device.device, %s)",
        fleet.prefix,
    )
    least = heard.rounds * fleet.size
    assert stored >= least, f"up to {stored} is stored, {least} was acknowledged"
    assert database.value("SELECT count(*) FROM dead_letter") == 0, "batches were refused"


def _cpu_s(pid: int | None) -> dict[int, float]:
    """Return what a program and each of its children have taken, by process id."""
    taken, main = {}, psutil.Process(pid)
    for process in [main, *main.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a session that has ended meanwhile
            times = process.cpu_times()
            taken[process.pid] = times.user + times.system
    return taken
