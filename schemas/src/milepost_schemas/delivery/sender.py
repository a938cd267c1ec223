"""The vehicle's half: what to send now, and what an ack means.

The sender knows how far each held stream is stored, and what is under way. It holds no fix: it
says which ones it wants (`Want`), the caller reads them from the buffer and calls `pack`. It
answers an ack with effects for the caller to carry out on the buffer. Time is an argument: seconds
of any clock that never goes back.

One batch with fixes is under way at a time. Without an answer it is built anew after 10 s, doubling
to 300 s; meanwhile batches without fixes carry the newest position, and the first answer to any of
them ends the wait.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from milepost_schemas.ack import REFUSED_VERSION, Ack
from milepost_schemas.batch import Batch, Previous
from milepost_schemas.delivery.effect import Effect, Rewind, SetAside, Stored
from milepost_schemas.layout import MAX_FIXES

FIRST_BUDGET_BYTES = 4 * 1024
MAX_BUDGET_BYTES = 60 * 1024  # leaves room for the envelope under the limit of a message
FIRST_WAIT_S = 10.0
QUICK_S = 5.0  # a batch whose answer takes longer is as large as the line bears
MAX_WAIT_S = 300.0
WAIT_JITTER = 0.2
VERSION_WAIT_S = 3600.0
STRIKES = 3

# Few fixes weigh less on the wire, so more than this are seldom worth reading for a budget.
_LIGHT_FIX_BYTES = 3


@dataclass(slots=True)
class Ledger:
    """How far one held stream has come.

    Attributes:
        stream: Its 8 bytes.
        stored: The number up to which the server said it is stored; 0 is nothing.
        newest: The newest committed number.
    """

    stream: bytes
    stored: int = 0
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Want:
    """The next batch: what the sender wants to know of the buffer in order to send it.

    Attributes:
        batch: The batch's number.
        stream: The stream.
        after: Fixes with a number above this.
        newest: Newest committed number of the stream.
        max_fixes: At most so many; 0 for a batch that only carries `live`.
        budget_bytes: What the message may weigh; a single fix may weigh more.
        previous: To be said in the envelope.
        with_live: The newest position goes along.
    """

    batch: int
    stream: bytes
    after: int
    newest: int
    max_fixes: int
    budget_bytes: int
    previous: Previous | None
    with_live: bool


@dataclass(frozen=True, slots=True)
class _UnderWay:
    batch: int
    stream: bytes
    seqs: tuple[int, ...]
    with_live: bool


class Sender:
    """Decides what one device sends, and reads the answers.

    Args:
        ledgers: The streams that the buffer holds, oldest first; the last one is this run's.
        chance: Source of jitter, for tests that want to repeat.
    """

    def __init__(self, ledgers: Sequence[Ledger], chance: random.Random | None = None) -> None:
        self.ledgers = list(ledgers)
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not a secret
        self._connected = False
        self._issued = 0
        self._answered = 0
        self._under_way: _UnderWay | None = None
        self._again_at_s = 0.0
        self._wanted_at_s = 0.0
        self._wait_s = FIRST_WAIT_S
        self._budget_bytes = FIRST_BUDGET_BYTES
        self._max_fixes = MAX_FIXES
        self._strikes = 0
        self._held_until_s = 0.0

    @property
    def backlog(self) -> int:
        """Numbers that are committed and not known to be stored."""
        return self.backlog_upto(self.newest)

    @property
    def newest(self) -> int:
        """The newest committed number of this run's stream."""
        return self.ledgers[-1].newest if self.ledgers else 0

    def backlog_upto(self, newest: int) -> int:
        """Return how many are not known to be stored, of this run's stream up to a number."""
        before = sum(max(0, each.newest - each.stored) for each in self.ledgers[:-1])
        stored = self.ledgers[-1].stored if self.ledgers else newest
        return before + max(0, newest - stored)

    @property
    def waiting(self) -> bool:
        """A batch with fixes is under way or held back."""
        return self._under_way is not None

    def due_s(self) -> float | None:
        """When an unanswered or held-back batch is to be tried again; None when there is none."""
        return max(self._again_at_s, self._held_until_s) if self._under_way else None

    def connected(self) -> None:
        """The link is up and the ack topic is subscribed."""
        self._connected = True
        self._under_way = None
        self._wait_s = FIRST_WAIT_S
        self._budget_bytes = FIRST_BUDGET_BYTES

    def disconnected(self) -> None:
        """The link is down."""
        self._connected = False

    def committed(self, newest: int) -> None:
        """This run's stream is committed up to `newest`."""
        self.ledgers[-1].newest = newest

    def reload(self, ledgers: Sequence[Ledger]) -> None:
        """Take it that the buffer now holds these streams, as far as they say.

        Batch numbers go on. What is under way of a stream that is held no more is forgotten, and
        so is its answer when it comes.

        Args:
            ledgers: The streams, oldest first; the last one is the current one.
        """
        self.ledgers = list(ledgers)
        if self._under_way is not None and self._named(self._under_way.stream) is None:
            self._under_way = None
            self._strikes = 0

    def next(self, now_s: float, *, live: bool = False) -> Want | None:
        """Say what to send now, or None.

        Args:
            now_s: The time.
            live: The newest position has not been sent yet and a tick has come, so a batch
                without fixes is worth sending while another one waits for its answer.
        """
        if not self._connected or now_s < self._held_until_s:
            return None
        if self._under_way is not None:
            if now_s >= self._again_at_s:
                self._budget_bytes = max(FIRST_BUDGET_BYTES // 8, self._budget_bytes // 2)
                return self._want(self._oldest_unfinished(), now_s)
            return self._rowless(self._named(self._under_way.stream)) if live else None
        unfinished = self._oldest_unfinished()
        if unfinished is not None:
            return self._want(unfinished, now_s)
        return self._rowless(self.ledgers[-1]) if live and self.ledgers else None

    def sent(self, batch: Batch) -> None:
        """The batch that was wanted has been handed to the link."""
        if batch.envelope.upto > batch.envelope.after:
            self._under_way = _UnderWay(
                batch.envelope.batch,
                batch.envelope.stream,
                tuple(kept.seq for kept in batch.fixes),
                batch.envelope.live is not None,
            )

    def acknowledged(self, ack: Ack, now_s: float) -> list[Effect]:
        """Read an answer, and say what is to be done with the buffer.

        Answers that are older than one already read, or to nothing that was asked, are ignored.
        """
        ledger = self._named(ack.stream)
        if ledger is None or not self._answered < ack.batch <= self._issued:
            return []
        self._answered = ack.batch
        under_way = self._under_way
        if ack.refused is None and under_way is not None and ack.batch < under_way.batch:
            return self._late(ledger, ack)
        self._under_way = None
        self._wait_s = FIRST_WAIT_S
        if ack.refused is not None:
            return self._refused(ack, under_way, now_s)
        if ack.last_seq is None or ack.last_seq < ledger.stored:
            return [self._rewound()]
        self._strikes = 0
        if now_s - self._wanted_at_s <= QUICK_S:
            self._budget_bytes = min(self._budget_bytes * 2, MAX_BUDGET_BYTES)
        self._max_fixes = min(self._max_fixes * 2, MAX_FIXES)
        return self._stored(ledger, ack.last_seq)

    def _late(self, ledger: Ledger, ack: Ack) -> list[Effect]:
        """Read an answer to a batch before the one under way, which will have its own."""
        if ack.last_seq is None or ack.last_seq < ledger.stored:
            self._under_way = None
            return [self._rewound()]
        return self._stored(ledger, ack.last_seq)

    def _rewound(self) -> Rewind:
        for each in self.ledgers:
            each.stored = 0
        return Rewind()

    def _stored(self, ledger: Ledger, last_seq: int) -> list[Effect]:
        if last_seq == ledger.stored:
            return []
        ledger.stored = last_seq
        return [Stored(ledger.stream, last_seq)]

    def _refused(self, ack: Ack, under_way: _UnderWay | None, now_s: float) -> list[Effect]:
        if ack.refused == REFUSED_VERSION:
            self._under_way = under_way
            self._held_until_s = self._again_at_s = now_s + VERSION_WAIT_S
            return []
        if under_way is None or under_way.batch != ack.batch:
            self._under_way = under_way
            return []
        count = len(under_way.seqs)
        if count > 1:
            self._max_fixes = count // 2
            return []
        self._max_fixes = 1
        if count == 1 and not under_way.with_live:
            self._strikes += 1
            if self._strikes >= STRIKES:
                self._strikes = 0
                return [SetAside(under_way.stream, under_way.seqs[0], ack.refused or "")]
        self._under_way = under_way
        self._again_at_s = now_s + self._jittered(FIRST_WAIT_S)
        return []

    def _want(self, ledger: Ledger | None, now_s: float) -> Want | None:
        if ledger is None:
            self._under_way = None
            return None
        self._wanted_at_s = now_s
        self._again_at_s = now_s + self._jittered(self._wait_s)
        self._wait_s = min(self._wait_s * 2, MAX_WAIT_S)
        affordable = max(1, self._budget_bytes // _LIGHT_FIX_BYTES)
        max_fixes = min(self._max_fixes, affordable)
        return self._wanted(ledger, max_fixes, with_live=self._max_fixes > 1)

    def _rowless(self, ledger: Ledger | None) -> Want | None:
        return None if ledger is None else self._wanted(ledger, 0, with_live=True)

    def _wanted(self, ledger: Ledger, max_fixes: int, *, with_live: bool) -> Want:
        self._issued += 1
        return Want(
            batch=self._issued,
            stream=ledger.stream,
            after=ledger.stored,
            newest=ledger.newest,
            max_fixes=max_fixes,
            budget_bytes=self._budget_bytes,
            previous=None if ledger.stored else self._before(ledger),
            with_live=with_live,
        )

    def _before(self, ledger: Ledger) -> Previous | None:
        """Name the newest stream before this one of which anything is believed to be stored."""
        before = self.ledgers[: self.ledgers.index(ledger)]
        stored = next((each for each in reversed(before) if each.stored), None)
        return None if stored is None else Previous(stored.stream, stored.stored)

    def _oldest_unfinished(self) -> Ledger | None:
        return next((each for each in self.ledgers if each.stored < each.newest), None)

    def _named(self, stream: bytes) -> Ledger | None:
        return next((each for each in self.ledgers if each.stream == stream), None)

    def _jittered(self, wait_s: float) -> float:
        return wait_s * self._chance.uniform(1 - WAIT_JITTER, 1 + WAIT_JITTER)
