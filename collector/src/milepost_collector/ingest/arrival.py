"""Reading messages from devices, many at once: batches to be judged, or refusals and why."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from milepost_collector.store.writes import DeadLetter
from milepost_schemas.ack import MINUTE_MS, Ack
from milepost_schemas.batch import Envelope, addressed
from milepost_schemas.bulk import Batches, count_fixes, decode_batches
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
    """A message that was read whole.

    Attributes:
        message: The message.
        envelope: Its envelope.
        place: Its place among the messages that were read together; its fixes name it.
    """

    message: Message
    envelope: Envelope
    place: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Messages that were read together.

    Attributes:
        arrivals: Those that could be read.
        refusals: Those that could not.
        read: What was read, with the fixes of all; places are those of the messages.
    """

    arrivals: list["Arrival"]
    refusals: list["Refusal"]
    read: Batches


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
        return Ack(stream, batch, None, now_ms // MINUTE_MS, refused=self.reason)


def read_messages(messages: Sequence[Message]) -> Arrivals:
    """Read messages together; never raises, whatever the bytes are."""
    read = decode_batches([message.payload for message in messages])
    arrivals, refusals = [], []
    for place, (message, envelope) in enumerate(zip(messages, read.envelopes, strict=True)):
        if isinstance(envelope, MessageError):
            refusals.append(Refusal(message, envelope.reason, str(envelope)))
        else:
            arrivals.append(Arrival(message, envelope, place))
    return Arrivals(arrivals, refusals, read)


def groups(messages: Sequence[Message], max_fixes: int) -> Iterator[Sequence[Message]]:
    """Cut messages into groups of at most so many fixes together; of more only where one has."""
    counts = np.cumsum(count_fixes([message.payload for message in messages]))
    begin = 0
    while begin < len(messages):
        before = int(counts[begin - 1]) if begin else 0
        end = int(np.searchsorted(counts, before + max_fixes, side="right"))
        end = max(end, begin + 1)
        yield messages[begin:end]
        begin = end
