"""`milepost-collector webhooks`: what it does, says, and refuses.

Most of it runs the program's `main` in this process, since a start costs a second; some real ones.
"""

import base64
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from standardwebhooks import Webhook

from milepost_collector.cli import main
from tests.collector.events import event, fill
from tests.collector.programs import environment, run, settings
from tests.collector.webhook_receiver import Receiver, Reply, receiving
from tests.collector.webhook_sender import SECRET
from tests.fixtures.servers import FreshDatabase

LOCAL = {"MILEPOST_WEBHOOKS__ALLOW_PRIVATE": '["127.0.0.0/8", "::1"]'}


class Commands:
    """The command with a database and a receiver."""

    def __init__(
        self,
        database: FreshDatabase,
        receiver: Receiver,
        patch: pytest.MonkeyPatch,
        output: pytest.CaptureFixture[str],
    ) -> None:
        self.database = database
        self.receiver = receiver
        self._patch = patch
        self._output = output

    def do(
        self, *words: str, more: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        self._output.readouterr()
        with self._patch.context() as patch:
            patch.setattr(sys, "argv", ["milepost-collector", "webhooks", *words])
            where = settings(self.database.dsn) | (LOCAL if more is None else more)
            for name, value in where.items():
                patch.setenv(name, value)
            try:
                with pytest.raises(SystemExit) as ended:
                    main()
            finally:
                # It set logging up for a standard error that ends with this test.
                structlog.reset_defaults()
        said = self._output.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return subprocess.CompletedProcess(words, code or 0, said.out, said.err)

    def told(self, *words: str) -> Any:
        """Run it with success, and return what it tells machines."""
        done = self.do(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def said(self, *words: str) -> str:
        """Run it with success, and return what it tells people."""
        done = self.do(*words)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def refused(self, *words: str, more: dict[str, str] | None = None) -> str:
        """Run it in vain, and return the one line that says why."""
        done = self.do(*words, more=more)
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        name, _, text = line.partition(": ")
        assert name == "milepost-collector"
        return text


@pytest.fixture
def commands(
    plain_database: FreshDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Commands]:
    """The command with a database and a receiver."""
    with receiving() as receiver:
        yield Commands(plain_database, receiver, monkeypatch, capsys)


def test_webhook_is_added_listed_changed_and_removed(commands: Commands) -> None:
    """The life of a subscription, by machine and by hand; a secret is shown once."""
    url = commands.receiver.url
    added = commands.told(
        "add", url, "--type", "fence.", "--vehicle", "van-1", "--vehicle", "van-2"
    )
    assert (added["types"], added["vehicles"]) == (["fence."], ["van-1", "van-2"])
    Webhook(added["secret"])
    number = str(added["id"])
    (listed,) = commands.told("list")["webhooks"]
    assert (listed["id"], listed["url"], listed["types"]) == (added["id"], url, ["fence."])
    assert (listed["waiting"], listed["dead"], listed["signatures"]) == (0, 0, 1)
    assert added["secret"] not in commands.said("list")
    assert "types fence.; vehicles van-1, van-2; enabled" in commands.said("list")

    assert commands.told("add", url, "--secret", SECRET)["secret"] is None
    rotated = commands.told("rotate", number)
    assert rotated["secret"] != added["secret"]
    assert "signed with 2 secrets" in commands.said("list")
    assert "no dead letters" in commands.said("dead", number)
    assert commands.said("disable", number) == f"webhook {number} is disabled\n"
    assert "disabled: by hand" in commands.said("list")
    assert commands.said("enable", number) == f"webhook {number} is enabled\n"
    assert commands.told("replay", number) == {"webhook": added["id"], "queued": 0}
    assert commands.said("remove", number) == f"webhook {number} is removed\n"
    assert [each["id"] for each in commands.told("list")["webhooks"]] != [added["id"]]


def test_secret_may_come_by_standard_input(commands: Commands) -> None:
    """`-` reads it from there, so that it stands in no list of processes."""
    words = ["webhooks", "add", commands.receiver.url, "--secret", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "milepost_collector", *words],
        input=SECRET + "\n",
        text=True,
        capture_output=True,
        check=False,
        env=environment(settings(commands.database.dsn) | LOCAL),
    )
    assert done.returncode == 0, done.stderr
    assert commands.database.rows("SELECT secret FROM webhook_secret") == [(SECRET,)]


def test_test_of_a_webhook_sends_an_event_and_says_what_came_back(commands: Commands) -> None:
    """Status, time and the receiver's own words; 0 where it was taken, 1 where it was not."""
    url = commands.receiver.url
    number = str(commands.told("add", url, "--secret", SECRET)["id"])
    commands.receiver.answer = lambda _: Reply(200, body=b"thank you\x1b[31m\n")
    for where in (url, number):
        said = commands.said("test", where)
        assert said.startswith(f"{url}: taken, answered 200 in ")
        assert "\n   thank you\ufffd[31m\n" in said
    first, second = commands.receiver.requests
    assert first.cloud["type"] == "org.milepost.webhook.test"
    Webhook(SECRET).verify(second.body, dict(second.headers))
    assert first.headers["webhook-id"] != second.headers["webhook-id"]

    commands.receiver.answer = lambda _: Reply(401, body=b"who are you?")
    done = commands.do("test", number, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["taken"], told["status"]) == (1, False, 401)
    assert (told["answer"], told["error"]) == ("who are you?", "answered 401 Unauthorized")
    assert told["took_ms"] > 0
    nobody = commands.do("test", "http://127.0.0.1:9/")
    assert nobody.returncode == 1
    assert "not taken, ConnectError" in nobody.stdout


def test_test_of_a_url_needs_no_database(commands: Commands) -> None:
    """A receiver can be tried before there is anything else."""
    done = run("webhooks", "test", commands.receiver.url, more=LOCAL)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8080/x", "127.0.0.1"),
        ("https://localhost/x", "127.0.0.1"),
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("https://[::ffff:10.0.0.1]/", "::ffff:a00:1"),
        ("https://[::1]/", "::1"),
        ("https://0.0.0.0/", "0.0.0.0"),
        ("https://2130706433/", "127.0.0.1"),
    ],
)
def test_webhook_to_a_private_address_is_refused(
    commands: Commands, url: str, address: str
) -> None:
    """`add` and `test` say which address of which URL, and end with 2."""
    for command in ("add", "test"):
        line = commands.refused(command, url, more={})
        # A name of this machine may have its IPv6 address first.
        assert line in (
            f"{url} leads to {found}, which is not public and not in [webhooks] allow_private"
            for found in (address, "::1")
        )
    assert commands.database.rows("SELECT FROM webhook") == []


