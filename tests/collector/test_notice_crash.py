"""The real program killed in the middle of telling people: never twice, never silently lost."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.collector.notice_office import (
    ANNA,
    NEAR,
    event,
    put,
    settings_of,
    sink,
    states,
    tell,
    wait_states,
)
from tests.collector.programs import running, settings, wait_until
from tests.collector.test_notice_calls import sms_url
from tests.collector.webhook_receiver import receiving
from tests.fixtures.servers import FreshDatabase


def variables(database: FreshDatabase, notices: Mapping[str, Any], **more: str) -> dict[str, str]:
    """The environment of a `web` that tells people."""
    channels = {
        f"MILEPOST_NOTICES__CHANNELS__{name.upper()}": url
        for name, url in notices["channels"].items()
    }
    rules = {"MILEPOST_NOTICES__RULES": str(notices["rules"])}
    return {**settings(database.dsn), **rules, **channels, **more}


def begin(database: FreshDatabase, folder: Path, notices: Mapping[str, Any]) -> None:
    """Run the program until it has its place in the feed, and end it."""
    with running(folder, "web", more=variables(database, notices)) as program:
        program.line()
        wait_until(lambda: database.rows("SELECT FROM notice_office"), "a place in the feed")
        program.stop()


def killed(
    database: FreshDatabase, folder: Path, notices: Mapping[str, Any], failpoint: str
) -> None:
    """Run the program until it dies at a failpoint."""
    more = variables(database, notices, MILEPOST_FAILPOINT=failpoint)
    with running(folder, "web", more=more) as program:
        assert program.process.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("failpoint", "lines", "after"),
    [
        # Nothing was committed: it is made again, and sent.
        ("notices-made", 0, ["sent"]),
        # It was not sent, but nobody can know.
        ("before-call", 0, ["unknown"]),
        # It was sent, and nobody can know either.
        ("after-call", 1, ["unknown"]),
    ],
)
def test_program_that_was_killed_tells_nobody_twice(
    plain_database: FreshDatabase, tmp_path: Path, failpoint: str, lines: int, after: list[str]
) -> None:
    """What was in the middle of its call is unknown afterwards, said so, and others go on."""
    put(plain_database, {"a": ANNA})
    notices = settings_of(tmp_path, [NEAR])
    begin(plain_database, tmp_path, notices)
    tell(plain_database, event("stop.approaching", attempt=1))
    killed(plain_database, tmp_path, notices, failpoint)
    assert len(sink(tmp_path)) == lines
    more = variables(plain_database, notices)
    with running(tmp_path, "web", more=more) as program:
        program.line()
        wait_states(plain_database, after)
        tell(plain_database, event("stop.approaching", attempt=2))
        wait_states(plain_database, [*after, "sent"])
        program.stop()
        log = program.log.read_text()
    ids = [line["id"] for line in sink(tmp_path)]
    assert len(ids) == len(set(ids)) == lines + 1 + (after == ["sent"])
    assert ("a program ended during the call" in log) == (after == ["unknown"])
    assert "4915112345678" not in log


@pytest.mark.parametrize("failpoint", ["before-call", "after-call"])
def test_program_that_was_killed_asks_again_where_a_key_is_known(
    plain_database: FreshDatabase, tmp_path: Path, failpoint: str
) -> None:
    """A provider that takes an idempotency key gets the same one, and everybody is told."""
    put(plain_database, {"a": ANNA})
    with receiving() as receiver:
        notices = settings_of(tmp_path, [NEAR], {"sms": sms_url(receiver, with_key=True)})
        begin(plain_database, tmp_path, notices)
        tell(plain_database, event("stop.approaching"))
        killed(plain_database, tmp_path, notices, failpoint)
        before = len(receiver.requests)
        with running(tmp_path, "web", more=variables(plain_database, notices)) as program:
            program.line()
            wait_states(plain_database, ["sent"])
            program.stop()
        keys = {request.headers["idempotency-key"] for request in receiver.requests}
    assert (before, len(receiver.requests)) == ((0, 1) if failpoint == "before-call" else (1, 2))
    assert keys == {str(plain_database.value("SELECT id FROM notice"))}


def test_program_that_is_told_to_end_ends_its_calls_first(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """What has begun is stored as sent; nothing is left in the middle."""
    put(plain_database, {"a": ANNA})
    with receiving() as receiver:
        notices = settings_of(tmp_path, [NEAR], {"sms": sms_url(receiver)})
        with running(tmp_path, "web", more=variables(plain_database, notices)) as program:
            program.line()
            wait_until(lambda: plain_database.rows("SELECT FROM notice_office"), "a place")
            receiver.answer = lambda _: type(receiver.hang(1.0))(200)
            tell(plain_database, event("stop.approaching"))
            wait_until(lambda: receiver.requests, "a call")
            program.stop()
        assert states(plain_database)[0][3] == "sent"
        assert json.loads(receiver.requests[0].body)["to"] == ANNA.phone
