"""One instant, one fix: joins the sentences that a receiver sends about the same moment.

In flow readings in the order of the line, out flow fixes. An instant is closed by the first
sentence of another one, by its last sentence where the order of the cycle is known, or by the
caller when the line has been quiet. Time comes from the sentences only, dates from `dating`.

Invariants:
- An instant that any of its sentences calls void is no fix; nor is one without position or date.
- A sentence that leaves its time empty never spoils an instant whose time is known.
- Times that differ are of different instants: one that is written without a fraction excepted.
- No instant becomes a fix twice, also when the line repeats or splices it. A clock that is set
  back is no repetition: a receiver that runs ahead by the leap seconds does so once, minutes after
  a cold start, and the places that follow are new.
- A sentence that comes after its instant was closed makes no second fix. It is counted, and what
  it says of altitude and quality is carried to the next fix.
"""

from collections import Counter
from enum import StrEnum
from typing import NamedTuple

from milepost_schemas.dating import Dated, Dating, Undatable
from milepost_schemas.fix import Fix
from milepost_schemas.nmea.instant import UNTIMED, Instant
from milepost_schemas.nmea.measured import Measured, Measurer
from milepost_schemas.nmea.order import SentenceOrder
from milepost_schemas.nmea.sentence import Reading
from milepost_schemas.nmea.values import Position

# A silence of the receiver of more than this, or anything void, leaves a hole in the track.
HOLE_S = 5.0

# Enough to see through a line that repeats or splices its last minutes; and a clock that was set
# back is not set back again within so many fixes.
_REMEMBERED_FIXES = 256

# Places nearer than this (1 m of latitude) are the same place, written by another sentence.
_SAME_PLACE_DEG = 1e-5


class Unfixed(StrEnum):
    """Why an instant became no fix."""

    VOID = "void"
    UNDATED = "undated"
    REFUSED_DATE = "refused_date"
    REPEATED = "repeated"


_UNFIXED = {Undatable.NO_DATE: Unfixed.UNDATED, Undatable.REFUSED: Unfixed.REFUSED_DATE}


class MadeFix(NamedTuple):
    """A fix, and what the track before it was like.

    Attributes:
        fix: What was measured, at the resolution that travels.
        hole: The receiver was silent or without a fix before it.
        read_s: When its first line was read; monotonic seconds.
        measured: The same, not rounded.
    """

    fix: Fix
    hole: bool
    read_s: float
    measured: Measured


