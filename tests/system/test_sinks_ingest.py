"""The ingest program killed in the middle of transactions: its events reach all who are told."""

import json
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.clock import Clock
from milepost_collector.embedded import Address
from milepost_collector.failpoint import ENVIRONMENT_KEY, Failpoint
from milepost_schemas.fix import KeptFix
from tests.collector.batches import drive, message
from tests.collector.carriers import Subscriber
from tests.collector.fences import circle, collection
from tests.collector.nats_server import NatsServer
from tests.collector.programs import Running, run, running, settings, wait_until
from tests.collector.unit import Unit
from tests.fixtures.servers import FreshDatabase, created_database

BATCHES, SIZE = 24, 10

# How often the point is passed in each life of the program.
LIVES = (3, 1, 5, 2)


class Route:
    """A drive through fences, sent batch by batch as a unit does.

    Args:
        fixes: All of them, numbered from 1.
    """

    def __init__(self, fixes: Sequence[KeptFix]) -> None:
        self._batches = [
            message(fixes[n * SIZE : (n + 1) * SIZE], batch=n + 1).payload for n in range(BATCHES)
        ]
        self.acked = 0

    def is_over(self) -> bool:
        """Whether all was acknowledged."""
        return self.acked == BATCHES

    def go_on(self, unit: Unit) -> None:
        """Send the next batch, and look for an ack for a moment."""
        if not self.is_over():
            unit.send(self._batches[self.acked])
            try:
                last_seq = unit.ack(timeout_s=0.3).last_seq
            except queue.Empty:
                return
            assert last_seq is not None
            self.acked = last_seq // SIZE


def fences_along(fixes: Sequence[KeptFix], folder: Path) -> Path:
    """Write fences around some places of a drive."""
    middles = [fixes[n].fix for n in range(40, len(fixes) - 40, 40)]
    file = folder / "fences.geojson"
    features = [circle(f"yard-{n}", middle, 60) for n, middle in enumerate(middles)]
    file.write_text(json.dumps(collection(*features)))
    return file


def put_in_force(database: FreshDatabase, fences: Path) -> None:
    """Publish fences."""
    done = run("fences", fences, more=settings(database.dsn))
    assert done.returncode == 0, done.stderr


def event_ids(database: FreshDatabase) -> list[str]:
    """The ids of all events, in the order of the feed."""
    return [str(one) for (one,) in database.rows("SELECT id FROM event ORDER BY number")]


def died(program: Running, route: Route, unit: Unit) -> bool:
    """Send on; say whether the program has died."""
    route.go_on(unit)
    return program.process.poll() is not None


def undisturbed(
    server: str, broker: Address, device: str, fixes: Sequence[KeptFix], folder: Path
) -> list[tuple[Any, ...]]:
    """Return what is told of a drive in a database of its own, without numbers."""
    with created_database(server) as dsn:
        database = FreshDatabase(dsn, "plain")
        database.migrate()
        put_in_force(database, fences_along(fixes, folder))
        route = Route(fixes)
        with (
            running(folder, "ingest", more=settings(dsn, broker)) as program,
            Unit(broker, device) as unit,
        ):
            assert program.line() == "ready\n"
            wait_until(lambda: died(program, route, unit) or route.is_over(), "the drive")
            fresh = "SELECT count(*) FROM event WHERE number IS NULL"
            wait_until(lambda: database.value(fresh) == 0, "numbers")
        return [row[1:] for row in told(database)]


@pytest.mark.parametrize("point", [Failpoint.AFTER_INSERT, Failpoint.AFTER_COMMIT])
def test_sinks_miss_nothing_when_ingest_is_killed_at(
    tmp_path: Path,
    broker: Address,
    plain_server: str,
    plain_database: FreshDatabase,
    point: Failpoint,
) -> None:
    """The same events as in a run that nobody disturbed, each once in the log, all heard."""
    # Fences are in force ten seconds after they are published, and the drive begins then.
    fixes = drive(1, BATCHES * SIZE, start_ms=Clock().now_ms() + 20_000)
    fences = fences_along(fixes, tmp_path)
    expected = undisturbed(plain_server, broker, f"calm-{point}", fixes, tmp_path)
    assert len(expected) >= 6

    put_in_force(plain_database, fences)
    environment = settings(plain_database.dsn, broker)
    route = Route(fixes)
    (tmp_path / "web").mkdir()
    with NatsServer(tmp_path / "nats") as nats, Subscriber(broker) as subscriber:
        nats.start()
        more = environment | {"MILEPOST_JETSTREAM__URL": nats.url}
        with running(tmp_path / "web", "web", more=more), Unit(broker, f"torn-{point}") as unit:
            for passes in LIVES:
                failing = environment | {ENVIRONMENT_KEY: f"{point}:{passes}"}
                with running(tmp_path, "ingest", more=failing) as program:
                    wait_until(lambda: died(program, route, unit), "its death")
            assert not route.is_over()
            with running(tmp_path, "ingest", more=environment) as program:
                wait_until(lambda: died(program, route, unit) or route.is_over(), "the drive")
                wait_until(lambda: len(subscriber.numbers) >= len(expected), "all events")
                wait_until(lambda: len(nats.stored()) >= len(expected), "the log")
        assert [row[1:] for row in told(plain_database)] == expected
        ids = event_ids(plain_database)
        assert [each.id for each in nats.stored()] == ids
        assert list(dict.fromkeys(each.event["id"] for each in subscriber.heard)) == ids


def told(database: FreshDatabase) -> list[tuple[object, ...]]:
    """Number, type, time and data of all events: what two devices on one drive share."""
    return database.rows("SELECT number, type, time, data FROM event ORDER BY number")
