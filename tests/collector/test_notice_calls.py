"""Calls of real servers: what was sent, what certainly was not, and what nobody can say."""

import json
import smtplib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from milepost_collector.notices.outcome import Result, outcome_of
from tests.collector.notice_office import (
    ANNA,
    BEN,
    NEAR,
    event,
    put,
    settings_of,
    states,
    tell,
    telling,
    wait_states,
)
from tests.collector.programs import wait_until
from tests.collector.web_program import free_port
from tests.collector.webhook_receiver import Receiver, Reply, receiving
from tests.fixtures.servers import FreshDatabase

# apprise imports a module that Python is about to give up, when it looks for its plugins.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class MailServer:
    """Takes mail, or answers as a test wants: a real SMTP server, of aiosmtpd, in a thread.

    Attributes:
        taken: Recipient and message of each mail whose text came whole.
        recipients: The answer to recipients; empty: they are taken.
        texts: The answer to texts, one after the other, the last for ever; `cut`: none at all.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.recipients = ""
        self.texts = ["250 taken"]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.recipients:
            return self.recipients
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        assert isinstance(envelope.content, bytes)
        self.taken += [(address, envelope.content) for address in envelope.rcpt_tos]
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        if text == "cut":
            assert server.transport is not None
            server.transport.close()
        return text


@contextmanager
def mail_server(port: int | None = None) -> Iterator[tuple[MailServer, str]]:
    """Run one until the end of the block; give it and the URL of a channel."""
    server, port = MailServer(), port or free_port()
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield server, mail_url(port)
    finally:
        controller.stop()


def mail_url(port: int) -> str:
    """Return the URL of a channel of e-mail to a port here."""
    return f"mailto://127.0.0.1:{port}/?from=track@example.org&smtp=127.0.0.1&to={{email}}"


MAIL = {**NEAR, "by": ["mail"]}


def sms_url(receiver: Receiver, *, with_key: bool = False) -> str:
    """Return the URL of a provider of SMS that speaks JSON."""
    host = receiver.url.removeprefix("http://").removesuffix("/hook")
    key = "&+Idempotency-Key={idempotency_key}" if with_key else ""
    return f"json://{host}/send?:to={{phone}}{key}"


def test_mail_is_sent_with_its_subject(plain_database: FreshDatabase, tmp_path: Path) -> None:
    """A real server gets one mail for each of two people, in their languages."""
    put(plain_database)
    with (
        mail_server() as (server, url),
        telling(plain_database, settings_of(tmp_path, [MAIL], {"mail": url})),
    ):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["sent", "sent"])
    found = {to: message_from_bytes(content) for to, content in server.taken}
    assert set(found) == {ANNA.email, BEN.email}
    anna = found["anna@example.org"]
    assert str(make_header(decode_header(anna["Subject"]))) == "Ihre Lieferung ist in der Nähe"
    part = next(each for each in anna.walk() if each.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().strip() == "Ihre Lieferung a ist in der Nähe."


@pytest.mark.parametrize(
    ("recipients", "texts", "state", "reason", "mails"),
    [
        ("550 nobody", ["250 ok"], "failed", "the mail server answered 550", 0),
        ("", ["554 no"], "failed", "the mail server answered 554", 1),
        ("", ["451 later", "250 ok"], "sent", None, 2),
        ("451 later", ["250 ok"], "failed", "the mail server answered 451", 0),
        ("", ["cut"], "unknown", "the connection broke: SMTPServerDisconnected", 1),
    ],
)
def test_mail_is_tried_again_only_when_it_was_not_taken(
    plain_database: FreshDatabase,
    tmp_path: Path,
    recipients: str,
    texts: list[str],
    state: str,
    reason: str | None,
    mails: int,
) -> None:
    """4yz may succeed later, 5yz will not, and after a cut in the answer nobody can say."""
    put(plain_database, {"a": ANNA})
    with mail_server() as (server, url):
        server.recipients, server.texts = recipients, texts
        with telling(plain_database, settings_of(tmp_path, [MAIL], {"mail": url})):
            tell(plain_database, event("stop.approaching"))
            wait_states(plain_database, [state])
        assert states(plain_database)[0][4] == reason
        assert len(server.taken) == mails


def test_mail_waits_for_a_server_that_is_away(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Nobody listens: certainly nothing was sent, so it is tried again until somebody does."""
    put(plain_database, {"a": ANNA})
    port = free_port()
    settings = settings_of(tmp_path, [MAIL], {"mail": mail_url(port)})
    with telling(plain_database, settings, retry_s=(0.05,) * 50):
        tell(plain_database, event("stop.approaching"))
        wait_until(
            lambda: plain_database.value("SELECT coalesce(max(failures), 0) FROM notice") >= 3,
            "three failures",
        )
        assert plain_database.value("SELECT told_at FROM notice") is None
        with mail_server(port) as (server, _):
            wait_states(plain_database, ["sent"])
    assert len(server.taken) == 1


