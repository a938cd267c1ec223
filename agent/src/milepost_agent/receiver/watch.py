"""The watch over an open link: is anything heard, is it understood, and what is to be done. Pure.

In flow what came and when, out flow the state for people, and steps for the one who holds the link.
What bytes are is judged only while none of them are understood.
"""

from enum import Enum, auto

from milepost_agent.receiver.link import LinkError, RateError, ReceiverState
from milepost_agent.receiver.listening import HEARD_BYTES, RateSearch, Speech, judge

# As much silence is a fault; more, where the receiver's own pauses are longer.
SILENT_S = 4.0
LONGEST_SILENT_S = 10.0
_PAUSE_MARGIN = 1.25

# What was found wrong is told until a sentence comes; opening and waiting are no news.
_WRONG = frozenset(
    {
        ReceiverState.SILENT,
        ReceiverState.GARBAGE,
        ReceiverState.FOREIGN,
        ReceiverState.GONE,
        ReceiverState.BUSY,
        ReceiverState.NO_PERMISSION,
    }
)


class Step(Enum):
    """What is to be done with the link."""

    REOPEN = auto()  # open it anew, the next device of the name if there are several
    NEXT_DEVICE = auto()  # the same, but only if there are several
    SET_BAUD = auto()
    ASK_GPSD = auto()  # the other side is gpsd


