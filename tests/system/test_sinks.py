"""The web program killed while it carries events: nothing is missed, the log has each once."""

import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost_collector.embedded import Address
from milepost_collector.failpoint import ENVIRONMENT_KEY, Failpoint
from tests.collector.carriers import Subscriber, number
from tests.collector.events import event, fill
from tests.collector.nats_server import NatsServer
from tests.collector.programs import Running, running, settings, wait_until
from tests.fixtures.servers import FreshDatabase

VEHICLES = 20

# uvicorn ends by the signal that it was sent.
ENDED = (0, -signal.SIGTERM)


class Sinks:
    """A database, a broker and a NATS server, and the web program over them."""

    def __init__(
        self, folder: Path, database: FreshDatabase, broker: Address, nats: NatsServer
    ) -> None:
        self.database = database
        self.broker = broker
        self.nats = nats
        self.folder = folder
        self.written = 0

    def environment(self, failpoint: str = "") -> dict[str, str]:
        """What the program is told."""
        more = {"MILEPOST_JETSTREAM__URL": self.nats.url}
        if failpoint:
            more[ENVIRONMENT_KEY] = failpoint
        return settings(self.database.dsn, self.broker) | more

    def add(self, count: int) -> None:
        """Write and number some more events."""
        numbers = range(self.written, self.written + count)
        fill(self.database, [event(n, vehicle=f"van-{n % VEHICLES}") for n in numbers])
        self.written += count

    def carried(self) -> bool:
        """Whether both have confirmed everything."""
        names = ("mqtt", "jetstream:MILEPOST")
        return all(number(self.database, name) == self.written for name in names)

    def assert_carried(self, subscriber: Subscriber) -> None:
        """Wait for the end: all was heard, and the log holds each event once, in order."""
        wait_until(self.carried, "all events carried")
        everything = list(range(1, self.written + 1))
        wait_until(lambda: len(set(subscriber.numbers)) == self.written, "all events heard")
        assert subscriber.numbers == everything
        ids: dict[int, str] = {}
        for heard in subscriber.heard:
            assert ids.setdefault(heard.number, heard.event["id"]) == heard.event["id"]
        stored = self.nats.stored()
        assert [each.number for each in stored] == everything
        assert [each.id for each in stored] == [ids[each] for each in everything]


@pytest.fixture
def sinks(tmp_path: Path, plain_database: FreshDatabase, broker: Address) -> Iterator[Sinks]:
    """All of it; the web program is started by the test."""
    with NatsServer(tmp_path / "nats") as nats:
        nats.start()
        yield Sinks(tmp_path, plain_database, broker, nats)


def has_died(program: Running) -> bool:
    """Whether it was ended by SIGKILL."""
    return program.process.poll() == -signal.SIGKILL


@pytest.mark.parametrize(
    "point", [Failpoint.BEFORE_PUBLISH, Failpoint.AFTER_PUBLISH, Failpoint.AFTER_CURSOR]
)
def test_sinks_miss_nothing_when_web_is_killed_at(sinks: Sinks, point: Failpoint) -> None:
    """Killed at a labelled point again and again, each time further on, and started again."""
    sinks.add(4000)
    with Subscriber(sinks.broker) as subscriber:
        for passes in (1, 2, 3, 2):
            failing = sinks.environment(f"{point}:{passes}")
            with running(sinks.folder, "web", more=failing) as program:
                wait_until(lambda running=program: has_died(running), f"death {point}")  # type: ignore[misc]
        sinks.add(10)
        with running(sinks.folder, "web", more=sinks.environment()) as program:
            sinks.assert_carried(subscriber)
            assert program.stop() in ENDED
    assert "Traceback" not in program.log.read_text()


def test_sinks_miss_nothing_when_web_and_nats_are_killed_at_any_moment(sinks: Sinks) -> None:
    """Killed at random moments while events come, NATS now and then too, which is away at first."""
    chances = random.Random(5)
    pause = threading.Event()
    sinks.nats.kill()
    with Subscriber(sinks.broker) as subscriber:
        for part in range(8):
            with running(sinks.folder, "web", more=sinks.environment()) as program:
                assert program.line() == "ready\n"
                sinks.add(1500)
                if part % 3 == 1:
                    sinks.nats.start()
                pause.wait(chances.uniform(0, 0.4))
                if part % 3 == 0:
                    sinks.nats.kill()
                program.process.kill()
                program.process.wait()
        if part % 3 != 1:
            sinks.nats.kill()
            sinks.nats.start()
        with running(sinks.folder, "web", more=sinks.environment()) as program:
            sinks.assert_carried(subscriber)
            assert program.stop() in ENDED
    assert "Traceback" not in program.log.read_text()


def test_sinks_are_taken_over_from_a_process_that_stands_still(sinks: Sinks) -> None:
    """Of two web programs one carries; when it is frozen the other goes on within seconds."""
    with Subscriber(sinks.broker) as subscriber:
        (sinks.folder / "other").mkdir()
        with running(sinks.folder, "web", more=sinks.environment()) as first:
            sinks.add(100)
            wait_until(sinks.carried, "a hundred events")
            with running(sinks.folder / "other", "web", more=sinks.environment()) as second:
                assert second.line() == "ready\n"
                first.process.send_signal(signal.SIGSTOP)
                sinks.add(100)
                took_s = wait_until(sinks.carried, "two hundred events")
                first.process.send_signal(signal.SIGCONT)
                sinks.add(100)
                sinks.assert_carried(subscriber)
    assert took_s < 60


def test_web_in_which_a_part_has_failed_ends(sinks: Sinks) -> None:
    """A fault of ours beside the pages is no half-dead program: it ends, and says why."""
    with running(sinks.folder, "web", more=sinks.environment()) as program:
        assert program.line() == "ready\n"
        sinks.add(1)
        wait_until(sinks.carried, "an event")
        sinks.database.run("DELETE FROM feed")
        assert program.process.wait(30) in ENDED
    assert "A part of the program failed" in program.log.read_text()
    assert "the database has no feed" in program.log.read_text()
