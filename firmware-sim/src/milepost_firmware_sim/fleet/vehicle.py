"""One simulated unit without its network: it commits, says what to send, and reads answers.

Everything that it decides is decided by the delivery protocol's own parts: the sender, the packing
and the codecs of the contract. Time is an argument: seconds of a clock that never goes back for
the protocol, numbers of instants for the receiver.
"""

import json
from collections.abc import Callable
from random import Random

from milepost_firmware_sim.fleet.buffer import Buffer
from milepost_firmware_sim.fleet.figures import Tally
from milepost_schemas.ack import decode_ack
from milepost_schemas.batch import Batch
from milepost_schemas.delivery.effect import Effect, Rewind, SetAside
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import Sender
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.message import MessageError
from milepost_schemas.topics import Address

# Answers to older questions are not timed any more: five minutes at a tick every five seconds.
_MOST_ASKED = 64


class Vehicle:
    """A unit: its buffer, and the run of the agent over it.

    Attributes:
        stream: Of the run that is on, or of the last one.

    Args:
        address: Its place in the topics.
        measure: Makes the fix of an instant, always the same.
        tally: Where to count; shared by the fleet.
        chance: Jitter of the sender; may be shared.
    """

    def __init__(
        self, address: Address, measure: Callable[[int], Fix], tally: Tally, chance: Random
    ) -> None:
        self.address = address
        self.buffer = Buffer(measure)
        self.stream = b""
        self._measure = measure
        self._tally = tally
        self._chance = chance
        self._sender = Sender([], chance)
        self._connection = 0
        self._next_instant = 0
        self._asked: dict[int, float] = {}
        self._offered: dict[bytes, int] = {}

    @property
    def backlog(self) -> int:
        """Committed numbers that are not known to be stored."""
        return self._sender.backlog

    @property
    def acknowledged(self) -> int:
        """Numbers that are known to be stored."""
        return sum(ledger.stored for ledger in self._sender.ledgers)

    def due_s(self) -> float | None:
        """When `outgoing` should be asked although nothing happened."""
        return self._sender.due_s()

    def start(self, stream: bytes, instant: int) -> None:
        """Start the agent, over the buffer that the last run left.

        Args:
            stream: The new run's 8 random bytes.
            instant: The first one that it measures.
        """
        self.stream = stream
        self.buffer.begin_stream(stream)
        self._sender = Sender(self.buffer.ledgers(), self._chance)
        self._connection = 0
        self._next_instant = instant
        self._asked.clear()
        self._offered.clear()

    def crash(self, instant: int) -> None:
        """End the agent as SIGKILL does, at `instant`; what is not committed was never promised."""
        self._tally.crashes += 1
        self._tally.fixes_made += max(0, instant - self._next_instant + 1)

    def tick(self, instant: int) -> int:
        """Commit everything up to `instant`; return how many fixes that is."""
        count = instant - self._next_instant + 1
        if count <= 0:
            return 0
        newest = self.buffer.commit(self.stream, self._next_instant, count)
        self._next_instant = instant + 1
        self._tally.fixes_made += count
        self._tally.fixes_committed += count
        self._sender.committed(newest)
        return count

    def committed_last(self, count: int) -> list[KeptFix]:
        """Return the last `count` committed fixes of this run."""
        newest = self._sender.ledgers[-1].newest
        return self.buffer.read(self.stream, newest - count, count)

    def connected(self) -> None:
        """The link is up and the ack topic is subscribed."""
        self._sender.connected()

    def disconnected(self) -> None:
        """The link is down."""
        self._sender.disconnected()

    def outgoing(self, now_s: float, *, live: bool) -> bytes | None:
        """Return the batch to hand to the link now, or None.

        Args:
            now_s: The time.
            live: A tick has come and brought a new position.
        """
        want = self._sender.next(now_s, live=live)
        if want is None:
            return None
        newest = self._measure(self._next_instant - 1) if live else None
        fixes = self.buffer.read(want.stream, want.after, want.max_fixes)
        batch, data = pack(want, fixes, self.buffer.gaps(want.stream), newest)
        self._sender.sent(batch)
        self._note(batch, len(data), now_s)
        return data

    def hear(self, data: bytes, now_s: float) -> None:
        """Take in what came on the ack topic."""
        try:
            ack = decode_ack(data)
        except MessageError:
            self._tally.bad_acks += 1
            return
        self._tally.acks += 1
        self._tally.refused += ack.refused is not None
        asked_s = self._asked.get(ack.batch)
        if asked_s is not None:
            self._tally.ack_latency.add(now_s - asked_s)
            # The sender ignores what is older than an answer that it has read.
            self._asked = {batch: at for batch, at in self._asked.items() if batch > ack.batch}
        effects = self._sender.acknowledged(ack, now_s)
        self.buffer.apply(effects)
        self._count(effects)

    def will(self) -> bytes:
        """Count an attempt to connect, and return the status that ends it if the unit is lost."""
        self._connection += 1
        return self._status(online=False, reason="lost")

    def greeting(self, version: str) -> bytes:
        """Return the status of a unit that is there."""
        return self._status(online=True, version=version)

    def goodbye(self) -> bytes:
        """Return the status of a unit that stops."""
        return self._status(online=False, reason="stopped")

    def _status(self, **said: object) -> bytes:
        status = {**said, "run": self.stream.hex(), "connection": self._connection}
        return json.dumps(status).encode()

    def _note(self, batch: Batch, size_bytes: int, now_s: float) -> None:
        envelope = batch.envelope
        self._asked[envelope.batch] = now_s
        if len(self._asked) > _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        self._tally.batches += 1
        self._tally.bytes += size_bytes
        if envelope.upto > envelope.after:
            offered = self._offered.get(envelope.stream, 0)
            self._tally.resends += envelope.after < offered
            self._offered[envelope.stream] = max(offered, envelope.upto)

    def _count(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._tally.rewinds += isinstance(effect, Rewind)
            self._tally.set_aside += isinstance(effect, SetAside)