class Watch:
    """Watches a link.

    Args:
        search: Which rate to listen at; the rate 0 is that of links that have none.

    Attributes:
        state: How the receiver is.
        reason: The same for people.
    """

    def __init__(self, search: RateSearch) -> None:
        self.state = ReceiverState.CONNECTING
        self.reason = "nothing is open yet"
        self._search = search
        self._name = ""
        self._speaks_gpsd = False
        self._understands = False
        self._ear = b""
        self._sentences = 0
        self._heard_s = 0.0
        self._understood_s = 0.0
        self._longest_pause_s = 0.0
        self._try_until_s: float | None = None

    @property
    def baud(self) -> int:
        """The rate to listen at; 0 where there is none."""
        return self._search.baud

    def connecting(self) -> None:
        """A link is being opened."""
        if self.state not in _WRONG:
            self.state, self.reason = ReceiverState.CONNECTING, "connecting"

    def failed(self, error: LinkError) -> None:
        """A link could not be opened, or broke."""
        self.state, self.reason = error.state, error.reason
        self._understands = False
        if isinstance(error, RateError):
            self._search.next()

    def opened(self, name: str, now_s: float, *, sentences: int) -> None:
        """A link is open.

        Args:
            name: Of the link, for people.
            now_s: Monotonic seconds, here and below.
            sentences: How many were understood so far.
        """
        self._name = name
        self._sentences = sentences
        self._speaks_gpsd = False
        self._understands = False
        self._ear = b""
        self._heard_s = self._understood_s = now_s
        if not self._search.is_over and self._try_until_s is None:
            self._begin_try(now_s)
        if self.state in (ReceiverState.SILENT, ReceiverState.GARBAGE, ReceiverState.FOREIGN):
            return
        if self._search.is_over:
            self.state, self.reason = ReceiverState.OPEN, f"{name} is open; nothing heard yet"
        else:
            self._tell_listening()

    def found_gpsd(self, reports: int) -> None:
        """The other side is gpsd: from now on its reports are counted, which were so many."""
        self._speaks_gpsd = True
        self._sentences = reports
        self._ear = b""

    def due_s(self) -> float:
        """Return when to call `tick` at the latest."""
        until_s = self._try_until_s
        return self._silent_at_s if until_s is None else min(self._silent_at_s, until_s)

    def heard(self, data: bytes, sentences: int, now_s: float) -> Step | None:
        """Take what came; return what is to be done.

        Args:
            data: One or more bytes.
            sentences: How many sentences, or reports of gpsd, were understood so far.
            now_s: When it was read.
        """
        understood = sentences > self._sentences
        self._sentences = sentences
        if self._speaks_gpsd and not understood:
            return None  # gpsd greets also when it has no receiver
        self._heard_s = now_s
        if understood:
            self._understand(now_s)
            return None
        if self._understands:
            if now_s - self._understood_s < self._silent_s:
                return None
            self._understands = False
            self.state = ReceiverState.GARBAGE
            self.reason = f"no sentence any more{self._at_baud} from {self._name}"
            if not self._search.is_fixed:
                self._begin_try(now_s)
        elif self.state is ReceiverState.SILENT:
            self._tell_listening()
        self._ear = (self._ear + data)[-HEARD_BYTES:]
        step = self._judged(now_s)
        if step is None and self._try_until_s is not None and now_s >= self._try_until_s:
            return self._next_rate("no sentence", now_s)
        return step

    def tick(self, now_s: float) -> Step | None:
        """Take that nothing came until now; return what is to be done."""
        if now_s >= self._silent_at_s:
            self.state = ReceiverState.SILENT
            self.reason = f"{self._name} is open and says nothing"
            if self._speaks_gpsd:
                self.reason = f"gpsd at {self._name} reports nothing; it may have no receiver"
            self._understands = False
            self._heard_s = now_s
            return Step.REOPEN
        if self._try_until_s is not None and now_s >= self._try_until_s:
            return self._next_rate("no sentence", now_s)
        return None

    @property
    def _silent_at_s(self) -> float:
        return self._heard_s + self._silent_s

    @property
    def _silent_s(self) -> float:
        longer_s = min(self._longest_pause_s * _PAUSE_MARGIN, LONGEST_SILENT_S)
        return max(SILENT_S, longer_s)

    @property
    def _at_baud(self) -> str:
        return f" at {self.baud} baud" if self.baud else ""

    def _understand(self, now_s: float) -> None:
        pause_s, self._understood_s = now_s - self._understood_s, now_s
        if self._understands:
            if pause_s <= LONGEST_SILENT_S:
                self._longest_pause_s = max(self._longest_pause_s, pause_s)
            return
        self._understands = True
        self._ear = b""
        self._try_until_s = None
        self._search.found()
        what = "gpsd" if self._speaks_gpsd else "NMEA"
        self.state = ReceiverState.RECEIVING
        self.reason = f"{what}{self._at_baud} from {self._name}"

    def _judged(self, now_s: float) -> Step | None:
        speech = judge(self._ear)
        if speech is None:
            return None
        self._ear = b""
        if speech is Speech.GPSD:
            return Step.ASK_GPSD
        if speech is Speech.GARBAGE:
            if not self._search.is_fixed:
                return self._next_rate("garbage", now_s)
            self.state = ReceiverState.GARBAGE
            self.reason = f"garbage{self._at_baud} from {self._name}"
        else:
            self.state = ReceiverState.FOREIGN
            self.reason = f"{self._name} speaks {speech}{self._at_baud}, and not NMEA"
            if self._try_until_s is not None:
                self._try_until_s = now_s + SILENT_S  # the rate is right as long as it speaks so
        is_vain = now_s - self._understood_s >= SILENT_S
        return Step.NEXT_DEVICE if is_vain else None

    def _next_rate(self, heard: str, now_s: float) -> Step:
        tried = self.baud
        is_round = self._search.next()
        self._ear = b""
        self._begin_try(now_s)
        if self.state is not ReceiverState.SILENT:
            self._tell_listening()
            self.reason += f"; {heard} at {tried}"
        return Step.NEXT_DEVICE if is_round else Step.SET_BAUD

    def _begin_try(self, now_s: float) -> None:
        self._try_until_s = now_s + self._search.try_s

    def _tell_listening(self) -> None:
        self.state = ReceiverState.LISTENING
        self.reason = f"listening{self._at_baud} to {self._name}"
