"""How wrong a receiver is: errors of place, height and velocity that hang together as real ones do.

In flow the surroundings and the dilution of precision, out flow errors in metres. The horizontal
error has the spread HDOP times the range error (UERE): a half of its variance is slow (atmosphere,
orbits), the rest is reflection (multipath), which changes as the van moves on; the receiver's
filter smooths both, so that from one instant to the next little changes. In narrow streets echoes
come on top: a satellite is heard over a wall alone, and the place is off to the side for seconds.
(Groves, Principles of GNSS, 2nd edition, 2013, chapters 9.3 and 9.4; Kaplan and Hegarty,
Understanding GPS/GNSS, 3rd edition, 2017, chapter 10.)
"""

import math
from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.path import Surroundings
from milepost_firmware_sim.receiver.dilution import View
from milepost_firmware_sim.receiver.instants import Instant
from milepost_firmware_sim.receiver.wander import Wander

# One sigma of a range, metres: a single-frequency receiver in a street.
UERE_M = 2.5
_SLOW_S, _SLOW_SHARE = 150.0, 0.55
_REFLECTED_S, _REFLECTED_M, _REFLECTED_SHARE = 40.0, 150.0, 1.0 - _SLOW_SHARE
# A receiver's filter follows what changes in so many seconds, and what it takes from the spread.
_FILTER_S = 4.0
_FILTER_GAIN = 1.0 / math.sqrt(
    _SLOW_SHARE * _SLOW_S / (_SLOW_S + _FILTER_S)
    + _REFLECTED_SHARE * _REFLECTED_S / (_REFLECTED_S + _FILTER_S)
)
_NEW_SHARE = 0.0002
_ECHO_EVERY_S = {Surroundings.STREET: 600.0, Surroundings.NARROW: 100.0}
_ECHO_S = (3.0, 12.0)
_ECHO_M = (5.0, 14.0)
_ECHO_RISE_S = 1.5
# Velocity comes from Doppler; standing, filters make it smoother.
_DOPPLER_MPS, _DOPPLER_S = 0.045, 1.5
_STANDING_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Error:
    """Measured minus true.

    Attributes:
        east_m: Of the place.
        north_m: Of the place.
        up_m: Of the height.
        east_mps: Of the velocity.
        north_mps: Of the velocity.
    """

    east_m: float
    north_m: float
    up_m: float
    east_mps: float
    north_mps: float


class Errors:
    """The errors of one receiver on its way."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._axes = [
            (Wander(random, 1.0, _SLOW_S), Wander(random, 1.0, _REFLECTED_S)) for _ in range(3)
        ]
        self._smooth = [self._rough(axis, 0.0, 0.0) for axis in range(3)]
        self._doppler = [Wander(random, _DOPPLER_MPS, _DOPPLER_S) for _ in range(2)]
        self._hdop: float | None = None
        self._vdop = 1.0
        self._echo_left_s = 0.0
        self._echo_goal = (0.0, 0.0)
        self._echo = (0.0, 0.0)

    def step(self, elapsed_s: float, at: Instant, view: View) -> Error:
        """Go on by some time to an instant and return its errors."""
        if self._hdop is None:
            self._hdop, self._vdop = view.hdop, view.vdop
        follow = 1.0 - math.exp(-elapsed_s / _FILTER_S)
        self._hdop += (view.hdop - self._hdop) * follow
        self._vdop += (view.vdop - self._vdop) * follow
        self._step_echo(elapsed_s, at)
        flat_m = self._hdop * UERE_M / math.sqrt(2.0)
        driven = at.speed_mps * elapsed_s / _REFLECTED_M
        east, north, up = (self._axis(axis, elapsed_s, driven, follow) for axis in range(3))
        share = (_STANDING_SHARE if at.stands else 1.0) * self._hdop
        east_mps, north_mps = (one.step(elapsed_s) * share for one in self._doppler)
        return Error(
            east_m=flat_m * east + self._echo[0],
            north_m=flat_m * north + self._echo[1],
            up_m=self._vdop * UERE_M * up,
            east_mps=east_mps,
            north_mps=north_mps,
        )

    def _axis(self, axis: int, elapsed_s: float, driven: float, follow: float) -> float:
        """Return an error of spread 1."""
        rough = self._rough(axis, elapsed_s, driven)
        self._smooth[axis] += (rough - self._smooth[axis]) * follow
        new = math.sqrt(_NEW_SHARE) * self._random.gauss(0.0, 1.0)
        return self._smooth[axis] * _FILTER_GAIN + new

    def _rough(self, axis: int, elapsed_s: float, driven: float) -> float:
        """Return what the filter is given; `driven` is how many reflections it has passed."""
        slow, reflected = self._axes[axis]
        return math.sqrt(_SLOW_SHARE) * slow.step(elapsed_s) + math.sqrt(
            _REFLECTED_SHARE
        ) * reflected.step(elapsed_s, driven)

    def _step_echo(self, elapsed_s: float, at: Instant) -> None:
        """Let an echo begin, go on or end; it lies across the street."""
        every_s = _ECHO_EVERY_S.get(at.surroundings)
        if self._echo_left_s > 0.0:
            self._echo_left_s -= elapsed_s
            if self._echo_left_s <= 0.0:
                self._echo_goal = (0.0, 0.0)
        elif every_s is not None and self._random.random() < elapsed_s / every_s:
            self._echo_left_s = self._random.uniform(*_ECHO_S)
            side = math.radians(at.course_deg + self._random.choice((-90.0, 90.0)))
            size_m = self._random.uniform(*_ECHO_M)
            self._echo_goal = size_m * math.sin(side), size_m * math.cos(side)
        follow = 1.0 - math.exp(-elapsed_s / _ECHO_RISE_S)
        east_m, north_m = self._echo
        self._echo = (
            east_m + (self._echo_goal[0] - east_m) * follow,
            north_m + (self._echo_goal[1] - north_m) * follow,
        )
