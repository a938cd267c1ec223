"""Reading a message from a device: a batch that can be judged, or a refusal with its reason."""

import hashlib
from dataclasses import dataclass

from milepost_collector.store.writes import DeadLetter
from milepost_schemas.ack import Ack
from milepost_schemas.batch import Envelope, addressed, decode_batch, decode_fixes
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import MAX_MESSAGE_BYTES, MessageError
from milepost_schemas.topics import Address


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes that came on a device's `up` topic."""

    address: Address
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was read whole."""

    message: Message
    envelope: Envelope
    fixes: tuple[KeptFix, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that can never be applied, and why."""

    message: Message
    reason: str
    detail: str

    def dead_letter(self) -> DeadLetter:
        """Return what is kept of it."""
        payload = self.message.payload
        return DeadLetter(
            digest=hashlib.sha256(payload).digest(),
            topic=self.message.topic,
            reason=self.reason,
            detail=self.detail.replace("\0", ""),
            payload=payload[:MAX_MESSAGE_BYTES],
        )

    def ack(self, now_ms: int) -> Ack | None:
        """Return the answer, or None where the message does not even say which batch it is."""
        named = addressed(self.message.payload)
        if named is None:
            return None
        stream, batch = named
        return Ack(stream, batch, None, now_ms, refused=self.reason)


def read_message(message: Message) -> Arrival | Refusal:
    """Read a message; never raises, whatever the bytes are."""
    try:
        envelope, columns = decode_batch(message.payload)
        return Arrival(message, envelope, decode_fixes(envelope, columns))
    except MessageError as error:
        return Refusal(message, error.reason, str(error))
