"""The sampler: keeps as few fixes as it can and loses nothing beyond a tolerance.

In flow the fixes of a receiver (or rows that were sampled before, to be thinned), in the order in
which they were made; out flow those to keep, each as soon as it is known. One pass, constant time
and memory a fix, no clock.

Invariants, moving or parked, whatever comes in:
- Every dropped fix can be rebuilt within the tolerance, at its own time, by interpolation between
  the kept ones around it: linear in time, latitude and longitude, the shorter way round in
  longitude. Altitude, speed and course are interpolated without a promise.
- Two kept fixes are no further apart in GPS time than the moving interval, or than the parked one
  if the vehicle was parked at both and stood in between, unless there was no fix between them.
- At once are kept: the first fix; both ends of a hole; the fix with which a stop or a start is
  known; both sides of a step of time that does not go forward; both sides of a change between
  measured and estimated positions, so that the measured ones keep their ends and their promise
  also for who leaves the estimated ones out.
- After every fix, what was kept and the `end` together hold these promises: a power cut costs what
  was not committed, never the window.
- The `stands_for` of the kept fixes and of the end add up to what came in.

Where the receiver states its speed, the stop that is kept is the first standing fix, and the start
is the first moving one; a parked vehicle's last standing fix is kept as well, because what reaches
into movement has the moving interval. Without a speed a stop is known some seconds after it began;
arrival is then rebuilt to within the tolerance.

Rejected: an opening window over the dropped fixes, whose cost grows with the window; and going back
to the last fix that the corridor admits when the newest is outside (1.5 % fewer fixes over the
recorded drives), since then the end does not rebuild the track, and a power cut costs the window.
"""

from dataclasses import dataclass
from math import inf

from milepost_agent.sampling.corridor import Corridor
from milepost_agent.sampling.motion import SHORT_SILENCE_S, Motion
from milepost_schemas.fix import Fix, FixKind

_ESTIMATED = FixKind.ESTIMATED


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """How much may be dropped.

    Attributes:
        tolerance_m: How far from its place a dropped fix may be rebuilt; metres, 0 keeps all.
        moving_interval_s: Longest GPS time between two kept fixes; seconds, above 0.
        parked_interval_s: The same while parked; seconds, above 0.
        parked_after_s: Standing for so long is parked; seconds, 0 or more.

    Raises:
        ValueError: A value is out of range; the message names it.
    """

    tolerance_m: float = 5.0
    moving_interval_s: float = 15.0
    parked_interval_s: float = 300.0
    parked_after_s: float = 180.0

    def __post_init__(self) -> None:
        for name in ("tolerance_m", "parked_after_s"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name} is {getattr(self, name)}, not 0 or more")
        for name in ("moving_interval_s", "parked_interval_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, not above 0")


@dataclass(frozen=True, slots=True)
class Sampled:
    """A fix to keep.

    Attributes:
        number: The caller's own number of the fix.
        fix: What was measured.
        stands_for: Raw fixes since the kept one before, this one included; 1 or more.
        hole: The receiver was silent or without a fix before this one.
    """

    number: int
    fix: Fix
    stands_for: int
    hole: bool