def test_webhook_without_tls_to_a_public_address_is_refused(commands: Commands) -> None:
    """Positions do not travel in the clear."""
    line = commands.refused("add", "http://8.8.8.8/x", more={})
    assert line == (
        "http://8.8.8.8/x leads to 8.8.8.8 without TLS: https is needed outside "
        "[webhooks] allow_private"
    )


SHORT = "whsec_" + base64.b64encode(bytes(8)).decode()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["add", "ftp://x/"], "URL 'ftp://x/' is neither http nor https"),
        (["add", "https://a:b@x.org/"], "URL of host x.org holds a user or password"),
        (["add", "https://nobody.invalid/"], "URL https://nobody.invalid/: host 'nobody.invalid'"),
        (
            ["add", "URL", "--type", "fence.entred"],
            "type 'fence.entred' is none of eta.moved",
        ),
        (["add", "URL", "--vehicle", ""], "vehicle '' cannot be the name of a vehicle"),
        (["add", "URL", "--secret", "abc"], "a secret is whsec_ and the Base64 of 24 to 64"),
        (["add", "URL", "--secret", SHORT], "a secret is whsec_ and the Base64 of 24 to 64"),
        (["add", "URL", "--from", "soon"], "--from 'soon' is no time, no cursor, and not"),
        (
            ["add", "URL", "--from", f"{uuid.UUID(int=7).hex}-3"],
            f"--from: cursor {uuid.UUID(int=7).hex}-3 is of another feed; go on from",
        ),
        (["test", "9"], "there is no webhook 9"),
        (["test", "99999999999999999999"], "there is no webhook 2147483647"),
        (["test", "nonsense"], "URL 'nonsense' is neither http nor https"),
        (["replay", "9"], "there is no webhook 9"),
        (["replay", "1", "--event", "x"], "--event 'x' is no id of an event"),
        (["replay", "1", "--event", "x", "--from", "beginning"], "replay: give either --event or"),
        (["rotate", "9"], "there is no webhook 9"),
        (["rotate", "9", "--secret", "x"], "a secret is whsec_"),
        (["enable", "9"], "there is no webhook 9"),
        (["disable", "9"], "there is no webhook 9"),
        (["remove", "9"], "there is no webhook 9"),
        (["dead", "9"], "there is no webhook 9"),
    ],
)
def test_command_that_cannot_be_done_says_why_in_one_line(
    commands: Commands, words: list[str], line: str
) -> None:
    """Unknown type, number or event, bad URL, secret or place: one line, 2, nothing changed."""
    words = [commands.receiver.url if word == "URL" else word for word in words]
    assert commands.refused(*words).startswith(line)
    assert commands.database.rows("SELECT FROM webhook") == []
    assert commands.receiver.requests == []


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "ALLOW_PRIVATE",
            '["10.0.0.0/33"]',
            "webhooks.allow_private: '10.0.0.0/33' does not appear",
        ),
        ("ALLOW_PRIVATE", '["10.0.0.1/8"]', "webhooks.allow_private: 10.0.0.1/8 has host bits set"),
        ("RETRY_S", "[]", "webhooks.retry_s = []: Tuple should have at least 1 item"),
        ("RETRY_S", "[-1]", "webhooks.retry_s.0 = -1: Input should be greater than or equal to 0"),
        (
            "TIMEOUT_S",
            "0",
            "webhooks.timeout_s = '0': Input should be greater than or equal to 0.1",
        ),
    ],
)
def test_configuration_of_webhooks_that_is_wrong_is_named(
    commands: Commands, name: str, value: str, line: str
) -> None:
    """A network or a time that cannot be is told with its key."""
    found = commands.refused("list", more={f"MILEPOST_WEBHOOKS__{name}": value})
    assert found.startswith(f"environment: {line}")


