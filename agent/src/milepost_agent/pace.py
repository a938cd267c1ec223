"""The pace of ticks: when the unit commits and sends.

A tick comes every few seconds while the vehicle moves and seldom while it is parked, and at once
when something has happened that cannot wait. Each tick sends, unless messages are to be few: then
one goes after some seconds, with all that was committed meanwhile, and what remains of a backlog
goes on with it. Time is an argument.
"""

from math import inf


class Pace:
    """Says when the next tick is due.

    Args:
        tick_s: Seconds between ticks while moving.
        parked_tick_s: The same while parked.
        send_every_s: Seconds between messages, at least; 0: one with each tick.
        now_s: Monotonic seconds.

    Attributes:
        due_s: When the next tick is due.
    """

    def __init__(
        self, tick_s: float, parked_tick_s: float, send_every_s: float, now_s: float
    ) -> None:
        self._tick_s = tick_s
        self._parked_tick_s = max(parked_tick_s, tick_s)
        self._send_every_s = send_every_s
        self._send_at_s = self._live_at_s = now_s
        self._last_s = now_s
        self.due_s = now_s + tick_s

    def hurry(self, *, send: bool = False) -> None:
        """Let the next tick come at once; also where messages are few, if it is to `send`."""
        self.due_s = -inf
        if send:
            self.send_now()

    def send_now(self) -> None:
        """Let messages go from now on, also where they are few."""
        self._send_at_s = self._live_at_s = -inf

    def may_send(self, now_s: float) -> bool:
        """Say whether messages may go now."""
        return now_s >= self._send_at_s

    def may_send_live(self, now_s: float) -> bool:
        """Say whether the newest position may go with a message now, and take it as gone."""
        if now_s < self._live_at_s:
            return False
        self._live_at_s = now_s + self._send_every_s
        return True

    def sent(self, now_s: float) -> None:
        """What there was to send is stored: no message for a while."""
        self._send_at_s = now_s + self._send_every_s

    def ticked(self, now_s: float, *, parked: bool) -> None:
        """A tick has come; the next one keeps its distance to it where the loop kept up."""
        tick_s = self._parked_tick_s if parked else self._tick_s
        late = now_s - self.due_s
        self._last_s = now_s
        self.due_s = (self.due_s if 0 <= late < tick_s else now_s) + tick_s

    def as_moving(self) -> None:
        """Wait no longer than a moving vehicle does."""
        self.due_s = min(self.due_s, self._last_s + self._tick_s)