def test_notice_that_reaches_nobody_fails_at_last(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """After the last of its tries it is given up, and says why."""
    put(plain_database, {"a": ANNA})
    settings = settings_of(tmp_path, [MAIL], {"mail": mail_url(free_port())})
    with telling(plain_database, settings, retry_s=(0.01, 0.01)):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["failed"])
    assert plain_database.rows("SELECT reason, tries FROM notice") == [("no connection", 3)]


@pytest.mark.parametrize(
    ("statuses", "state", "reason", "requests"),
    [
        ([204], "sent", None, 1),
        ([429, 429, 200], "sent", None, 3),
        ([400], "failed", "the provider answered 400", 1),
        ([404], "failed", "the provider answered 404", 1),
        ([408], "unknown", "the provider answered 408", 1),
        ([500], "unknown", "the provider answered 500", 1),
        ([503], "unknown", "the provider answered 503", 1),
        ([302], "unknown", "the provider answered 302", 1),
    ],
)
def test_answer_of_a_provider_decides_what_is_known(
    plain_database: FreshDatabase,
    tmp_path: Path,
    statuses: list[int],
    state: str,
    reason: str | None,
    requests: int,
) -> None:
    """Refused is refused; behind a gateway that failed, or a redirect, it may have gone out."""
    put(plain_database, {"a": ANNA})
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(statuses[min(len(receiver.requests), len(statuses)) - 1])
        settings = settings_of(tmp_path, [NEAR], {"sms": sms_url(receiver)})
        with telling(plain_database, settings):
            tell(plain_database, event("stop.approaching"))
            wait_states(plain_database, [state])
        assert states(plain_database)[0][4] == reason
        found = [json.loads(request.body) for request in receiver.requests]
    assert len(found) == requests
    assert {each["to"] for each in found} == {ANNA.phone}


