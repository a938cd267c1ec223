"""What is sent: signatures as the reference library of Standard Webhooks wants them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import FormatChecker, validate
from standardwebhooks import Webhook, WebhookVerificationError

from milepost_collector.clock import Clock
from milepost_collector.webhooks.answer import Answer, Meaning, error_of, retry_after_s
from milepost_collector.webhooks.choice import ChoiceError, checked_types, checked_vehicles
from milepost_collector.webhooks.message import (
    Message,
    SecretError,
    Signer,
    checked_secret,
    make_secret,
    make_test_message,
    message_of,
)
from milepost_schemas.fix import instant

SCHEMA = Path(__file__).parents[2] / "schemas" / "json" / "event.schema.json"


def now() -> datetime:
    """Our time: the reference library knows no other."""
    return instant(Clock().real_ms())


MESSAGE = message_of({"id": "5f0c7c6e-0000-5000-8000-000000000000", "data": {"name": "Süd"}})


def test_signature_is_accepted_by_the_reference_library() -> None:
    """A receiver with our secret accepts what we send, and reads the event."""
    secret = make_secret()
    headers = Signer([secret]).headers(MESSAGE, now())
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == MESSAGE.id
    assert Webhook(secret).verify(MESSAGE.body, headers) == json.loads(MESSAGE.body)


@given(st.data())
def test_signature_of_a_changed_message_is_refused(data: st.DataObject) -> None:
    """One changed byte of the body is enough."""
    secret = make_secret()
    headers = Signer([secret]).headers(MESSAGE, now())
    place = data.draw(st.integers(0, len(MESSAGE.body) - 1))
    changed = bytearray(MESSAGE.body)
    changed[place] ^= data.draw(st.integers(1, 127))
    with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
        Webhook(secret).verify(bytes(changed), headers)


def test_signature_that_is_old_or_of_another_id_or_secret_is_refused() -> None:
    """A stamp of six minutes ago, another id or stamp, another secret: none is accepted."""
    secret = make_secret()
    good = Signer([secret]).headers(MESSAGE, now())
    wrong = [
        Signer([secret]).headers(MESSAGE, now() - timedelta(minutes=6)),
        {**good, "webhook-id": "5f0c7c6e-0000-5000-8000-000000000001"},
        {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)},
        Signer([make_secret()]).headers(MESSAGE, now()),
    ]
    for headers in wrong:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(MESSAGE.body, headers)


def test_signatures_of_two_secrets_are_accepted_with_either() -> None:
    """While a secret is replaced, receivers with the old and with the new one both accept."""
    old, new = make_secret(), make_secret()
    headers = Signer([new, old]).headers(MESSAGE, now())
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Webhook(secret).verify(MESSAGE.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(make_secret()).verify(MESSAGE.body, headers)


def test_message_of_a_later_try_has_the_same_id_and_another_stamp() -> None:
    """A try is signed anew: id and body stay, stamp and signature do not."""
    signer = Signer([make_secret()])
    first, later = (signer.headers(MESSAGE, now() - timedelta(seconds=n)) for n in (7, 0))
    assert first["webhook-id"] == later["webhook-id"]
    assert int(later["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 7
    assert first["webhook-signature"] != later["webhook-signature"]


def test_test_message_is_a_cloud_event_with_an_id_of_its_own() -> None:
    """Two tests are two events, of the type that says so."""
    found: list[Message] = [make_test_message(1_000, "beginning") for _ in range(2)]
    assert found[0].id != found[1].id
    cloud = json.loads(found[0].body)
    assert (cloud["type"], cloud["specversion"]) == ("org.milepost.webhook.test", "1.0")
    assert cloud["time"] == "1970-01-01T00:00:01.000Z"
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validate(cloud, schema, format_checker=FormatChecker())


def test_stamp_is_of_the_real_time_under_a_scaled_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that is played in minutes is signed with the time of the receivers."""
    real_ms = Clock().real_ms()
    monkeypatch.setenv("MILEPOST_CLOCK", "0,1000")
    assert abs(Clock().real_ms() - real_ms) < 60_000
    assert abs(Clock().now_ms() - real_ms) > 3_600_000


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ("", "begins otherwise"),
        ("secret", "begins otherwise"),
        (base64.b64encode(bytes(32)).decode(), "begins otherwise"),
        ("whsec_", "this one has 0"),
        ("whsec_!!!!", "is no Base64"),
        ("whsec_abc", "is no Base64"),
        ("whsec_ä", "is no Base64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "this one has 23"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "this one has 65"),
    ],
)
def test_secret_of_another_form_is_refused_without_being_told(secret: str, error: str) -> None:
    """A secret is `whsec_` and the Base64 of 24 to 64 bytes."""
    with pytest.raises(SecretError) as raised:
        checked_secret(secret)
    assert error in str(raised.value)
    assert len(secret) < 7 or secret not in str(raised.value)