class Sampler:
    """Decides which fixes are kept.

    Attributes:
        turned: With the newest fix a stop or a start became known.
    """

    __slots__ = (
        *("_corridor", "_motion", "_moving_ms", "_parked_ms", "_moving_until_ms", "_until_ms"),
        *("_newest", "_number", "_dropped", "turned"),
    )

    def __init__(self, policy: SamplingPolicy) -> None:
        # To keep all is to have no time at all between two kept fixes.
        keeps_all = policy.tolerance_m == 0
        self._moving_ms = 0 if keeps_all else policy.moving_interval_s * 1000
        self._parked_ms = 0 if keeps_all else policy.parked_interval_s * 1000
        self._corridor = Corridor(policy.tolerance_m)
        self._motion = Motion(policy.parked_after_s)
        self.turned = False
        self._newest: Fix | None = None
        self._number = 0
        self._dropped = 0  # what the newest fix stands for while it is not kept, else 0
        self._moving_until_ms = 0.0  # when a fix must have been kept should movement begin
        self._until_ms = 0.0  # when a fix must have been kept should nothing begin

    @property
    def is_moving(self) -> bool:
        """Whether the vehicle does not stand, as far as is known."""
        return self._motion.is_moving

    @property
    def is_parked(self) -> bool:
        """Whether the vehicle has stood so long that the parked interval holds."""
        newest = self._newest
        return newest is not None and newest.time_ms >= self._motion.parked_from_ms

    def add(
        self, number: int, fix: Fix, *, hole: bool = False, stands_for: int = 1
    ) -> list[Sampled]:
        """Take the next fix; return what is kept with it, in order: mostly nothing.

        Args:
            number: The caller's own number of the fix.
            fix: What was measured.
            hole: The receiver was silent or without a fix before it.
            stands_for: Raw fixes that it stands for, itself included: more than 1 where the fixes
                were sampled before.
        """
        newest = self._newest
        time_ms = fix.time_ms
        if newest is None or hole or time_ms <= newest.time_ms:
            return self._begin_anew(number, fix, hole, stands_for)
        turned = self.turned = self._motion.take(fix)
        if (
            turned
            or time_ms > self._until_ms
            or (fix.kind is _ESTIMATED) is not (newest.kind is _ESTIMATED)
            or not self._corridor.narrow(fix)
        ):
            return self._go_on(newest, number, fix, stands_for)
        self._newest = fix
        self._number = number
        self._dropped += stands_for
        # Were the next fix as far away as the last one, it would come too late.
        if 2 * time_ms - newest.time_ms > self._until_ms:
            return [self._keep(fix)]
        return []

    def end(self) -> Sampled | None:
        """Return the newest fix as it would be kept were it the last; None where it is kept."""
        if self._newest is None or not self._dropped:
            return None
        return Sampled(self._number, self._newest, self._dropped, hole=False)

    def close(self) -> Sampled | None:
        """Keep the newest fix now, because recording ends or the policy changes.

        None where it is kept already. Fixes may be added afterwards all the same.
        """
        if self._newest is None or not self._dropped:
            return None
        return self._keep(self._newest)

    def _go_on(self, newest: Fix, number: int, fix: Fix, stands_for: int) -> list[Sampled]:
        """Take a fix to which the track cannot simply run on: keep what must be kept."""
        kept = []
        time_ms, turned = fix.time_ms, self.turned
        alike = (fix.kind is _ESTIMATED) is (newest.kind is _ESTIMATED)
        in_time = time_ms <= (self._moving_until_ms if turned else self._until_ms)
        reached = alike and in_time and self._corridor.narrow(fix)
        if not reached:
            if self._dropped:
                kept.append(self._keep(newest))
            reached = alike and self._corridor.narrow(fix)
        self._newest = fix
        self._number = number
        self._dropped += stands_for
        if turned or not reached or 2 * time_ms - newest.time_ms > self._until_ms:
            kept.append(self._keep(fix))
        return kept

    def _begin_anew(self, number: int, fix: Fix, hole: bool, stands_for: int) -> list[Sampled]:
        end = self.close()
        newest = self._newest
        if newest is not None and 0 < fix.time_ms - newest.time_ms <= SHORT_SILENCE_S * 1000:
            self.turned = self._motion.take(fix)
        else:
            self.turned = self._motion.begin(fix) and newest is not None
        self._newest = fix
        self._number = number
        self._dropped = stands_for
        kept = self._keep(fix, hole=hole)
        return [kept] if end is None else [end, kept]

    def _keep(self, newest: Fix, *, hole: bool = False) -> Sampled:
        """Keep the newest fix, and go on from it."""
        kept = Sampled(self._number, newest, self._dropped, hole)
        self._dropped = 0
        self._corridor.begin(newest)
        self._moving_until_ms = newest.time_ms + self._moving_ms
        is_parked = newest.time_ms >= self._motion.parked_from_ms
        self._until_ms = newest.time_ms + self._parked_ms if is_parked else self._moving_until_ms
        return kept
