"""Webhooks delivered to real receivers: in order per vehicle, at least once, none held up."""

import asyncio
import itertools
import socket
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from milepost_collector.store import webhook_replays, webhooks
from milepost_collector.store.connection import connect_async
from milepost_collector.webhooks.message import make_secret
from milepost_schemas.event import Event
from tests.collector.events import event, fill
from tests.collector.programs import wait_until
from tests.collector.webhook_receiver import Receiver, Reply, Request, receiving
from tests.collector.webhook_sender import RETRY_S, SECRET, account, add, delivering
from tests.fixtures.servers import FreshDatabase


def events_of(vehicles: int, count: int) -> list[Event]:
    """So many events of each vehicle, in turns."""
    return [event(n, vehicle=f"van-{v}") for n in range(count) for v in range(vehicles)]


def test_webhook_gets_every_event_once_in_order(database: FreshDatabase) -> None:
    """What was there before and what comes later is taken once each, per vehicle in order."""
    with receiving() as receiver:
        webhook = add(database, receiver.url, secret=SECRET)
        fill(database, events_of(5, 20))
        with delivering(database):
            receiver.wait_taken(100)
            fill(database, [event(n, vehicle="van-0") for n in range(20, 25)])
            receiver.wait_taken(105)
            wait_until(lambda: account(database, webhook).waiting == 0, "an empty queue")
        assert len(receiver.requests) == 105
        assert receiver.names("van-0") == [f"f{n}" for n in range(25)]
        for number in range(1, 5):
            assert receiver.names(f"van-{number}") == [f"f{n}" for n in range(20)]
        found = account(database, webhook)
        assert (found.delivered, found.dead, found.unqueued) == (105, 0, 0)