def test_webhook_begins_now_or_at_an_earlier_place(commands: Commands) -> None:
    """Without `--from` only later events are wanted; a time, a cursor and the beginning work."""
    fill(commands.database, [event(n) for n in range(5)])
    url = commands.receiver.url
    cursor = commands.database.value("SELECT replace(id::text, '-', '') FROM feed") + "-3"
    for words, number in (
        ([], 5),
        (["--from", "beginning"], 0),
        (["--from", cursor], 3),
        (["--from", "2020-01-01"], 0),
        (["--from", "2099-01-01T00:00:00Z"], 5),
    ):
        added = commands.told("add", url, *words)
        row = "SELECT queued_to FROM webhook WHERE id = %s"
        assert commands.database.value(row, added["id"]) == number


def test_dead_letters_are_listed_and_replayed(commands: Commands) -> None:
    """Each with its event, its vehicle and the last error; one by its id, or all."""
    fill(commands.database, [event(n) for n in range(3)])
    number = commands.told("add", commands.receiver.url, "--from", "beginning")["id"]
    commands.database.run(
        "INSERT INTO webhook_delivery (webhook, number, subject, attempts, status, error, dead_at) "
        "SELECT %s, number, subject, 10, 500, 'answered 500', clock_timestamp() FROM event",
        number,
    )
    commands.database.run("DELETE FROM event WHERE number = 3")
    letters = commands.told("dead")["dead_letters"]
    assert {each["event"] for each in letters} == {str(event(n).id) for n in range(2)} | {None}
    assert {(each["status"], each["error"], each["failures"]) for each in letters} == {
        (500, "answered 500", 10)
    }
    assert "fence.entered  van-1  after 10 tries: answered 500" in commands.said("dead")
    assert len(commands.told("dead", str(number), "--limit", "1")["dead_letters"]) == 1
    one = commands.told("replay", str(number), "--event", str(event(0).id))
    assert one["queued"] == 1
    assert len(commands.told("dead")["dead_letters"]) == 2
    assert commands.said("replay", str(number)) == "2 events are queued again\n"
    assert commands.told("replay", str(number), "--from", "beginning")["looked_at"] == 0
