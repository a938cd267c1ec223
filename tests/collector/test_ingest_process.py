"""The ingest program as a real process between a real broker and a real database."""

import json
import queue
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from paho.mqtt import subscribe

from milepost_collector.clock import Clock
from milepost_collector.embedded import Address
from milepost_schemas.ack import Ack
from milepost_schemas.batch import decode_batch
from milepost_schemas.topics import Address as UnitAddress
from milepost_schemas.topics import Channel
from tests.collector.batches import drive, message
from tests.collector.programs import Running, running, settings, wait_until
from tests.collector.unit import Unit
from tests.fixtures.servers import FreshDatabase, created_database

START_MS = Clock().now_ms() - 60_000

DEAD_LETTERS = "SELECT count(*) FROM dead_letter"


@pytest.fixture
def device() -> str:
    """A name that no other test uses at the broker."""
    return f"van-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def shared(plain_server: str) -> Iterator[FreshDatabase]:
    """A database for all tests here that do not count what is in it."""
    with created_database(plain_server) as dsn:
        fresh = FreshDatabase(dsn, "plain")
        fresh.migrate()
        yield fresh


@pytest.fixture(scope="module")
def ingest(
    shared: FreshDatabase, broker: Address, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A running ingest, ready."""
    folder = tmp_path_factory.mktemp("ingest")
    with running(folder, "ingest", more=settings(shared.dsn, broker)) as program:
        assert program.line() == "ready\n"
        yield program


def batch(first: int, last: int, *, number: int = 1) -> bytes:
    """The payload of a batch of a minute ago."""
    return message(drive(first, last, start_ms=START_MS), batch=number).payload


def delivered(unit: Unit, payload: bytes) -> Ack:
    """Send a batch again and again, as a unit does, until it is acknowledged.

    What was sent twice is acknowledged twice, so acks of earlier batches may be under way.
    """
    number = decode_batch(payload).envelope.batch
    acks: list[Ack] = []

    def answered() -> bool:
        unit.send(payload)
        try:
            acks.append(unit.ack(timeout_s=0.3))
        except queue.Empty:
            return False
        return acks[-1].batch == number

    wait_until(answered, "an ack")
    return acks[-1]


def acked_s(unit: Unit, number: int) -> float:
    """Send a batch of three fixes; return the seconds until it is acknowledged."""
    begin_s = time.monotonic()
    unit.send(batch(3 * number - 2, 3 * number, number=number))
    while (ack := unit.ack()).batch != number:
        pass  # of a batch that was sent twice
    assert (ack.last_seq, ack.refused) == (3 * number, None)
    return time.monotonic() - begin_s


def said(database: FreshDatabase, device: str) -> Any:
    """What the database holds as a unit's own words; None when nothing.

    The broker is everybody's and keeps statuses of other tests' units.
    """
    rows = database.rows("SELECT status FROM device WHERE device = %s", device)
    return rows[0][0] if rows else None


def status(connection: int, *, is_online: bool, run: str = "aa") -> dict[str, Any]:
    """A status as the agent says it."""
    return {"online": is_online, "run": run, "connection": connection}


def test_ingest_after_undecodable_bytes_stores_the_next_batch_as_soon_as_ever(
    database: FreshDatabase, broker: Address, tmp_path: Path, device: str
) -> None:
    """Noise is kept as a dead letter and holds up nothing: the next batch is stored and acked."""
    with (
        running(tmp_path, "ingest", more=settings(database.dsn, broker)) as program,
        Unit(broker, device) as unit,
    ):
        assert program.line() == "ready\n"
        # The partition of the week and the plans are made by a first batch.
        assert delivered(unit, batch(1, 3)).last_seq == 3
        calm_s, noisy_s = [], []
        for number in range(2, 12, 2):
            calm_s.append(acked_s(unit, number))
            unit.send(b"\xc1 noise %02d" % number)
            wait_until(lambda: database.value(DEAD_LETTERS) == number / 2, "a dead letter")  # noqa: B023
            noisy_s.append(acked_s(unit, number + 1))
        # The best of each, for a busy machine takes its time for both.
        assert min(noisy_s) < min(calm_s) + 1
        assert database.value("SELECT count(*) FROM fix") == 33
        assert database.rows("SELECT reason, payload FROM dead_letter ORDER BY payload") == [
            ("malformed", b"\xc1 noise %02d" % number) for number in range(2, 12, 2)
        ]
        assert program.stop() == 0


def test_ingest_that_lost_the_database_goes_on(
    ingest: Running, shared: FreshDatabase, broker: Address, device: str
) -> None:
    """Connections that were cut are made again; what was in the air comes again and is stored."""
    with Unit(broker, device) as unit:
        assert delivered(unit, batch(1, 3)).last_seq == 3
        cut_connections(shared)
        assert delivered(unit, batch(4, 6, number=2)).last_seq == 6
    counted = "SELECT count(*) FROM fix JOIN device ON no = fix.device WHERE device.device = %s"
    assert shared.value(counted, device) == 6
    assert ingest.process.poll() is None


def test_ingest_that_lost_the_database_keeps_a_status(
    ingest: Running, shared: FreshDatabase, broker: Address, device: str
) -> None:
    """A status that comes while the database is away, which is said once, is stored later."""
    with Unit(broker, device) as unit:
        unit.say(status(1, is_online=True))
        wait_until(lambda: said(shared, device) == status(1, is_online=True), "online")
        cut_connections(shared)
        unit.say(status(1, is_online=False))
        wait_until(lambda: said(shared, device) == status(1, is_online=False), "offline")
    assert ingest.process.poll() is None


@pytest.mark.usefixtures("ingest")
def test_ingest_keeps_a_status_while_the_row_is_held(
    shared: FreshDatabase, broker: Address, device: str
) -> None:
    """A status waits for a row that a transaction holds, however long; those of others do not."""
    with Unit(broker, device) as unit, Unit(broker, f"{device}-x") as other:
        unit.say(status(1, is_online=True))
        wait_until(lambda: said(shared, device) == status(1, is_online=True), "online")
        with psycopg.connect(shared.dsn) as holder:
            holder.execute("SELECT FROM device WHERE device = %s FOR UPDATE", (device,))
            unit.say(status(1, is_online=False))
            other.say(status(1, is_online=True))
            wait_until(lambda: said(shared, f"{device}-x"), "another")
            assert said(shared, device) == status(1, is_online=True)
        wait_until(lambda: said(shared, device) == status(1, is_online=False), "offline")


@pytest.mark.usefixtures("ingest")
def test_status_of_a_unit_that_vanishes_is_its_will(
    shared: FreshDatabase, broker: Address, device: str
) -> None:
    """A unit is online from its birth until the broker says its will."""
    with Unit(broker, device, will=status(1, is_online=False)) as unit:
        unit.say(status(1, is_online=True))
        wait_until(lambda: said(shared, device) == status(1, is_online=True), "online")
        unit.vanish()
        wait_until(lambda: said(shared, device) == status(1, is_online=False), "offline")


@pytest.mark.usefixtures("ingest")
@pytest.mark.parametrize("newer", [status(2, is_online=True), status(1, is_online=True, run="bb")])
def test_status_of_an_older_connection_is_ignored(
    shared: FreshDatabase, broker: Address, device: str, newer: dict[str, Any]
) -> None:
    """A will that comes after the birth of the next connection, or run, changes nothing."""
    with Unit(broker, device, will=status(1, is_online=False)) as old, Unit(broker, device) as new:
        old.say(status(1, is_online=True))
        new.say(newer)
        wait_until(lambda: said(shared, device) == newer, "birth")
        old.vanish()
        # What comes behind the late will on the same topic shows that it has been judged.
        wait_until(lambda: retained(broker, device) == status(1, is_online=False), "the late will")
        with Unit(broker, f"{device}-x") as other:
            other.say(status(1, is_online=True))
            wait_until(lambda: said(shared, f"{device}-x"), "another")
        assert said(shared, device) == newer


@pytest.mark.usefixtures("ingest")
def test_status_that_cannot_be_read_is_passed_over(
    shared: FreshDatabase, broker: Address, device: str
) -> None:
    """A status without a yes or no, too long or with a NUL is none; the next good one is stored."""
    with Unit(broker, device) as unit:
        unit.say({"online": "yes"})
        unit.say({"online": True, "note": "x" * 5000})
        unit.say({"online": True, "note": "a\0b"})
        unit.say({"online": True, "deep": json_depth(200)})
        unit.say(status(1, is_online=True))
        wait_until(lambda: said(shared, device) == status(1, is_online=True), "the good one")


def json_depth(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def cut_connections(database: FreshDatabase) -> None:
    """End everybody's sessions, as a restart of the server does."""
    database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def retained(broker: Address, device: str) -> Any:
    """Return the status that the broker keeps for a unit."""
    topic = UnitAddress(0, device).topic(Channel.STATUS)
    found = subscribe.simple(  # type: ignore[no-untyped-call]  # paho has no types here
        topic, hostname=broker.host, port=broker.port
    )
    return json.loads(found.payload)
