"""Dates of a receiver that speaks now: mended, refused and trusted.

What receivers do: firmware past its years says a date that is a multiple of 1024 weeks too early.
Before its first fix a receiver says the start of GPS (1980-01-06), the day that its firmware was
built, or what its own battery-backed clock remembers. A receiver that sends GGA only never says a
date. The wall clock of a unit without a battery is no help, so it is not asked.

Invariants:
- I1 The floor: the true time is not before the day on which this package was built, nor before the
  last word of the server. A date is mended by the fewest 1024-week steps that bring it to the floor
  less 400 days or later. The slack admits recordings that are played to a live unit.
- I2 With server time heard in the last 6 hours of this boot, no date is more than a day after now
  or 400 days before it (a unit whose dates are all refused sends nothing and so hears nothing: a
  server's wrong word must end by itself). Without, none is more than 5 years after the floor: a
  date mended into the far future is a cold start's (1980 becomes 2038, 2013 becomes 2033). A unit
  meets its server far more often than each 5 years, and one that does not has its dates again as
  soon as the server speaks.
- I3 Trust: a line of dates that kept step with the monotonic counter for 10 minutes is trusted. A
  replay at another speed never is, so I4 refuses nothing of it.
- I4 While a line is trusted, an instant that neither keeps step with it nor goes on from the last
  one is refused: believed, one glitch of the receiver would send the vehicle through time. It is
  believed when the server's time confirms it, or when its own line has kept step for 10 minutes
  without the trusted one being heard in between. So a wrong line that was trusted first costs 10
  minutes of good fixes at most, never hours. Before trust, I4 refuses nothing.
- I5 Fixes raise the floor while they are trusted, and only then: the dates of a cold start wander
  and do not. That floor is revocable: dates that only it forbids may gain trust by I4 and replace
  it, and any word of the server does. The server's floor is never lowered by fixes.
- I6 The counter may jump or stop: a line that goes on by itself is not refused for it.
- I7 A time without a date belongs to the day that brings it nearest to now, as the counter carries
  it on from the receiver's last date, else from server time, else from what was known of this boot.
  Nothing known, no date.
"""

from dataclasses import dataclass
from datetime import date

from milepost_agent.dating.step import Moment, Steps
from milepost_schemas.dating.dated import (
    DAY_MS,
    LATE_WITHOUT_SERVER_MS,
    SLACK_MS,
    Dated,
    Undatable,
    mended,
    nearest,
    unix_ms,
)

LATE_WITH_SERVER_MS = DAY_MS

# How long the server's word bounds dates.
SERVER_WORD_MS = 6 * 3_600_000

# How near to server time an instant is confirmed by it: acks are late by the network's delay.
CONFIRMED_MS = 600_000


@dataclass(frozen=True, slots=True)
class Known:
    """What a unit knows of the time, to be kept over a restart.

    Attributes:
        floor_ms: The floor that the build or the server set; Unix milliseconds.
        fixes_floor_ms: The floor that trusted fixes set, or None.
        boot_id: Names the boot in which `monotonic_s` counts.
        monotonic_s: The counter when this was written.
        server_ms: Server time at that moment, or None.
        fix_ms: The receiver's time at that moment, or None.
    """

    floor_ms: int
    fixes_floor_ms: int | None
    boot_id: str
    monotonic_s: float
    server_ms: int | None
    fix_ms: int | None


