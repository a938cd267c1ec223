"""How a van moves along a path: bounded acceleration, slower in bends, standing at both ends.

In flow paths, out flows the state of the van at any instant. Invariants: speed never exceeds the
limit nor what sideways acceleration allows in a bend, and changes by no more than engine and brakes
can do; course and place never jump.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from milepost_firmware_sim.drive.bends import Piece, pieces_of
from milepost_firmware_sim.path import Path, Stretch
from milepost_firmware_sim.plane import Point

# A loaded van in town: half of what its engine, a quarter of what its brakes can do.
ACCELERATION_MPS2 = 1.4
BRAKING_MPS2 = 1.8
SIDEWAYS_MPS2 = 2.0
# Speed is laid out in steps of so many metres.
_GRID_M = 2.0


@dataclass(frozen=True, slots=True)
class State:
    """The van at one moment.

    Attributes:
        point: Metres of the plane.
        course_deg: Clockwise from the plane's north, 0 to below 360.
        limit_mps: The speed limit there.
        altitude_m: Above mean sea level.
        stretch: What it drives on.
    """

    point: Point
    speed_mps: float
    course_deg: float
    altitude_m: float
    stretch: Stretch

    @property
    def limit_mps(self) -> float:
        """Return the speed limit."""
        return self.stretch.limit_mps


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of a piece that is driven with one acceleration, or a wait at one place."""

    piece: Piece
    along_m: float
    length_m: float
    cap_mps: float


class Motion:
    """A van on its way along one path, from standing to standing.

    Attributes:
        duration_s: How long it takes.
        length_m: How far it goes.
    """

    def __init__(self, path: Path) -> None:
        self._steps = [step for piece in pieces_of(path) for step in _steps(piece)]
        self._speeds = _speeds(self._steps)
        self._times = [0.0]
        for number, step in enumerate(self._steps):
            self._times.append(self._times[-1] + self._duration_s(number, step))
        self.duration_s = self._times[-1]
        self.length_m = math.fsum(step.length_m for step in self._steps)

    def at(self, time_s: float) -> State:
        """Return the state after `time_s` seconds on the way; after its end it stands there."""
        if time_s >= self.duration_s:
            last = self._steps[-1]
            return _state(last.piece, last.along_m + last.length_m, 0.0)
        number = bisect_right(self._times, max(time_s, 0.0)) - 1
        step = self._steps[number]
        before, after = self._speeds[number], self._speeds[number + 1]
        if before == after == 0.0:
            return _state(step.piece, step.along_m, 0.0)
        since_s = time_s - self._times[number]
        step_s = self._times[number + 1] - self._times[number]
        speed_mps = before + (after - before) * since_s / step_s
        driven_m = min((before + speed_mps) / 2.0 * since_s, step.length_m)
        return _state(step.piece, step.along_m + driven_m, speed_mps)

    def _duration_s(self, number: int, step: _Step) -> float:
        if step.length_m == 0.0:
            return step.piece.wait_s
        return 2.0 * step.length_m / (self._speeds[number] + self._speeds[number + 1])


def _state(piece: Piece, along_m: float, speed_mps: float) -> State:
    point, heading, altitude_m = piece.at(along_m)
    course_deg = (90.0 - math.degrees(heading)) % 360.0
    return State(point, speed_mps, course_deg, altitude_m, piece.stretch)


def _steps(piece: Piece) -> Iterator[_Step]:
    """Cut a piece into steps of at most `_GRID_M`, two at least; a wait is one of no length."""
    cap_mps = piece.stretch.limit_mps
    if piece.curvature != 0.0:
        cap_mps = min(cap_mps, math.sqrt(SIDEWAYS_MPS2 / abs(piece.curvature)))
    if piece.wait_s > 0.0:
        yield _Step(piece, 0.0, 0.0, 0.0)
    parts = max(2, math.ceil(piece.length_m / _GRID_M))
    length_m = piece.length_m / parts
    for part in range(parts):
        yield _Step(piece, part * length_m, length_m, cap_mps)


def _speeds(steps: list[_Step]) -> list[float]:
    """Return the speed before each step and after the last one."""
    speeds = [0.0]
    for number, step in enumerate(steps):
        gain = 2.0 * ACCELERATION_MPS2 * step.length_m
        after_mps = steps[number + 1].cap_mps if number + 1 < len(steps) else 0.0
        speeds.append(min(step.cap_mps, after_mps, math.sqrt(speeds[-1] ** 2 + gain)))
    for number in range(len(steps) - 1, -1, -1):
        gain = 2.0 * BRAKING_MPS2 * steps[number].length_m
        speeds[number] = min(speeds[number], math.sqrt(speeds[number + 1] ** 2 + gain))
    return speeds
