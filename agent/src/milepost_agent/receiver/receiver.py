"""The receiver: fixes from whatever is plugged in, for as long as the unit lives.

In flow bytes of a link, out flow what they say. One thread, which never waits: the caller waits for
`fileno` and `due_s`, and calls `read`.

Invariants:
- Nothing that a receiver does or leaves ends the unit; what can never be a receiver is refused when
  this is made, and an absent one is waited for.
- A link that is gone is tried again each second. One that is open and silent is opened anew after
  4 s (after up to 10 s, where the receiver's own pauses are longer), because some devices fall
  silent until somebody does. One whose name has come to mean another device is opened anew.
- Bytes of which no sentence comes for as long are listened to, to tell what they are: at each rate
  in turn, unless one is configured. This never ends; a right sentence ends it at once.
- What the bytes are is judged beside the decoder, which is given all of them: no byte is lost.
"""

import logging
from collections import Counter
from contextlib import suppress

from milepost_agent.receiver.address import SerialAddress, parse_port
from milepost_agent.receiver.gpsd import GpsdDecoder, watch_command
from milepost_agent.receiver.link import Link, LinkError, ReceiverState, Source
from milepost_agent.receiver.listening import BAUDS, RateSearch
from milepost_agent.receiver.serial_link import SerialSource
from milepost_agent.receiver.tcp_link import TcpSource
from milepost_agent.receiver.watch import Step, Watch
from milepost_schemas.dating import Dating
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix, Unfixed

_log = logging.getLogger(__name__)

REOPEN_S = 1.0
_CONNECTING_POLL_S = 0.05
_NAME_CHECK_S = 1.0

# Reads of what is left when the unit stops; a receiver that speaks on does not hold it up.
_LAST_READS = 16

# On the way to another state, and not worth a line in the log.
_PASSING = (ReceiverState.CONNECTING, ReceiverState.OPEN, ReceiverState.LISTENING)