def test_secret_of_the_right_form_is_taken() -> None:
    """Ours, and any of 24 to 64 bytes."""
    for length in (24, 32, 64):
        secret = "whsec_" + base64.b64encode(bytes(range(length))).decode()
        assert checked_secret(secret) == secret
    assert len(base64.b64decode(make_secret().removeprefix("whsec_"))) == 32
    assert make_secret() != make_secret()


@pytest.mark.parametrize(
    ("names", "types"),
    [
        ([], None),
        (["fence.entered"], ["fence.entered"]),
        (["org.milepost.trip.ended", "fence."], ["fence.", "trip.ended"]),
        (["vehicle.", "vehicle."], ["vehicle."]),
    ],
)
def test_types_are_known_ones_or_beginnings(names: list[str], types: list[str] | None) -> None:
    """With or without prefix; a beginning ends with a dot."""
    assert checked_types(names) == types


@pytest.mark.parametrize(
    "name", ["fence", "fence.enter", "fences.", "", ".", "org.milepost.", "x\0"]
)
def test_type_that_is_not_known_is_refused(name: str) -> None:
    """The error says which types there are."""
    with pytest.raises(ChoiceError, match=r"is none of eta.moved, event.withdrawn, fence.dwelled"):
        checked_types([name])


def test_vehicles_that_can_be_are_taken() -> None:
    """Any printable name, once; no name, NUL or a line end is refused."""
    assert checked_vehicles([]) is None
    assert checked_vehicles(["van 2", "van-1", "van-1"]) == ["van 2", "van-1"]
    for name in ("", "a\0", "a\n", "x" * 201):
        with pytest.raises(ChoiceError):
            checked_vehicles([name])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("999999999999", 3600.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 11:00:00 GMT", 3600.0),
        ("Fri, 99 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_within_limits(text: str | None, seconds: float | None) -> None:
    """Seconds or a date, an hour at most; what says nothing is nothing."""
    assert retry_after_s(text, datetime(2026, 11, 20, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, Meaning.TAKEN),
        (204, Meaning.TAKEN),
        (299, Meaning.TAKEN),
        (301, Meaning.REFUSED),
        (400, Meaning.REFUSED),
        (410, Meaning.GONE),
        (429, Meaning.AWAY),
        (500, Meaning.REFUSED),
        (503, Meaning.AWAY),
        (None, Meaning.AWAY),
    ],
)
def test_status_has_a_meaning(status: int | None, meaning: Meaning) -> None:
    """2xx is success, 410 the end, some say that the receiver is away, the rest is refused."""
    assert Answer(status, 0.1).meaning is meaning


def test_redirect_is_told_as_not_followed() -> None:
    """The error of a redirect says where it would have led."""
    assert error_of(302, "Found", "http://10.0.0.1/") == (
        "answered 302 Found; redirects are not followed (to 'http://10.0.0.1/')"
    )
    assert error_of(204, "No Content", None) == ""
    assert error_of(500, "", None) == "answered 500"
