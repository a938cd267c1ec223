"""Notices from the feed to real channels: who is told, once, and who is not."""

import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from milepost_collector.clock import Clock
from milepost_collector.config import read_config
from milepost_collector.feed.following import following
from milepost_collector.feed.tail import Tail
from milepost_collector.store import notice_people
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.erasing import erase_order
from milepost_schemas.plan import Contact
from tests.collector.notice_office import (
    ANNA,
    NEAR,
    ask,
    by_test,
    event,
    expected,
    put,
    settings_of,
    sink,
    states,
    tell,
    telling,
    wait_states,
)
from tests.collector.programs import wait_until
from tests.collector.test_notice_calls import sms_url
from tests.collector.webhook_receiver import Reply, Request, receiving
from tests.collector.webhook_sender import add, delivering
from tests.fixtures.servers import FreshDatabase

# apprise imports a module that Python is about to give up, when it looks for its plugins.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def rule(on: str, notice: str, *by: str, **more: Any) -> dict[str, Any]:
    """A rule."""
    return {"on": on, "notice": notice, "by": list(by) or ["sms"], **more}


def test_people_are_told_in_their_language(database: FreshDatabase, tmp_path: Path) -> None:
    """Anna and Ben wait at one stop: each is told once of their own order, with the time."""
    put(database, zone="Europe/Berlin")
    with telling(database, settings_of(tmp_path, [NEAR])):
        tell(database, event("stop.approaching", **expected(10)), event("stop.arrived"))
        wait_states(database, ["sent", "sent"])
    found = {line["to"]: line for line in sink(tmp_path)}
    assert set(found) == {ANNA.phone, "+447700900123"}
    anna, ben = found["+4915112345678"]["body"], found["+447700900123"]["body"]
    assert anna.startswith("Ihre Lieferung a ist in der Nähe, erwartet ")
    assert ben.startswith("Your delivery b is near, expected ")
    assert {line["id"] for line in sink(tmp_path)} == {
        str(row[0]) for row in database.rows("SELECT id FROM notice")
    }


