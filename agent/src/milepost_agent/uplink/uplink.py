"""The uplink: carries what the sender decides over the link, and brings back the answers."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from milepost_agent.buffer import Buffer, StreamGoneError
from milepost_agent.config import BrokerConfig
from milepost_agent.uplink.link import Answer, CameUp, Link, UplinkError, WentDown
from milepost_agent.uplink.trust import Trust
from milepost_schemas.ack import MINUTE_MS, Ack, decode_ack
from milepost_schemas.delivery.effect import Effect, Rewind, SetAside
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import Sender
from milepost_schemas.fix import Fix
from milepost_schemas.message import MessageError
from milepost_schemas.topics import Address, Channel

__all__ = ["News", "Uplink", "UplinkError"]

_log = logging.getLogger(__name__)

# How soon to look again whether the link has carried off what it holds.
CARRYING_LOOK_S = 0.25


@dataclass(slots=True)
class News:
    """What the network brought.

    Attributes:
        effects: What answers mean; they have been carried out on the buffer.
        came_up: The link has come up.
        server_time_ms: The server's time at its newest answer, Unix milliseconds.
    """

    effects: list[Effect] = field(default_factory=list)
    came_up: bool = False
    server_time_ms: int | None = None


class Uplink:
    """One device's way to the server.

    Attributes:
        counts: `batches`, `bytes`, `acks`, `bad_acks`, `rewinds`, `set_aside`, `refusals`.
        is_up: Batches can be sent.
        down_reason: Why the link is down, in the link's words; empty while it is up.
        refused: The server's word for refusing the last batch; empty after any other answer.
    """

    def __init__(
        self, address: Address, broker: BrokerConfig, buffer: Buffer, trust: Trust | None
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.is_up = False
        self.down_reason = "not yet connected"
        self.refused = ""
        self._broker_name = f"{broker.host}:{broker.port}"
        self._buffer = buffer
        self._sender = Sender(buffer.ledgers())
        self._told_down = False
        self._link = Link(address, broker, buffer.stream, trust)
        self.fileno = self._link.fileno
        self.start = self._link.start

    @property
    def wake_fd(self) -> int:
        """A byte written here makes `fileno` readable."""
        return self._link.wake_fd

    @property
    def backlog(self) -> int:
        """Committed numbers that are not known to be stored."""
        return self._sender.backlog

    @property
    def newest(self) -> int:
        """The newest committed number of this run."""
        return self._sender.newest

    def backlog_upto(self, newest: int) -> int:
        """As `backlog`, of this run only the numbers up to one."""
        return self._sender.backlog_upto(newest)

    @property
    def connects(self) -> int:
        """Attempts to connect in this run."""
        return self._link.connects

    def due_s(self, now_s: float) -> float | None:
        """When `send` should be called although nothing happened."""
        due_s = self._sender.due_s() if self.is_up else None
        if due_s is not None and due_s <= now_s and self._link.is_carrying():
            return now_s + CARRYING_LOOK_S
        return due_s

    def committed(self, newest: int) -> None:
        """The buffer has committed this run's fixes up to `newest`."""
        self._sender.committed(newest)

    def reload(self) -> None:
        """The buffer holds other streams than before."""
        self._sender.reload(self._buffer.ledgers())

    def news(self, now_s: float) -> News:
        """Take in what the network brought.

        Raises:
            UplinkError: The network thread has ended.
        """
        news = News()
        for incident in self._link.incidents():
            match incident:
                case CameUp():
                    self._came_up()
                    news.came_up = True
                case WentDown(reason):
                    self._went_down(reason)
                case Answer(data):
                    self._answered(data, now_s, news)
        return news

    def send(self, now_s: float, live: Fix | None) -> None:
        """Send what is to be sent now.

        Args:
            now_s: Monotonic seconds.
            live: The newest position, when it has not been sent and a tick has come.
        """
        if not self.is_up or (self._sender.waiting and self._link.is_carrying()):
            return
        want = self._sender.next(now_s, live=live is not None)
        if want is None:
            return
        try:
            fixes = self._buffer.read(want.stream, want.after, want.max_fixes)
            gaps = self._buffer.gaps(want.stream)
        except StreamGoneError:
            self.reload()  # the disk that held it cannot be read now
            return
        volatile = self._buffer.is_volatile(want.stream)
        batch, data = pack(want, fixes, gaps, live, volatile=volatile)
        if self._link.publish(Channel.UP, data):
            self.counts["batches"] += 1
            self.counts["bytes"] += len(data)
        self._sender.sent(batch)

    def announce(self, health: dict[str, Any]) -> None:
        """Publish how the unit is, retained; nothing while the link is down."""
        if self.is_up:
            self._link.announce({"online": True, **health})

    def stop(self, reason: str) -> None:
        """Say goodbye and end.

        Args:
            reason: Why, for the retained status: `stopped` or `asleep`.
        """
        self._link.stop({"online": False, "reason": reason} if self.is_up else None)

    def _came_up(self) -> None:
        self.is_up = True
        self.down_reason = ""
        self._told_down = False
        self._sender.connected()
        _log.info("The link to the broker is up. broker=%s", self._broker_name)

    def _went_down(self, reason: str) -> None:
        self.is_up = False
        self.down_reason = reason
        self._sender.disconnected()
        if not self._told_down:
            self._told_down = True
            _log.warning(
                "The link to the broker is down; trying again. broker=%s cause=%s",
                self._broker_name,
                reason,
            )

    def _answered(self, data: bytes, now_s: float, news: News) -> None:
        try:
            ack = decode_ack(data)
        except MessageError as error:
            self.counts["bad_acks"] += 1
            _log.debug("An ack cannot be read. cause=%s", error)
            return
        self.counts["acks"] += 1
        effects = self._sender.acknowledged(ack, now_s)
        self._buffer.apply(effects)
        self._tell(ack, effects)
        news.effects += effects
        news.server_time_ms = ack.server_time_min * MINUTE_MS

    def _tell(self, ack: Ack, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Rewind():
                    self.counts["rewinds"] += 1
                    _log.warning("The database is older than the buffer; sending all of it again.")
                case SetAside(_, seq, reason):
                    self.counts["set_aside"] += 1
                    _log.error("A fix was refused for good. seq=%d reason=%s", seq, reason)
                case _:
                    pass
        self.refused = ack.refused or ""
        if ack.refused is not None:
            self.counts["refusals"] += 1
            _log.warning("A batch was refused. batch=%d reason=%s", ack.batch, ack.refused)