class LiveDating:
    """Dates of a receiver that speaks now.

    Args:
        build_day: When this package was built (`milepost_agent.BUILD_DAY`).
        boot_id: Names this boot; empty: unknown, and nothing is carried over from another run.
        known: What the run before knew; None: nothing.
        speed: Seconds of the domain in a second of the counter (`MILEPOST_CLOCK`); above 0.
    """

    def __init__(
        self, build_day: date, boot_id: str = "", known: Known | None = None, speed: float = 1.0
    ) -> None:
        self._boot_id = boot_id
        self._counter_ms_per_s = 1000 * speed
        self._server_word_ms = SERVER_WORD_MS * max(1.0, speed)
        self._confirmed_ms = CONFIRMED_MS * max(1.0, speed)
        self._steps = Steps(max(1.0, speed))
        self._build_ms = self._floor_ms = unix_ms(build_day, 0)
        self._fixes_floor_ms: int | None = None
        self._server: Moment | None = None
        self._last: Moment | None = None
        self._last_is_said = False  # the day of `_last` is the word of the receiver
        self._last_is_repaired = True
        if known is not None:
            self._restore(known)

    def date(self, day: date | None, time_of_day_ms: int, read_s: float) -> Dated | Undatable:
        """Date the next instant of the line; see `Dating`."""
        counter_ms = self._counter_ms(read_s)
        if day is None:
            return self._dated_near(time_of_day_ms, counter_ms)
        said_ms = unix_ms(day, time_of_day_ms)
        time_ms = self._plausible(
            said_ms, max(self._floor_ms, self._fixes_floor_ms or 0), counter_ms
        )
        contested = time_ms is None
        if time_ms is None:
            time_ms = self._plausible(said_ms, self._floor_ms, counter_ms)
        if time_ms is None:
            return Undatable.REFUSED
        moment, repaired = Moment(time_ms, counter_ms), time_ms != said_ms
        if not self._is_believed(moment, contested=contested):
            return Undatable.REFUSED
        self._last, self._last_is_said, self._last_is_repaired = moment, True, repaired
        return Dated(time_ms, repaired)

    def server_heard(self, time_ms: int, now_s: float) -> bool:
        """Take the time that the server says; return whether it can be true.

        A server whose clock stands more than 400 days before our own build is wrong, and to believe
        it would be to refuse every fix.

        Args:
            time_ms: Unix milliseconds.
            now_s: Monotonic seconds at which it came.
        """
        if time_ms < self._build_ms - SLACK_MS:
            return False
        self._server = Moment(time_ms, self._counter_ms(now_s))
        self._floor_ms = max(self._build_ms, time_ms)
        self._fixes_floor_ms = None
        if self._is_out_of_window(self._steps.held):
            self._steps.restart()
        if self._is_out_of_window(self._last):
            self._last, self._last_is_said = None, False
        return True

    def now_ms(self, now_s: float) -> int | None:
        """Return the best known time in Unix milliseconds; None while nothing is known."""
        guide = self._server or self._last
        return None if guide is None else guide.at(self._counter_ms(now_s))

    def known(self, now_s: float) -> Known:
        """Return what is known at this moment, to be kept."""
        counter_ms = self._counter_ms(now_s)
        return Known(
            floor_ms=self._floor_ms,
            fixes_floor_ms=self._fixes_floor_ms,
            boot_id=self._boot_id,
            monotonic_s=now_s,
            server_ms=None if self._server is None else self._server.at(counter_ms),
            fix_ms=None if self._last is None else self._last.at(counter_ms),
        )

    def _restore(self, known: Known) -> None:
        self._floor_ms = max(self._floor_ms, known.floor_ms)
        self._fixes_floor_ms = known.fixes_floor_ms
        if not self._boot_id or known.boot_id != self._boot_id:
            return
        counter_ms = self._counter_ms(known.monotonic_s)
        if known.server_ms is not None:
            self._server = Moment(known.server_ms, counter_ms)
        if known.fix_ms is not None:
            self._last = Moment(known.fix_ms, counter_ms)

    def _counter_ms(self, read_s: float) -> int:
        return round(read_s * self._counter_ms_per_s)

    def _plausible(self, said_ms: int, floor_ms: int, counter_ms: int) -> int | None:
        """Mend a date; None where the outcome cannot be (I1, I2)."""
        time_ms = mended(said_ms, floor_ms)
        if self._server is not None and self._is_fresh(self._server, counter_ms):
            fits = not self._is_out_of_window(Moment(time_ms, counter_ms))
        else:
            fits = time_ms <= floor_ms + LATE_WITHOUT_SERVER_MS
        return time_ms if fits else None

    def _is_fresh(self, server: Moment, counter_ms: int) -> bool:
        return counter_ms - server.counter_ms <= self._server_word_ms

    def _is_out_of_window(self, moment: Moment | None) -> bool:
        if moment is None or self._server is None:
            return False
        late_ms = moment.time_ms - self._server.at(moment.counter_ms)
        return not -SLACK_MS <= late_ms <= LATE_WITH_SERVER_MS

    def _is_believed(self, moment: Moment, *, contested: bool) -> bool:
        """Judge a plausible moment by the lines, and let it speak for its own (I3 to I5)."""
        steps = self._steps
        believed = not contested and not steps.contradicts(moment, self._last)
        if not believed and self._is_confirmed(moment):
            steps.restart()
            self._fixes_floor_ms = None
            believed, contested = True, False
        is_of_line = steps.learn(moment, contested=contested)
        if is_of_line and steps.trusted is not None:
            self._fixes_floor_ms = moment.time_ms
        return believed or is_of_line

    def _is_confirmed(self, moment: Moment) -> bool:
        return self._server is not None and self._server.off_ms(moment) <= self._confirmed_ms

    def _dated_near(self, time_of_day_ms: int, counter_ms: int) -> Dated | Undatable:
        """Date a time without a date (I7)."""
        guide, repaired = self._server, True
        if self._last is not None and (self._last_is_said or guide is None):
            guide, repaired = self._last, self._last_is_repaired
        if guide is None:
            return Undatable.NO_DATE
        time_ms = nearest(time_of_day_ms, guide.at(counter_ms))
        self._last, self._last_is_repaired = Moment(time_ms, counter_ms), repaired
        return Dated(time_ms, repaired)