def test_history_is_told_to_nobody(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """Neither what is in the feed already, nor what comes late, nor what happened before."""
    put(plain_database)
    tell(plain_database, event("stop.approaching"))
    with telling(plain_database, settings_of(tmp_path, [NEAR])):
        # As after a replay of history, or from a unit that had no network.
        tell(
            plain_database,
            event("stop.approaching", age_s=3600),
            event("stop.approaching", age_s=5),
        )
        tell(plain_database, event("stop.completed"))
        wait_until(lambda: place(plain_database) == 4, "a place behind all events")
        assert states(plain_database) == []
    with telling(plain_database, settings_of(tmp_path, [NEAR])):
        plain_database.run("UPDATE notice_office SET fresh_from = 'epoch'")
    with telling(plain_database, settings_of(tmp_path, [NEAR])):
        tell(plain_database, event("stop.approaching", age_s=3600))
        wait_states(plain_database, ["dropped", "dropped"])
    assert {row[4] for row in states(plain_database)} == {"late"}
    assert sink(tmp_path) == []


def place(database: FreshDatabase) -> int:
    """Return up to where the feed was taken in."""
    return int(database.value("SELECT number FROM consumer WHERE name = 'notices'"))


def test_restored_database_tells_nobody_again(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """What was sent since the copy was made is known to nobody: events of before are history."""
    put(plain_database)
    settings = settings_of(tmp_path, [NEAR])
    with telling(plain_database, settings):
        pass
    # As a copy has it that was made before: the feed and the place of another database.
    plain_database.run("UPDATE feed SET system_identifier = 1")
    approached = event("stop.approaching")
    with capture_logs() as logs, telling(plain_database, settings):
        wait_until(
            lambda: any("was restored" in each["event"] for each in logs), "a word of the restore"
        )
        tell(plain_database, approached)
        wait_until(lambda: place(plain_database) == 1, "a place behind the event")
        assert states(plain_database) == []
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["sent", "sent"])


def test_same_thing_is_told_once(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """Two causes, the desk's second word, and the next attempt: only that one is told again."""
    put(plain_database, {"a": ANNA})
    rules = [
        rule("stop.completed", "delivered"),
        rule("order.delivered", "delivered"),
        rule("stop.incident", "incident"),
    ]
    with telling(plain_database, settings_of(tmp_path, rules)):
        tell(plain_database, event("stop.incident", attempt=1, incident="not_home"))
        wait_states(plain_database, ["sent"])
        tell(plain_database, event("stop.incident", attempt=1, incident="late"))
        tell(plain_database, event("stop.incident", attempt=2, incident="refused"))
        wait_states(plain_database, ["sent"] * 2)
        tell(plain_database, event("stop.completed", attempt=2))
        tell(plain_database, event("order.delivered", attempt=2, order="a"))
        tell(plain_database, event("stop.incident", attempt=3))
        wait_states(plain_database, ["sent"] * 4)
    assert [line["body"] for line in sink(tmp_path)[:2]] == [
        "Ihre Lieferung a konnte nicht abgeschlossen werden: es war niemand da.",
        "Ihre Lieferung a konnte nicht abgeschlossen werden: sie wurde nicht angenommen.",
    ]


def test_who_wants_to_hear_nothing_is_not_told(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Who opted out by e-mail is told by no channel; nor is who has no number."""
    put(plain_database, {"a": ANNA, "b": Contact(email="ben@example.org")})
    ask(plain_database, lambda database: notice_people.opt_out(database, ["anna@example.org"]))
    with telling(plain_database, settings_of(tmp_path, [NEAR])):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["dropped", "dropped"])
        assert [(row[2], row[4]) for row in states(plain_database)] == [
            ("a", "opted_out"),
            ("b", "no_address"),
        ]
        ask(plain_database, lambda database: notice_people.opt_in(database, ["anna@example.org"]))
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["dropped", "dropped", "sent", "dropped"])
    dump = plain_database.rows("SELECT notice::text FROM notice")
    assert not any("example" in row[0] or "+49" in row[0] for row in dump)


def test_who_was_erased_is_not_told(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """Nothing of a person is left in what waits: it is dropped, and holds no address."""
    put(plain_database, {"a": ANNA})

    async def erase(database: AsyncDatabase) -> None:
        await database.execute("UPDATE plan_stop SET state = 'completed'")
        await erase_order(database, "a", by_test())

    done = rule("stop.completed", "delivered", stale_s=604_800)
    with telling(plain_database, settings_of(tmp_path, [done], quiet=quiet_now())):
        tell(plain_database, event("stop.completed"))
        wait_until(lambda: held(plain_database), "a notice that is held")
        ask(plain_database, erase)
        plain_database.run("UPDATE notice SET held_to = NULL")
        wait_states(plain_database, ["dropped"])
    assert states(plain_database)[0][4] == "erased"
    assert sink(tmp_path) == []


def quiet_now() -> dict[str, str]:
    """Quiet hours in UTC that began with this hour, and end with the next one."""
    hour = Clock().now().hour
    return {"from": f"{hour:02}:00", "to": f"{(hour + 2) % 24:02}:00"}


def held(database: FreshDatabase) -> bool:
    """Whether a notice waits for the end of something."""
    return bool(database.rows("SELECT FROM notice WHERE held_to IS NOT NULL"))


def test_notice_waits_for_the_end_of_quiet_hours(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """It is held until then where the recipient is, and what is withdrawn meanwhile is dropped."""
    put(plain_database, {"a": ANNA})
    now = Clock().now()
    rules = [rule("stop.completed", "delivered"), rule("stop.incident", "incident", quiet=False)]
    with telling(plain_database, settings_of(tmp_path, rules, quiet=quiet_now())):
        completed = event("stop.completed")
        tell(plain_database, completed)
        wait_until(lambda: held(plain_database), "a notice that is held")
        until = plain_database.value("SELECT held_to FROM notice")
        assert (until.minute, until.second) == (0, 0)
        assert 0 < (until - now).total_seconds() <= 7200
        tell(plain_database, event("event.withdrawn", withdraws=str(completed.id)))
        wait_states(plain_database, ["dropped"])
        tell(plain_database, event("stop.incident"))
        wait_states(plain_database, ["dropped", "sent"])
    assert states(plain_database)[0][4] == "withdrawn"


def test_time_of_arrival_is_told_again_when_it_may(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """A second move soon after the first is held, the third takes its place, the last is told."""
    put(plain_database, {"a": ANNA})
    rules = [rule("eta.moved", "eta_moved", moved_s=600, every_s=3600)]
    with telling(plain_database, settings_of(tmp_path, rules)):
        tell(plain_database, event("eta.moved", **expected(60)))
        wait_states(plain_database, ["sent"])
        tell(plain_database, event("eta.moved", **expected(65)))
        wait_states(plain_database, ["sent", "dropped"])
        tell(plain_database, event("eta.moved", **expected(80)))
        wait_until(lambda: held(plain_database), "a notice that is held")
        tell(plain_database, event("eta.moved", **expected(90)))
        wait_states(plain_database, ["sent", "dropped", "waiting", "waiting"])
        # An hour later.
        plain_database.run("UPDATE notice SET told_at = told_at - interval '1 h', held_to = NULL")
        wait_states(plain_database, ["sent", "dropped", "dropped", "sent"])
    assert [row[4] for row in states(plain_database)] == [None, "not_moved", "overtaken", None]


def test_those_of_the_house_are_told_of_stops(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """A channel without a place for an address tells once of a stop, whoever waits there."""
    put(plain_database)
    channels = {"desk": f"file://{tmp_path}/sink.jsonl"}
    rules = [rule("stop.incident", "incident", "desk")]
    with telling(plain_database, settings_of(tmp_path, rules, channels)):
        tell(plain_database, event("stop.incident", incident="damaged"))
        wait_states(plain_database, ["sent"])
    (line,) = sink(tmp_path)
    assert (line["to"], line["body"]) == ("", "p, stop s: incident: it is damaged.")


def test_texts_lead_to_the_page_of_the_order(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """Where links are made, each order's text has its own."""
    put(plain_database)

    async def link_of(_database: AsyncDatabase, order: str) -> str | None:
        return f"https://t.example.org/t/{order}" if order == "b" else None

    with telling(plain_database, settings_of(tmp_path, [NEAR]), link_of):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["sent", "sent"])
    assert sorted(line["body"] for line in sink(tmp_path)) == [
        "Ihre Lieferung a ist in der Nähe.",
        "Your delivery b is near. Follow it: https://t.example.org/t/b",
    ]


def test_webhook_is_told_by_an_event_of_its_own(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """The notice is an event with the notice's id, which the webhooks that there are deliver."""
    put(plain_database, {"a": ANNA, "b": Contact()})
    rules = [rule("stop.approaching", "near", "webhook")]
    with receiving() as receiver:
        add(plain_database, receiver.url, types=["notice."])
        with delivering(plain_database), telling(plain_database, settings_of(tmp_path, rules, {})):
            approached = event("stop.approaching", attempt=1, **expected(5))
            tell(plain_database, approached)
            wait_states(plain_database, ["sent", "sent"])
            tell(plain_database)  # numbers what was written: `ingest` does it in earnest
            receiver.wait_taken(2)
        clouds = [request.cloud for request in receiver.requests]
    ids = {str(row[0]) for row in plain_database.rows("SELECT id FROM notice")}
    assert {cloud["id"] for cloud in clouds} == ids
    assert {cloud["type"] for cloud in clouds} == {"org.milepost.notice.near"}
    assert {cloud["subject"] for cloud in clouds} == {"van-1"}
    data = sorted((cloud["data"] for cloud in clouds), key=lambda each: str(each["order"]))
    assert [each["order"] for each in data] == ["a", "b"]
    assert data[0]["event"] == str(approached.id)
    assert data[0]["eta_at"] == approached.data["eta_at"]
    assert "example" not in str(clouds)


def test_two_offices_take_turns(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """While their sessions are cut, nobody is told twice, and nobody is left out."""
    put(plain_database)
    settings = settings_of(tmp_path, [rule("eta.moved", "eta_moved", moved_s=60, every_s=0)])
    with telling(plain_database, settings), telling(plain_database, settings):
        for step in range(6):
            tell(plain_database, event("eta.moved", **expected(100 + 10 * step)))
            plain_database.rows(CUT)
            wait_until(lambda: told_of(plain_database) == step + 1, "a notice each")  # noqa: B023
    ids = [line["id"] for line in sink(tmp_path)]
    assert len(ids) == len(set(ids))
    sent = {
        str(row[0]) for row in plain_database.rows("SELECT id FROM notice WHERE state = 'sent'")
    }
    assert sent <= set(ids)
    assert {row[3] for row in states(plain_database)} <= {"sent", "unknown", "dropped"}


def test_call_outlives_the_session_of_who_makes_it(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Another one sends meanwhile; what the call comes to is stored all the same, and once."""
    put(plain_database, {"a": ANNA})
    answered = threading.Event()
    with receiving() as receiver:

        def answer(_request: Request) -> Reply:
            answered.wait(60)
            return Reply()

        receiver.answer = answer
        notices = settings_of(tmp_path, [NEAR], {"sms": sms_url(receiver)})
        with telling(plain_database, notices), telling(plain_database, notices):
            tell(plain_database, event("stop.approaching"))
            wait_until(lambda: receiver.requests, "a call")
            (before,) = sessions(plain_database)
            plain_database.rows(CUT)
            wait_until(
                lambda: set(sessions(plain_database)) - {before}, "another session that sends"
            )
            answered.set()
            wait_states(plain_database, ["sent"])
        assert len(receiver.requests) == 1


def sessions(database: FreshDatabase) -> list[int]:
    """Return the session that makes and sends notices, where there is one."""
    return [
        pid
        for (pid,) in database.rows(
            "SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE application_name = 'milepost-consumer-notices' AND locktype = 'advisory' "
            "AND granted AND datname = current_database()"
        )
    ]


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name = 'milepost-consumer-notices'"
)


def told_of(database: FreshDatabase) -> int:
    """Return of how many events something has become of all notices."""
    return int(
        database.value(
            "SELECT count(DISTINCT event) FROM notice WHERE event NOT IN "
            "(SELECT event FROM notice WHERE state IN ('waiting', 'sending'))"
        )
    )


def test_ended_notices_are_forgotten_after_their_time(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """What waits is never deleted, however old it is."""
    put(plain_database)
    settings = settings_of(tmp_path, [NEAR])
    with telling(plain_database, settings):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["sent", "sent"])
    plain_database.run(
        "UPDATE notice SET changed_at = changed_at - interval '91 d', state = CASE order_id "
        "WHEN 'a' THEN 'sent' ELSE 'waiting' END, held_to = 'infinity'"
    )
    with telling(plain_database, settings, keep_days=90):
        wait_until(lambda: len(states(plain_database)) == 1, "one notice less")
    assert states(plain_database)[0][3] == "waiting"


def test_notices_run_beside_the_pages_where_they_are_configured() -> None:
    """They are one of those who follow the feed."""
    works = following(read_config(None), Tail(""))
    assert "tell_people" in [getattr(work, "__name__", "") for work in works]
    for work in works:
        work.close()