def test_answer_that_does_not_come_is_unknown(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """It is not waited for longer than configured, others go on, and what comes later counts."""
    put(plain_database)
    with receiving() as receiver:
        receiver.answer = lambda request: (
            receiver.hang(2.0) if b"4915112345678" in request.body else Reply()
        )
        settings = settings_of(tmp_path, [NEAR], {"sms": sms_url(receiver)})
        with telling(plain_database, settings, timeout_s=0.2):
            tell(plain_database, event("stop.approaching"))
            wait_states(plain_database, ["unknown", "sent"])
            assert states(plain_database)[0][4] == "the provider did not answer in time"
            wait_until(
                lambda: states(plain_database)[0][4] == "the provider answered 503", "its answer"
            )
        assert len(receiver.requests) == 2


def test_provider_that_knows_a_repeat_is_asked_again(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """After a 502 the same key comes again, until it is taken; at last it is unknown."""
    put(plain_database, {"a": ANNA})
    with receiving() as receiver:
        receiver.answer = lambda _: Reply(502 if len(receiver.requests) < 3 else 200)
        settings = settings_of(tmp_path, [NEAR], {"sms": sms_url(receiver, with_key=True)})
        with telling(plain_database, settings):
            tell(plain_database, event("stop.approaching"))
            wait_states(plain_database, ["sent"])
            keys = [request.headers["idempotency-key"] for request in receiver.requests]
            receiver.answer = lambda _: Reply(502)
            tell(plain_database, event("stop.approaching", attempt=2))
            wait_states(plain_database, ["sent", "unknown"])
    assert keys == [str(plain_database.value("SELECT id FROM notice ORDER BY number LIMIT 1"))] * 3


def test_one_person_gets_one_notice_at_a_time(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """While a call for an order takes its time, the next one of that order waits; others do not."""
    put(plain_database)
    rules = [NEAR, {"on": "stop.completed", "notice": "delivered", "by": ["sms"]}]
    with receiving() as receiver:
        receiver.answer = lambda request: (
            Reply(receiver.hang(1.0).status and 200) if b"Ihre" in request.body else Reply()
        )
        settings = settings_of(tmp_path, rules, {"sms": sms_url(receiver)})
        with telling(plain_database, settings):
            tell(plain_database, event("stop.approaching"))
            wait_until(lambda: len(receiver.requests) == 2, "both calls")
            tell(plain_database, event("stop.completed"))
            wait_states(plain_database, ["sent"] * 4)
        bodies = [json.loads(request.body) for request in receiver.requests]
    anna = [each["message"] for each in bodies if each["to"] == ANNA.phone]
    assert len(anna) == 2
    assert "Nähe" in anna[0]
    assert "abgeschlossen" in anna[1]


def test_nothing_personal_and_no_secret_is_logged(
    plain_database: FreshDatabase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Plugins tell numbers, hosts and keys in their logs; ours name the notice and the reason."""
    put(plain_database)
    channels = {
        "sms": f"json://someone:s3cret@127.0.0.1:{free_port()}/token/{{phone}}",
        "mail": mail_url(free_port()),
    }
    rules = [{**NEAR, "by": ["sms", "mail"]}]
    with telling(plain_database, settings_of(tmp_path, rules, channels), retry_s=(0.01,)):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["failed"] * 4)
    said = "".join(capfd.readouterr())
    assert "A notice could not be sent; it is given up." in said
    for secret in ("s3cret", "token", "+49", "4915", "example.org", "anna", "Anna", "52.5"):
        assert secret not in said
    stored = str(plain_database.rows("SELECT notice::text FROM notice"))
    for secret in ("s3cret", "token", "4915", "example.org", "anna", "Anna"):
        assert secret not in stored


def raised(error: BaseException) -> BaseException:
    """An error as it is caught."""
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("errors", "told", "result"),
    [
        ([], [], Result.UNKNOWN),
        ([], ["Failed to send: Bad Request, error=400."], Result.REFUSED),
        ([], ["Failed to send to +49: Invalid number, error=21211."], Result.REFUSED),
        ([TimeoutError()], [], Result.UNKNOWN),
        ([ConnectionResetError()], [], Result.UNKNOWN),
        ([ConnectionRefusedError()], [], Result.UNSENT),
        ([socket.gaierror()], [], Result.UNSENT),
        ([smtplib.SMTPServerDisconnected()], [], Result.UNKNOWN),
        ([smtplib.SMTPAuthenticationError(535, b"no")], [], Result.REFUSED),
        ([smtplib.SMTPConnectError(421, b"busy")], [], Result.UNSENT),
        # The first one is what happened; those that follow are about leaving.
        ([ConnectionResetError(), ConnectionRefusedError()], [], Result.UNKNOWN),
    ],
)
def test_only_what_certainly_sent_nothing_is_tried_again(
    errors: list[BaseException], told: list[str], result: Result
) -> None:
    """What a call raised, or how its plugin told of the answer."""
    assert outcome_of([raised(error) for error in errors], told).result is result


def test_connection_that_is_never_made_has_sent_nothing() -> None:
    """A timeout while connecting is not one of an answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        address = listener.getsockname()

        def connect_on() -> None:
            # When the queue of those who wait is full, the next one is not even greeted.
            for _ in range(10):
                stack.enter_context(socket.create_connection(address, timeout=0.1))

        with pytest.raises(TimeoutError) as caught:
            connect_on()
    assert outcome_of([caught.value], []).result is Result.UNSENT