class EpochJoiner:
    """Joins readings into fixes.

    Attributes:
        unfixed: Instants that became no fix, by reason.
        late: Sentences that came after their instant was closed.
        again: Sentences that said an instant again: a line that is sent twice, two receivers, one
            sentence for each satellite system, or times to the second at more than 1 Hz.
    """

    def __init__(self, dating: Dating, order: SentenceOrder | None = None) -> None:
        """Make a joiner.

        Args:
            dating: Knows the days.
            order: Learns when an instant is complete. Without it only the next instant's first
                sentence, or the caller, closes an instant, as is right for a file.
        """
        self.unfixed: Counter[Unfixed] = Counter()
        self.late = 0
        self.again = 0
        self._dating = dating
        self._order = order
        self._measurer = Measurer()
        self._open: Instant | None = None
        self._closed: Instant | None = None
        self._closed_by_quiet = False
        self._recent: dict[int, Position] = {}
        self._fixes_since_set_back = _REMEMBERED_FIXES
        self._last_time_ms: int | None = None
        self._void_since_fix = False
        self._valid = False

    @property
    def is_open(self) -> bool:
        """Whether an instant is open, which a quiet line would close."""
        return self._open is not None

    def add(self, reading: Reading, read_s: float) -> MadeFix | None:
        """Take a reading; return the fix of the instant that it closes, if there is one.

        Args:
            reading: What a sentence said.
            read_s: When its line was read; monotonic seconds.
        """
        made = None
        instant = self._open
        if reading.type not in UNTIMED and instant is not None and not instant.is_of(reading):
            made = self._close(instant)
            instant = None
        if (instant is None or not instant.timed) and self._is_late(reading):
            return made
        if instant is None:
            instant = self._open = Instant(reading, read_s)
        elif not instant.hold(reading):
            self.again += 1
            return made
        if made is None and self._is_whole(instant):
            made = self._close(instant)
        return made

    def close(self) -> MadeFix | None:
        """Close the open instant, because the line is quiet or has ended."""
        if self._open is None:
            return None
        made = self._close(self._open)
        self._closed_by_quiet = True
        return made

    def _is_whole(self, instant: Instant) -> bool:
        end = None if self._order is None else self._order.end
        if end is None or end[0] != instant.last:
            return False
        return instant.claimed and end == instant.end

    def _is_late(self, reading: Reading) -> bool:
        """Take a sentence of the instant that was closed last, while no other has a time."""
        closed, order = self._closed, self._order
        if closed is None or order is None:
            return False
        if reading.type in UNTIMED:
            if self._open is not None or order.can_begin(reading.type):
                return False
        elif reading.time_of_day_ms is None or not closed.is_of(reading):
            return False
        if self._open is not None:
            self.late += len(self._open.held)
            self._open = None
        if not closed.hold(reading):
            self.again += 1
            return True
        self.late += 1
        if closed.fix_ms is not None:
            order.was_late(after_quiet=self._closed_by_quiet)
            self._measurer.take(reading, closed.fix_ms)
        return True

    def _close(self, instant: Instant) -> MadeFix | None:
        self._open = None
        if not instant.claimed:
            self._hear_date(instant)
            return None
        if self._order is not None:
            self._order.learn(instant.held, instant.end)
        self._closed = instant
        self._closed_by_quiet = False
        position = instant.position
        self._valid = position is not None and not instant.void
        if position is None or instant.void:
            self._without_fix(Unfixed.VOID)
            return None
        dated = self._dated(instant)
        if isinstance(dated, Unfixed):
            self._without_fix(dated)
            return None
        if dated.time_ms in self._recent and self._is_repeated(dated.time_ms, position):
            self.unfixed[Unfixed.REPEATED] += 1
            return None
        return self._made(position, dated, instant)

    def _hear_date(self, instant: Instant) -> None:
        # A ZDA may run ahead of its instant (by 2 s in an Ashtech AC12). While there is no fix its
        # date is that of a clock that may have stood still since the last drive.
        if self._valid and instant.day is not None:
            self._dated(instant)

    def _dated(self, instant: Instant) -> Dated | Unfixed:
        if instant.time_of_day_ms is None:
            return Unfixed.UNDATED
        dated = self._dating.date(instant.day, instant.time_of_day_ms, instant.read_s)
        return _UNFIXED[dated] if isinstance(dated, Undatable) else dated

    def _is_repeated(self, time_ms: int, position: Position) -> bool:
        before = self._recent[time_ms]
        off_deg = max(abs(a - b) for a, b in zip(before, position, strict=True))
        if time_ms == self._last_time_ms or off_deg < _SAME_PLACE_DEG:
            return True
        if self._fixes_since_set_back < _REMEMBERED_FIXES:
            return True
        self._recent.clear()
        self._fixes_since_set_back = 0
        return False

    def _made(self, position: Position, dated: Dated, instant: Instant) -> MadeFix:
        time_ms = instant.fix_ms = dated.time_ms
        last_ms, self._last_time_ms = self._last_time_ms, time_ms
        hole = self._void_since_fix
        if last_ms is not None and abs(time_ms - last_ms) > HOLE_S * 1000:
            hole = True
            self._measurer.forget()
        self._void_since_fix = False
        self._fixes_since_set_back += 1
        self._recent[time_ms] = position
        if len(self._recent) > _REMEMBERED_FIXES:
            del self._recent[next(iter(self._recent))]
        measured = self._measurer.measure(position, instant.held, time_ms)
        fix = measured.as_fix(time_ms, date_repaired=dated.repaired)
        return MadeFix(fix, hole, instant.read_s, measured)

    def _without_fix(self, reason: Unfixed) -> None:
        self.unfixed[reason] += 1
        self._measurer.forget()
        # Before the first fix there is no track that could have a hole.
        self._void_since_fix = self._last_time_ms is not None
