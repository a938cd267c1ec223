"""When each piece of a recording is played, from the times that its sentences carry.

In flow the stamps of all pieces in their order, out flow seconds on the recording's own clock, on
which the first fix is at 0. They never fall.

What is believed, and why:

1. A sentence with a fix carries true time. Between two of them the whole difference is played,
   however long the hole.
2. A receiver without a fix shows the clock it has, which may be right, or be that of its factory
   (1980-01-05 23:59:42 is common). Its time is believed where it lies between the fixes around it.
   A time that does not is still a ticking clock: its small steps are played.
3. Before the first fix and after the last one there is only one side, so that a time must lie
   within an hour.
4. A time at or before the one played last waits for nothing. Where a fix falls back by more than a
   minute (two recordings glued together), or leaps by more than a month (a receiver that repaired
   its week number), the clock was set: play goes on from where it is.

Dates are those of RMC with a fix; a recording without any gives those of ZDA and RMC as they come.
A time of day without a date is the nearest instant that has it, so midnight needs no care.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost_firmware_sim.sentence import DAY_S, Stamp

UNSEEN_HOLE_S = 3600.0
TICK_S = 10.0
BACKWARD_S = 60.0
LONGEST_HOLE_S = 30 * 86_400.0
# Sentences of one epoch carry the same time, or nearly.
_SAME_EPOCH_S = 1.5


@dataclass(frozen=True, slots=True)
class Pace:
    """When every piece is played.

    Attributes:
        origin_s: The instant, in Unix seconds, that the recording gives for its first fix (without
            any fix, for its first time; without any time, 0).
        times_s: For every piece its time after the origin in seconds; never falling. Negative
            before the first fix.
    """

    origin_s: float
    times_s: tuple[float, ...]


def pace_of(stamps: Sequence[Stamp | None]) -> Pace:
    """Lay all pieces of a recording on one clock; a stamp is None where a piece has no time."""
    timed = [(at, stamp) for at, stamp in enumerate(stamps) if stamp is not None]
    anchors = [(at, stamp) for at, stamp in timed if stamp.has_fix] or timed[:1]
    if not anchors:
        return Pace(0.0, (0.0,) * len(stamps))
    instants = _instants(stamps, anchors)
    origin_s = instants[0]
    times = _head(stamps, anchors[0][0], origin_s)
    walk = _Walk(stamps, origin_s, times)
    ends = [at for at, _ in anchors[1:]] + [len(stamps)]
    for (at, _), instant, end, following in zip(
        anchors, instants, ends, [*instants[1:], None], strict=True
    ):
        walk.anchor(instant)
        walk.fill(at + 1, end, following)
    return Pace(origin_s, tuple(time_s - origin_s for time_s in times))


def nearest_s(second: float, around_s: float) -> float:
    """Return the instant nearest to `around_s` whose time of day is `second`."""
    days = round((around_s - second) / DAY_S)
    return days * DAY_S + second


def _instants(stamps: Sequence[Stamp | None], anchors: list[tuple[int, Stamp]]) -> list[float]:
    """Date the fixes: by their own date, by that of their epoch, else by the fix before."""
    following = _following_dated(stamps, anchors)
    instants: list[float] = []
    for (_, stamp), dated_s in zip(anchors, following, strict=True):
        second = stamp.second_of_day
        if dated_s is None:
            instants.append(nearest_s(second, instants[-1]) if instants else second)
            continue
        instant = nearest_s(second, dated_s)
        if instants and abs(instant - dated_s) > _SAME_EPOCH_S:
            instant = nearest_s(second, instants[-1])
        instants.append(instant)
    return instants


def _following_dated(
    stamps: Sequence[Stamp | None], anchors: list[tuple[int, Stamp]]
) -> list[float | None]:
    """For every anchor, the instant of the first believed date at or after it."""
    with_fix = any(stamp and stamp.has_fix and stamp.day is not None for stamp in stamps)
    found: list[float | None] = []
    dated_s: float | None = None
    waiting = [at for at, _ in anchors]
    for at in range(len(stamps) - 1, waiting[0] - 1, -1):
        stamp = stamps[at]
        if stamp is not None and stamp.day is not None and (stamp.has_fix or not with_fix):
            dated_s = stamp.day * DAY_S + stamp.second_of_day
        if waiting and waiting[-1] == at:
            waiting.pop()
            found.append(dated_s)
    return found[::-1]


def _candidates(stamp: Stamp, around_s: float) -> list[float]:
    """Instants that a stamp may mean: by its date, and by its time of day alone."""
    by_clock = nearest_s(stamp.second_of_day, around_s)
    if stamp.day is None:
        return [by_clock]
    return [stamp.day * DAY_S + stamp.second_of_day, by_clock]


def _head(stamps: Sequence[Stamp | None], first: int, origin_s: float) -> list[float]:
    """Time the pieces before the first fix, where their times lead up to it."""
    believed: list[float | None] = []
    for stamp in stamps[:first]:
        options = _candidates(stamp, origin_s) if stamp else []
        near = [one for one in options if origin_s - UNSEEN_HOLE_S <= one <= origin_s]
        believed.append(near[0] if near else None)
    current = next((one for one in believed if one is not None), origin_s)
    times: list[float] = []
    for one in believed:
        current = max(current, current if one is None else one)
        times.append(current)
    return times


class _Walk:
    """Goes through a recording from its first fix on, appending the time of each piece."""

    def __init__(self, stamps: Sequence[Stamp | None], origin_s: float, times: list[float]) -> None:
        self._stamps = stamps
        self._times = times
        self._current = origin_s
        self._set_by = 0.0
        self._ticked: float | None = None

    def anchor(self, instant: float) -> None:
        """Append the piece of a fix at the recorded instant, in Unix seconds."""
        self._current, self._set_by = self._placed(instant)
        self._times.append(self._current)
        self._ticked = None

    def fill(self, begin: int, end: int, following: float | None) -> None:
        """Append the pieces up to the next fix, at the instant `following`; None after the last."""
        latest = None if following is None else self._placed(following)[0]
        for stamp in self._stamps[begin:end]:
            if stamp is not None:
                self._follow(stamp, latest)
            self._times.append(self._current)

    def _placed(self, instant: float) -> tuple[float, float]:
        """Return the time at which a fix is played, and how far the clock is set from it."""
        set_by = 0.0 if abs(instant - self._current) <= BACKWARD_S else self._set_by
        time_s = instant + set_by
        if self._current - BACKWARD_S <= time_s <= self._current + LONGEST_HOLE_S:
            return max(time_s, self._current), set_by
        return self._current, self._current - instant

    def _follow(self, stamp: Stamp, latest: float | None) -> None:
        bound = self._current + UNSEEN_HOLE_S if latest is None else latest
        for candidate in _candidates(stamp, self._current - self._set_by):
            time_s = candidate + self._set_by
            if self._current - BACKWARD_S <= time_s <= bound:
                self._current = max(self._current, time_s)
                self._ticked = stamp.second_of_day
                return
        if self._ticked is not None:
            step_s = (stamp.second_of_day - self._ticked) % DAY_S
            if step_s <= TICK_S:
                self._current = min(self._current + step_s, bound)
        self._ticked = stamp.second_of_day
