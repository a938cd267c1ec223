"""What is sent: a CloudEvent in structured mode, signed as Standard Webhooks says.

Sources: CloudEvents 1.0, HTTP binding, 3.2; Standard Webhooks 1.0, "Webhook metadata" and
"Signature scheme", by its reference library.
"""

import base64
import binascii
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from standardwebhooks import Webhook

from milepost_schemas.event import Event, cloud_event

CONTENT_TYPE = "application/cloudevents+json"
TEST_TYPE = "webhook.test"

_SECRET_PREFIX = "whsec_"  # noqa: S105 - the beginning of any
_MIN_SECRET_BYTES = 24
_MAX_SECRET_BYTES = 64
_MADE_SECRET_BYTES = 32

_encoder = msgspec.json.Encoder()


class SecretError(ValueError):
    """A secret is not of the form that receivers know; the message does not hold it."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it is sent, before it is signed.

    Attributes:
        id: The event's; the same in every try.
        body: The CloudEvent as JSON.
    """

    id: str
    body: bytes


class Signer:
    """Signs with one secret or, while a newer one replaces it, with several.

    Args:
        secrets: The newest first; at least one.

    Raises:
        ValueError: There is none, or one that is no Base64.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("it has no secret to sign with")
        self._webhooks = [Webhook(secret) for secret in secrets]

    def headers(self, message: Message, now: datetime) -> dict[str, str]:
        """Return the headers of a try.

        Args:
            message: What is sent.
            now: Real time of the try, aware, in UTC: receivers compare it with their own clocks.
        """
        body = message.body.decode()
        signatures = [webhook.sign(message.id, now, body) for webhook in self._webhooks]
        return {
            "content-type": CONTENT_TYPE,
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def message_of(cloud: dict[str, object]) -> Message:
    """Make the message of an event.

    Args:
        cloud: The CloudEvent.
    """
    return Message(str(cloud["id"]), _encoder.encode(cloud))


def make_test_message(now_ms: int, cursor: str) -> Message:
    """Make the message that shows whether a receiver works.

    Args:
        now_ms: Our time, milliseconds since 1970.
        cursor: A place in the feed from which a receiver could go on.
    """
    # As all ids of ours, a name-based one (RFC 9562, 5.5), of a name that no other has.
    event = Event(
        uuid.uuid5(uuid.uuid4(), TEST_TYPE),
        TEST_TYPE,
        "test",
        "test",
        now_ms,
        {"text": "Milepost can reach this receiver."},
    )
    return message_of(cloud_event(event, recorded_ms=now_ms, cursor=cursor))


def make_secret() -> str:
    """Make a secret."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_MADE_SECRET_BYTES)).decode()


def checked_secret(text: str) -> str:
    """Return a secret that somebody brings.

    Raises:
        SecretError: It is not `whsec_` and the Base64 of 24 to 64 bytes.
    """
    form = (
        f"a secret is {_SECRET_PREFIX} and the Base64 of {_MIN_SECRET_BYTES} to "
        f"{_MAX_SECRET_BYTES} bytes"
    )
    if not text.startswith(_SECRET_PREFIX):
        raise SecretError(f"{form}; this one begins otherwise")
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError(f"{form}; this one is no Base64") from None
    if not _MIN_SECRET_BYTES <= len(key) <= _MAX_SECRET_BYTES:
        raise SecretError(f"{form}; this one has {len(key)}")
    return text