class Receiver:
    """A receiver, plugged in or not.

    Args:
        port: See `parse_port`.
        baud: Bits a second of a serial device; 0: found by listening.
        dating: Knows the days.

    Attributes:
        opens: How often a link was opened.

    Raises:
        ReceiverError: The port can never be a receiver's.
    """

    def __init__(self, port: str, baud: int, dating: Dating) -> None:
        address = parse_port(port)
        self._source: Source
        if isinstance(address, SerialAddress):
            self._source = SerialSource(address.pattern)
            self._watch = Watch(RateSearch((baud,) if baud else BAUDS))
            self._asks_gpsd, self._gpsd_device = False, ""
        else:
            self._source = TcpSource(address.host, address.port)
            self._watch = Watch(RateSearch((0,)))
            self._asks_gpsd, self._gpsd_device = address.is_gpsd, address.device
        self._nmea = NmeaDecoder(dating)
        self._gpsd = GpsdDecoder(dating)
        self._decoder: NmeaDecoder | GpsdDecoder = self._nmea
        self.opens = 0
        self._link: Link | None = None
        self._open_at_s = 0.0
        self._early: Link | None = None
        with suppress(LinkError):  # which the first `read` will find again, and tell
            # What comes from now on is not lost: opening a serial device empties its queue.
            self._early = self._source.open(self._watch.baud)
        self._name_check_at_s = 0.0
        self._told: ReceiverState | None = None

    @property
    def state(self) -> ReceiverState:
        """How the receiver is."""
        return self._watch.state

    @property
    def reason(self) -> str:
        """How the receiver is, for people."""
        return self._watch.reason

    @property
    def hears(self) -> bool:
        """Whether what it says is understood."""
        return self.state is ReceiverState.RECEIVING

    @property
    def sentences(self) -> int:
        """Sentences with a right checksum, and reports of gpsd, so far."""
        return self._nmea.sentences + self._gpsd.sentences

    @property
    def rejects(self) -> dict[str, int]:
        """What was neither so far, by kind."""
        counted = [*self._nmea.rejects.items(), *self._gpsd.rejects.items()]
        return {str(kind): count for kind, count in counted}

    @property
    def unfixed(self) -> Counter[Unfixed]:
        """Instants that became no fix so far, by reason."""
        return self._nmea.unfixed + self._gpsd.unfixed

    def fileno(self) -> int | None:
        """Return what to wait on for bytes; None while nothing is open."""
        return None if self._link is None else self._link.fileno()

    def due_s(self) -> float:
        """Return when to call `read` although no bytes have come."""
        due_s = self._open_at_s if self._link is None else self._watch.due_s()
        quiet_at_s = self._decoder.quiet_at_s()
        return due_s if quiet_at_s is None else min(due_s, quiet_at_s)

    def read(self, now_s: float) -> list[MadeFix]:
        """Take what has come, without waiting, and do what is due; return the fixes.

        Args:
            now_s: Monotonic seconds.
        """
        return [item for item in self.items(now_s) if isinstance(item, MadeFix)]

    def items(self, now_s: float) -> list[bytes | MadeFix]:
        """Do as `read` does; return the sentences too, or gpsd's lines, in their order."""
        if self._link is None:
            self._open(now_s)
        items = self._take_in(now_s)
        if self._link is not None and now_s >= self._name_check_at_s:
            self._check_name(self._link, now_s)
        self._tell()
        return items

    def finish(self, now_s: float) -> list[MadeFix]:
        """Take what is left to be read, and that no more will be; return the fixes."""
        fixes: list[MadeFix] = []
        for _ in range(_LAST_READS):
            data = self._received(now_s)
            if not data:
                break
            fixes += self._decoder.feed(data, now_s)
        return fixes + self._decoder.close()

    def close(self) -> None:
        """Close the link."""
        self._source.close()
        if self._early is not None:
            self._early.close()
            self._early = None
        self._unlink(0.0)

    def _open(self, now_s: float) -> None:
        if now_s < self._open_at_s:
            return
        try:
            link = self._early or self._source.open(self._watch.baud)
        except LinkError as error:
            self._lose(error, now_s)
            return
        self._early = None
        if link is None:
            self._watch.connecting()
            self._open_at_s = now_s + _CONNECTING_POLL_S
            return
        self._link = link
        self.opens += 1
        self._name_check_at_s = now_s + _NAME_CHECK_S
        self._decoder = self._nmea
        self._watch.opened(link.name, now_s, sentences=self._nmea.sentences)
        if self._asks_gpsd:
            self._ask_gpsd(now_s)

    def _take_in(self, now_s: float) -> list[bytes | MadeFix]:
        data = self._received(now_s)
        if not data:
            if self._link is not None:
                self._do(self._watch.tick(now_s), now_s)
            return list(self._decoder.quiet(now_s))
        items = list(self._decoder.items(data, now_s))
        step = self._watch.heard(data, self._decoder.sentences, now_s)
        self._do(step, now_s)
        if step is Step.ASK_GPSD:
            items += self._gpsd.items(data, now_s)
        return items

    def _received(self, now_s: float) -> bytes:
        if self._link is None:
            return b""
        try:
            return self._link.read()
        except LinkError as error:
            self._lose(error, now_s)
            return b""

    def _do(self, step: Step | None, now_s: float) -> None:
        if step is None or self._link is None:
            return
        if step is Step.ASK_GPSD:
            self._ask_gpsd(now_s)
        elif step is Step.REOPEN:
            self._source.next()
            self._reopen(now_s)
        elif step is Step.NEXT_DEVICE and self._source.next():
            self._reopen(now_s)
        else:
            try:
                self._link.set_baud(self._watch.baud)
            except LinkError as error:
                self._lose(error, now_s)

    def _ask_gpsd(self, now_s: float) -> None:
        self._decoder = self._gpsd
        self._watch.found_gpsd(self._gpsd.sentences)
        try:
            if self._link is not None:
                self._link.write(watch_command(self._gpsd_device))
        except LinkError as error:
            self._lose(error, now_s)

    def _check_name(self, link: Link, now_s: float) -> None:
        self._name_check_at_s = now_s + _NAME_CHECK_S
        if link.is_renamed():
            reason = f"{link.name} is another device now, or none"
            self._watch.failed(LinkError(ReceiverState.GONE, reason))
            self._tell()
            self._reopen(now_s)

    def _reopen(self, now_s: float) -> None:
        self._unlink(now_s)
        self._open(now_s)

    def _lose(self, error: LinkError, now_s: float) -> None:
        self._watch.failed(error)
        self._unlink(now_s + REOPEN_S)

    def _unlink(self, open_at_s: float) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        self._open_at_s = open_at_s

    def _tell(self) -> None:
        """Log what has become of the receiver, once."""
        state = self.state
        if state is self._told or state in _PASSING:
            return
        self._told = state
        level = logging.INFO if self.hears else logging.WARNING
        _log.log(level, "The receiver is %s. reason=%s", state, self.reason)