def test_webhook_sends_what_the_reference_library_accepts(plain_database: FreshDatabase) -> None:
    """Body, content type, id and signature of a real request."""
    fill(plain_database, [event(1)])
    with receiving() as receiver:
        add(plain_database, receiver.url, secret=SECRET)
        with delivering(plain_database):
            receiver.wait_taken(1)
        (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["webhook-id"] == str(event(1).id)
    assert request.headers["host"] == receiver.url.split("/")[2]
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == request.cloud
    assert request.cloud["type"] == "org.milepost.fence.entered"
    assert request.cloud["cursor"].endswith("-1")


def test_webhook_gets_only_the_types_and_vehicles_that_it_wants(
    plain_database: FreshDatabase,
) -> None:
    """Types, beginnings of types and vehicles narrow a subscription; from its place on."""
    kinds = ["fence.entered", "fence.exited", "trip.ended", "vehicle.gap"]
    fill(plain_database, [event(n, kind=kinds[n % 4], vehicle=f"van-{n % 3}") for n in range(24)])
    with receiving() as fences, receiving() as ends, receiving() as vans, receiving() as late:
        add(plain_database, fences.url, types=["fence."])
        add(plain_database, ends.url, types=["trip.ended", "vehicle.gap"], vehicles=["van-2"])
        add(plain_database, vans.url, vehicles=["van-0", "van-1"])
        add(plain_database, late.url, after=20)
        with delivering(plain_database):
            for receiver, count in ((fences, 12), (ends, 4), (vans, 16), (late, 4)):
                receiver.wait_taken(count)
        assert {int(name[1:]) % 4 for name in fences.names()} == {0, 1}
        assert sorted(int(name[1:]) for name in ends.names()) == [2, 11, 14, 23]
        assert {int(name[1:]) % 3 for name in vans.names()} == {0, 1}
        assert sorted(int(name[1:]) for name in late.names()) == [20, 21, 22, 23]
        assert len(vans.requests) == 16


def test_webhook_that_hangs_or_is_away_holds_up_no_other(plain_database: FreshDatabase) -> None:
    """Beside one that never answers and one that nobody listens at, a good one gets all."""
    fill(plain_database, events_of(4, 25))
    with receiving() as good, receiving() as hanging, socket.create_server(("127.0.0.1", 0)) as s:
        hanging.answer = lambda _: hanging.hang()
        add(plain_database, hanging.url)
        nobody = add(plain_database, f"http://127.0.0.1:{s.getsockname()[1]}/x")
        s.close()
        add(plain_database, good.url)
        with delivering(plain_database, timeout_s=20.0):
            good.wait_taken(100, 15.0)
            assert len(good.requests) == 100
            wait_until(lambda: account(plain_database, nobody).failing_since, "a failure")
            error = account(plain_database, nobody).last_error
            assert error is not None
            assert "ConnectError" in error
        assert len(hanging.requests) <= 8


def test_event_that_fails_is_sent_again_before_those_behind_it(
    plain_database: FreshDatabase,
) -> None:
    """A vehicle's later events wait, others go on; a repeat has the same id and a new stamp."""
    with receiving() as receiver:
        refusals = iter(range(3))

        def answer(request: Request) -> Reply:
            if (request.vehicle, request.name) != ("van-1", "f2"):
                return Reply()
            others = sum(each.vehicle != "van-1" for each in receiver.taken)
            return Reply(500) if others < 12 or next(refusals, None) is not None else Reply()

        receiver.answer = answer
        webhook = add(plain_database, receiver.url, secret=SECRET)
        fill(plain_database, events_of(3, 6))
        with delivering(plain_database, retry_s=(0.5,) * 50):
            receiver.wait_taken(18)
            wait_until(lambda: account(plain_database, webhook).waiting == 0, "an empty queue")
        for vehicle in range(3):
            assert receiver.names(f"van-{vehicle}") == [f"f{n}" for n in range(6)]
        tries = [r for r in receiver.requests if (r.vehicle, r.name) == ("van-1", "f2")]
        assert len(tries) >= 4
        assert len({each.headers["webhook-id"] for each in tries}) == 1
        for each in tries:
            Webhook(SECRET).verify(each.body, dict(each.headers))
        last_others = max(r.at_s for r in receiver.requests if r.vehicle != "van-1")
        assert last_others < tries[-1].at_s
        assert account(plain_database, webhook).failing_since is None


def test_event_that_is_never_taken_is_a_dead_letter_and_can_be_replayed(
    plain_database: FreshDatabase,
) -> None:
    """After its schedule it is kept with the last answer; those behind it come; then a replay."""
    with receiving() as receiver:
        receiver.answer = lambda request: Reply(422 if request.name == "f1" else 204)
        webhook = add(plain_database, receiver.url)
        other = add(plain_database, receiver.url, types=["trip."])
        fill(plain_database, events_of(2, 4))
        with delivering(plain_database):
            receiver.wait_taken(6)
            wait_until(lambda: account(plain_database, webhook).dead == 2, "two dead letters")
            assert receiver.names("van-0") == ["f0", "f2", "f3"]
            tries = [r for r in receiver.requests if r.name == "f1"]
            assert len(tries) == 2 * (len(RETRY_S) + 1)
            rows = plain_database.rows(
                "SELECT status, error, attempts, dead_at > queued_at FROM webhook_delivery"
            )
            assert rows == [(422, "answered 422 Unprocessable Entity", 4, True)] * 2
            receiver.answer = lambda _: Reply()
            assert change(plain_database, webhook_replays.replay_dead, webhook) == 2
            receiver.wait_taken(8)
            wait_until(lambda: account(plain_database, webhook).waiting == 0, "an empty queue")
            assert receiver.names("van-1") == ["f0", "f2", "f3", "f1"]
            assert change(plain_database, webhook_replays.replay_dead, webhook) == 0
            assert change(plain_database, webhook_replays.replay_dead, other) == 0
        found = account(plain_database, webhook)
        assert (found.delivered, found.dead) == (8, 0)


def test_receiver_that_is_away_too_long_makes_dead_letters_of_all(
    plain_database: FreshDatabase,
) -> None:
    """Nothing got through for the length of a schedule: what waited so long is given up at once."""
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(503)
        webhook = add(plain_database, receiver.url)
        fill(plain_database, events_of(50, 20))
        with delivering(plain_database, retry_s=(0.2, 0.3, 0.5)):
            wait_until(lambda: account(plain_database, webhook).dead == 1000, "1,000 dead letters")
            before = len(receiver.requests)
            assert before < 500
            receiver.answer = lambda _: Reply()
            change(plain_database, webhook_replays.replay_dead, webhook)
            receiver.wait_taken(1000)
        for vehicle in range(50):
            assert receiver.names(f"van-{vehicle}") == [f"f{n}" for n in range(20)]


def test_receiver_that_comes_back_gets_all_that_waits_at_once(
    plain_database: FreshDatabase,
) -> None:
    """However far the schedules are, all comes soon after the first event that is taken."""
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(503)
        webhook = add(plain_database, receiver.url)
        fill(plain_database, events_of(30, 10))
        with delivering(plain_database, retry_s=(0.05, 600.0, 600.0), probe_s=0.3):
            wait_until(
                lambda: (
                    plain_database.value("SELECT count(*) FROM webhook_delivery WHERE attempts > 0")
                    == 30
                ),
                "every vehicle was tried",
            )
            receiver.answer = lambda _: Reply()
            receiver.wait_taken(300)
            wait_until(lambda: account(plain_database, webhook).waiting == 0, "an empty queue")
        assert account(plain_database, webhook).dead == 0


def test_receiver_that_answers_410_is_disabled(plain_database: FreshDatabase) -> None:
    """Nothing more is sent, nothing is lost: enabled again it goes on where it was."""
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(410)
        webhook = add(plain_database, receiver.url)
        fill(plain_database, events_of(1, 5))
        with delivering(plain_database):
            wait_until(lambda: account(plain_database, webhook).disabled_because, "disabled")
            assert account(plain_database, webhook).disabled_because == (
                "the receiver answered 410 Gone"
            )
            fill(plain_database, [event(5, vehicle="van-0")])
            assert len(receiver.requests) == 1
            receiver.answer = lambda _: Reply()
            change(plain_database, webhooks.enable, webhook)
            receiver.wait_taken(6)
        assert receiver.names() == [f"f{n}" for n in range(6)]


def test_redirect_is_not_followed(plain_database: FreshDatabase) -> None:
    """A redirect is a failure; nothing goes to where it leads."""
    with receiving() as receiver, receiving() as elsewhere:
        receiver.answer = lambda _: Reply(307, {"location": elsewhere.url})
        webhook = add(plain_database, receiver.url)
        fill(plain_database, [event(1)])
        with delivering(plain_database):
            wait_until(lambda: account(plain_database, webhook).dead == 1, "a dead letter")
        assert len(receiver.requests) == len(RETRY_S) + 1
        assert elsewhere.requests == []
        assert "redirects are not followed" in str(account(plain_database, webhook).last_error)


def test_receiver_that_asks_to_wait_is_left_alone(plain_database: FreshDatabase) -> None:
    """`Retry-After` holds for all its vehicles."""
    with receiving() as receiver:
        answers = iter([Reply(429, {"retry-after": "1"})])
        receiver.answer = lambda _: next(answers, Reply())
        add(plain_database, receiver.url)
        fill(plain_database, events_of(1, 3))
        with delivering(plain_database):
            receiver.wait_taken(3)
        first, second, *_ = receiver.requests
        assert second.at_s - first.at_s > 0.95


def test_answer_of_any_size_costs_little(plain_database: FreshDatabase) -> None:
    """Of an endless answer a few kB are read; its event is taken."""
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(200, body=b"x" * 5_000_000)
        webhook = add(plain_database, receiver.url)
        fill(plain_database, events_of(1, 5))
        with delivering(plain_database):
            receiver.wait_taken(5)
            wait_until(lambda: account(plain_database, webhook).delivered == 5, "all taken")
        assert len(receiver.requests) == 5


def test_secret_that_is_rotated_signs_at_once_beside_the_old_one(
    plain_database: FreshDatabase,
) -> None:
    """After a rotation both secrets sign; without overlap the new one alone."""
    new, newest = make_secret(), make_secret()
    with receiving() as receiver:
        webhook = add(plain_database, receiver.url, secret=SECRET)
        with delivering(plain_database):
            change(plain_database, webhooks.rotate, webhook, new, 3600.0)
            signed_by(plain_database, receiver, 1, [SECRET, new])
            change(plain_database, webhooks.rotate, webhook, newest, 0.0)
            signed_by(plain_database, receiver, 2, [newest])
            change(plain_database, webhooks.remove, webhook)
            wait_until(lambda: not plain_database.rows("SELECT FROM webhook"), "removed")
            with pytest.raises(webhooks.UnknownWebhookError):
                change(plain_database, webhooks.rotate, webhook, make_secret(), 0.0)


def signed_by(database: FreshDatabase, receiver: Receiver, first: int, secrets: list[str]) -> None:
    """Wait until an event is signed with exactly these secrets; each new event is tried."""
    numbers = itertools.count(first * 1000)

    def is_so() -> bool:
        before = len(receiver.taken)
        fill(database, [event(next(numbers))])
        receiver.wait_taken(before + 1)
        request = receiver.taken[-1]
        return len(request.headers["webhook-signature"].split()) == len(secrets) and all(
            Webhook(secret).verify(request.body, dict(request.headers)) for secret in secrets
        )

    def quietly() -> bool:
        try:
            return is_so()
        except WebhookVerificationError:
            return False

    wait_until(quietly, "signed so")


def test_webhook_whose_row_is_broken_disturbs_no_other(plain_database: FreshDatabase) -> None:
    """A URL or a secret that cannot be read is told; all others are delivered to."""
    fill(plain_database, events_of(1, 3))
    with receiving() as receiver:
        add(plain_database, "nonsense://")
        broken = add(plain_database, receiver.url)
        plain_database.run(
            "UPDATE webhook_secret SET secret = 'whsec_é' WHERE webhook = %s", broken
        )
        none = add(plain_database, receiver.url)
        plain_database.run("DELETE FROM webhook_secret WHERE webhook = %s", none)
        add(plain_database, receiver.url)
        with delivering(plain_database):
            receiver.wait_taken(3)
        assert len(receiver.requests) == 3


def test_event_that_was_erased_is_not_sent(plain_database: FreshDatabase) -> None:
    """What is deleted from the feed while it waits goes from the queue as well."""
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(503)
        webhook = add(plain_database, receiver.url)
        fill(plain_database, events_of(1, 6))
        with delivering(plain_database, retry_s=(0.2,) * 50):
            wait_until(lambda: receiver.requests, "a try")
            plain_database.run("DELETE FROM event WHERE number IN (1, 2, 5)")
            receiver.answer = lambda _: Reply()
            receiver.wait_taken(3)
            wait_until(lambda: account(plain_database, webhook).waiting == 0, "an empty queue")
        assert receiver.names() in (["f2", "f3", "f5"], ["f0", "f2", "f3", "f5"])


def test_replay_from_a_place_sends_everything_from_there_again(
    plain_database: FreshDatabase,
) -> None:
    """The events behind a number come again, in order, with their ids; one of them by its id."""
    fill(plain_database, events_of(2, 10))
    with receiving() as receiver:
        webhook = add(plain_database, receiver.url)
        with delivering(plain_database):
            receiver.wait_taken(20)
            wait_until(lambda: account(plain_database, webhook).waiting == 0, "an empty queue")
            assert change(plain_database, webhook_replays.replay_from, webhook, 8) == 12
            receiver.wait_taken(32)
            assert receiver.names("van-0") == [f"f{n}" for n in (*range(10), *range(4, 10))]
            ids = [each.headers["webhook-id"] for each in receiver.taken]
            assert len(set(ids)) == 20
            change(plain_database, webhook_replays.replay_event, webhook, uuid.UUID(ids[0]))
            receiver.wait_taken(33)
            assert receiver.taken[-1].headers["webhook-id"] == ids[0]
            assert change(plain_database, webhook_replays.replay_from, webhook, 20) == 0
            with pytest.raises(webhooks.UnknownWebhookError, match="the feed has no event"):
                change(plain_database, webhook_replays.replay_event, webhook, uuid.uuid4())
            with pytest.raises(webhooks.UnknownWebhookError, match="there is no webhook 999"):
                change(plain_database, webhook_replays.replay_dead, 999)


def test_webhook_is_sent_to_by_one_process_at_a_time(plain_database: FreshDatabase) -> None:
    """Of two that run one sends; when it ends the other goes on."""
    with receiving() as receiver:
        add(plain_database, receiver.url)
        with delivering(plain_database):
            with delivering(plain_database):
                fill(plain_database, events_of(4, 25))
                receiver.wait_taken(100)
            fill(plain_database, [event(100)])
            receiver.wait_taken(101)
        assert len(receiver.requests) == 101
        for vehicle in range(4):
            assert receiver.names(f"van-{vehicle}")[:25] == [f"f{n}" for n in range(25)]


def test_delivery_goes_on_after_the_database_was_away(plain_database: FreshDatabase) -> None:
    """Every session is ended in the middle: nothing is missed, little is repeated."""
    with receiving() as receiver:
        webhook = add(plain_database, receiver.url)
        fill(plain_database, events_of(8, 40))
        with delivering(plain_database):
            for count in (40, 120, 200):
                receiver.wait_taken(count)
                plain_database.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            wait_until(lambda: account(plain_database, webhook).waiting == 0, "an empty queue")
            wait_until(lambda: account(plain_database, webhook).unqueued == 0, "all looked at")
        for vehicle in range(8):
            firsts = list(dict.fromkeys(receiver.names(f"van-{vehicle}")))
            assert firsts == [f"f{n}" for n in range(40)]


def change(
    database: FreshDatabase, work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any
) -> Any:
    """Do what a command does, over a connection of its own."""

    async def once() -> Any:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await work(connection, *arguments)

    return asyncio.run(once())
