"""The web program is killed while it delivers webhooks: nothing is missed, ids do not change."""

import random
import signal
from functools import partial
from pathlib import Path

import pytest

from milepost_collector.failpoint import ENVIRONMENT_KEY
from tests.collector.events import event, fill
from tests.collector.programs import running, settings, wait_until
from tests.collector.webhook_receiver import Receiver, Reply, Request, receiving
from tests.collector.webhook_sender import account, add
from tests.fixtures.servers import FreshDatabase

VEHICLES = 4
COUNT = 60

QUICK = {
    "MILEPOST_WEBHOOKS__ALLOW_PRIVATE": '["127.0.0.0/8"]',
    "MILEPOST_WEBHOOKS__RETRY_S": "[0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10]",
}


def assert_whole(receiver: Receiver, webhook: int, database: FreshDatabase) -> None:
    """Each event came at least once, in order of its vehicle, always with its id."""
    for vehicle in range(VEHICLES):
        name = f"van-{vehicle}"
        assert list(dict.fromkeys(receiver.names(name))) == [f"f{n}" for n in range(COUNT)]
        for request in receiver.requests:
            if request.vehicle == name:
                own = event(int(request.name[1:]), vehicle=name)
                assert request.headers["webhook-id"] == request.cloud["id"] == str(own.id)
    found = account(database, webhook)
    assert (found.waiting, found.dead, found.unqueued) == (0, 0, 0)


def fill_all(database: FreshDatabase) -> None:
    """Write the events of all vehicles, in turns."""
    fill(database, [event(n, vehicle=f"van-{v}") for n in range(COUNT) for v in range(VEHICLES)])


def is_done(database: FreshDatabase, webhook: int) -> bool:
    """Whether nothing waits any more."""
    found = account(database, webhook)
    return found.waiting == 0 and found.unqueued == 0 and found.delivered > 0


@pytest.mark.parametrize(
    "place",
    ["before-publish:1", "before-publish:37", "after-publish:1", "after-publish:23"],
)
def test_web_killed_before_and_after_a_post_misses_nothing(
    plain_database: FreshDatabase, tmp_path: Path, place: str
) -> None:
    """Killed just before or after the receiver has taken an event, it goes on from its rows."""
    with receiving() as receiver:
        webhook = add(plain_database, receiver.url)
        fill_all(plain_database)
        more = settings(plain_database.dsn) | QUICK
        with running(tmp_path, "web", more={**more, ENVIRONMENT_KEY: place}) as doomed:
            assert doomed.process.wait(60) == -signal.SIGKILL
        before = len(receiver.taken)
        assert before < VEHICLES * COUNT
        with running(tmp_path, "web", more=more) as web:
            wait_until(lambda: is_done(plain_database, webhook), "all delivered", 60)
            assert web.stop() in (0, -signal.SIGTERM)
        assert_whole(receiver, webhook, plain_database)
        # What was on its way and not yet struck off is repeated, and no more.
        assert len(receiver.taken) - VEHICLES * COUNT <= 20


def test_web_killed_again_and_again_misses_nothing(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Killed at any moment, with a receiver that fails now and then, it misses nothing."""
    draw = random.Random(5)
    with receiving() as receiver:
        fate = random.Random(6)

        def answer(_request: Request) -> Reply:
            return Reply(fate.choice([204, 204, 204, 204, 503, 500]))

        def has_come(count: int) -> bool:
            return len(receiver.requests) >= count or is_done(plain_database, webhook)

        receiver.answer = answer
        webhook = add(plain_database, receiver.url)
        fill_all(plain_database)
        more = settings(plain_database.dsn) | QUICK
        for _ in range(5):
            with running(tmp_path, "web", more=more) as web:
                web.line()
                aim = len(receiver.requests) + draw.randrange(1, 60)
                wait_until(partial(has_come, aim), "some requests", 60)
                web.process.kill()
                web.process.wait(30)
        receiver.answer = lambda _: Reply()
        with running(tmp_path, "web", more=more) as web:
            wait_until(lambda: is_done(plain_database, webhook), "all delivered", 60)
            assert web.stop() in (0, -signal.SIGTERM)
        assert_whole(receiver, webhook, plain_database)


def test_web_that_stands_still_leaves_webhooks_to_another(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """A stopped process keeps its locks only until the server ends its silent sessions."""
    with receiving() as receiver:
        webhook = add(plain_database, receiver.url)
        more = settings(plain_database.dsn) | QUICK
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        with (
            running(tmp_path / "a", "web", more=more) as first,
            running(tmp_path / "b", "web", more=more) as second,
        ):
            first.line()
            fill(plain_database, [event(0, vehicle="van-0")])
            receiver.wait_taken(1)
            second.line()
            first.process.send_signal(signal.SIGSTOP)
            try:
                fill_all(plain_database)
                receiver.wait_taken(VEHICLES * COUNT, 60.0)
            finally:
                first.process.send_signal(signal.SIGCONT)
            wait_until(lambda: is_done(plain_database, webhook), "all delivered", 60)
        assert_whole(receiver, webhook, plain_database)
