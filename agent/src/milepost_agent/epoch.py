"""One instant, one fix: joins the sentences that a receiver sends about the same moment.

In flow readings in the order of the line, out flow fixes. An instant is closed by the first
sentence of another one, or by the caller when the line has been quiet. Time comes from the
sentences only.

Invariants:
- An instant that any of its sentences calls void is no fix; nor is one without position or date.
- A sentence that leaves its time empty never spoils an instant whose time is known.
- No instant becomes a fix twice, also when the line repeats or splices it.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from milepost_agent.sentence import Reading
from milepost_schemas.fix import Fix, FixKind

_DAY_MS = 86_400_000
_UNIX_DAY = date(1970, 1, 1)

# A silence of the receiver of more than this, or anything void, leaves a hole in the track.
HOLE_S = 5.0

# Enough to see through a line that repeats or splices its last minutes.
_REMEMBERED_INSTANTS = 256

# The order in which sentences are asked for a value that several of them state.
_PRECEDENCE = ("RMC", "GGA", "GLL", "VTG", "GSA")


class Unfixed(StrEnum):
    """Why an instant became no fix."""

    VOID = "void"
    UNDATED = "undated"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class MadeFix:
    """A fix, and what the track before it was like.

    Attributes:
        fix: What was measured.
        hole: The receiver was silent or without a fix before it.
        read_s: When its first line was read; monotonic seconds.
    """

    fix: Fix
    hole: bool
    read_s: float


@dataclass(slots=True)
class _Instant:
    read_s: float
    time_of_day_ms: int | None = None
    readings: list[Reading] = field(default_factory=list)

    def is_of(self, reading: Reading) -> bool:
        """Whether a reading can be of this instant.

        A GSA or VTG has no time and belongs where it stands. RMC, GGA and GLL do have one, and
        leave it empty while the receiver has no fix: that is said of an instant without a fix only.
        """
        timed = [held for held in self.readings if held.is_timed]
        if not reading.is_timed or not timed:
            return True
        if reading.time_of_day_ms is None or self.time_of_day_ms is None:
            return reading.valid is False and timed[0].valid is False
        return reading.time_of_day_ms == self.time_of_day_ms


class EpochJoiner:
    """Joins readings into fixes.

    Attributes:
        unfixed: Instants that became no fix, by reason.
    """

    def __init__(self) -> None:
        self.unfixed: Counter[Unfixed] = Counter()
        self._open: _Instant | None = None
        self._day: date | None = None
        self._last_time_of_day_ms = 0
        self._recent: deque[int] = deque(maxlen=_REMEMBERED_INSTANTS)
        self._last_time_ms: int | None = None
        self._void_since_fix = False

    def add(self, reading: Reading, read_s: float) -> MadeFix | None:
        """Take a reading; return the fix of the instant that it closes, if there is one.

        Args:
            reading: What a sentence said.
            read_s: When its line was read; monotonic seconds.
        """
        made = None
        if self._open is not None and not self._open.is_of(reading):
            made = self.close()
        if self._open is None:
            self._open = _Instant(read_s)
        if reading.time_of_day_ms is not None:
            self._open.time_of_day_ms = reading.time_of_day_ms
        self._open.readings.append(reading)
        return made

    def close(self) -> MadeFix | None:
        """Close the open instant, because another begins or the line is quiet."""
        instant, self._open = self._open, None
        if instant is None or not any(reading.is_timed for reading in instant.readings):
            return None
        day = self._dated(instant)
        fix = _joined(instant.readings)
        if fix is None or any(reading.valid is False for reading in instant.readings):
            self._without_fix(Unfixed.VOID)
            return None
        if day is None or instant.time_of_day_ms is None:
            self._without_fix(Unfixed.UNDATED)
            return None
        time_ms = (day - _UNIX_DAY).days * _DAY_MS + instant.time_of_day_ms
        if time_ms in self._recent:
            self.unfixed[Unfixed.REPEATED] += 1
            return None
        return self._made(replace(fix, time_ms=time_ms), instant.read_s)

    def _made(self, fix: Fix, read_s: float) -> MadeFix:
        last_ms = self._last_time_ms
        silent = last_ms is not None and abs(fix.time_ms - last_ms) > HOLE_S * 1000
        made = MadeFix(fix, hole=silent or self._void_since_fix, read_s=read_s)
        self._recent.append(fix.time_ms)
        self._last_time_ms = fix.time_ms
        self._void_since_fix = False
        return made

    def _without_fix(self, reason: Unfixed) -> None:
        self.unfixed[reason] += 1
        # Before the first fix there is no track that could have a hole.
        self._void_since_fix = self._last_time_ms is not None

    def _dated(self, instant: _Instant) -> date | None:
        time_of_day_ms = instant.time_of_day_ms
        if time_of_day_ms is None:
            return None
        said = next((reading.day for reading in instant.readings if reading.day), None)
        if said is not None:
            self._day = said
        elif self._day is not None and time_of_day_ms < self._last_time_of_day_ms - _DAY_MS // 2:
            self._day += timedelta(days=1)
        self._last_time_of_day_ms = time_of_day_ms
        return self._day


def _joined(readings: list[Reading]) -> Fix | None:
    """Join what the sentences say, at an instant still to be dated; None without a position."""
    ranked = sorted(readings, key=lambda reading: _PRECEDENCE.index(reading.type))
    placed = next((reading for reading in ranked if reading.lat_e6 is not None), None)
    if placed is None or placed.lat_e6 is None or placed.lon_e6 is None:
        return None
    return Fix(
        time_ms=0,
        lat_e6=placed.lat_e6,
        lon_e6=placed.lon_e6,
        altitude_dm=_first(ranked, "altitude_dm"),
        speed_dmps=_first(ranked, "speed_dmps"),
        course_deg=_first(ranked, "course_deg"),
        hdop_tenths=_first(ranked, "hdop_tenths"),
        satellites=_first(ranked, "satellites"),
        kind=_kind(ranked),
    )


def _first(ranked: list[Reading], name: str) -> int | None:
    for reading in ranked:
        value: int | None = getattr(reading, name)
        if value is not None:
            return value
    return None


def _kind(ranked: list[Reading]) -> FixKind:
    """The most telling kind that any sentence states; a fix of which none is told is 2D."""
    return max((r.kind for r in ranked if r.kind is not None), default=FixKind.TWO_D)
