"""Fixes judged by the one before them, and a receiver that claims to be elsewhere heard out."""

from enum import IntEnum
from typing import Any

import numpy as np

from milepost_collector.engine.state import Elsewhere, EngineState, Place
from milepost_collector.engine.tracks import way_m
from milepost_schemas.bulk.rows import Integers

# What the errors of two fixes explain of the way between them, in sigmas of each.
_SIGMAS = 2.0

# No road vehicle changes its speed faster, in metres a second squared: 1.2 g.
_MOST_ACCELERATION = 12.0

# A receiver that says it moves faster than this, and by now farther than this, has moved.
MOVES_MPS = 2.0
FROZEN_M = 20.0

# After so long a receiver that agrees with itself is believed.
_AGREED_MS = 10_000


class Doubt(IntEnum):
    """Why a fix is not believed; 0: it is."""

    NONE = 0
    NO_LOCK = 1
    ZERO_ZERO = 2
    IMPRECISE = 3
    TELEPORT = 4
    ACCELERATION = 5
    FROZEN = 6
    LATE = 7

    @property
    def label(self) -> str:
        """The reason as people write it."""
        return self.name.lower().replace("_", " ")


def judge_ways(
    step_s: Any, ways_m: Any, errors_m: Any, speed_mps: Any, fastest_mps: Any, is_hole: Any
) -> Integers:
    """Judge whether ways can have been made.

    Args:
        step_s: How long each took; above 0. Numbers or arrays, and so the others.
        ways_m: How far it is.
        errors_m: Sigmas of both ends, added.
        speed_mps: At the beginning; NaN: unknown.
        fastest_mps: What nobody exceeds.
        is_hole: Nothing was measured on the way, so that the speed may have been any.
    """
    explained_m = _SIGMAS * errors_m
    far = ways_m - explained_m > fastest_mps * step_s
    off_m = np.abs(ways_m - speed_mps * step_s)
    thrown = off_m - explained_m > _MOST_ACCELERATION / 2 * step_s * step_s
    found: Integers = np.where(
        far, Doubt.TELEPORT, np.where(thrown & ~is_hole, Doubt.ACCELERATION, Doubt.NONE)
    )
    return found


class Judge:
    """Judges the fixes of one device in turn."""

    def __init__(self, state: EngineState, fastest_mps: float) -> None:
        self._state = state
        self._fastest_mps = fastest_mps
        self._last: Place | None = None
        self._hole = False

    def take(self, place: Place, is_hole: bool) -> tuple[Doubt, bool]:
        """Return the doubt about a place, and whether what was measured before it breaks off."""
        if self._last is None:
            self._last = place
            return Doubt.NONE, is_hole
        self._hole |= is_hole
        seen = _seen_from(self._last, place)
        doubt = self._doubt(self._last, seen, self._hole)
        jumped = False
        if doubt in (Doubt.TELEPORT, Doubt.ACCELERATION):
            jumped = self._is_agreed(place)
            doubt = Doubt.NONE if jumped else doubt
        if doubt is Doubt.NONE:
            self._state.elsewhere = None
            self._last, self._hole = seen, False
        return doubt, is_hole or jumped

    def _is_agreed(self, place: Place) -> bool:
        """Whether the receiver has claimed for long enough to be where this place belongs."""
        claimed = self._state.elsewhere
        if claimed is not None:
            seen = _seen_from(claimed.place, place)
            if self._doubt(claimed.place, seen, False) is Doubt.NONE:
                self._state.elsewhere = Elsewhere(claimed.since_ms, seen)
                return place.time_ms - claimed.since_ms >= _AGREED_MS
        self._state.elsewhere = Elsewhere(place.time_ms, place)
        return False

    def _doubt(self, last: Place, place: Place, is_hole: bool) -> Doubt:
        step_s = (place.time_ms - last.time_ms) / 1000.0
        speed_mps = place.speed_mps
        same_s = (place.time_ms - place.same_ms) / 1000.0
        if speed_mps is not None and speed_mps >= MOVES_MPS and speed_mps * same_s >= FROZEN_M:
            return Doubt.FROZEN
        found = judge_ways(
            step_s,
            way_m(last.lat_e6, last.lon_e6, place.lat_e6, place.lon_e6),
            place.error_m + last.error_m,
            np.float64(np.nan if last.speed_mps is None else last.speed_mps),
            self._fastest_mps,
            np.bool_(is_hole),
        )
        return Doubt(int(found))


def _seen_from(last: Place, place: Place) -> Place:
    """Reckon what is known of a place only from the one before."""
    same = (place.lat_e6, place.lon_e6) == (last.lat_e6, last.lon_e6)
    speed_mps = place.speed_mps
    if speed_mps is None:
        ways_m = way_m(last.lat_e6, last.lon_e6, place.lat_e6, place.lon_e6)
        speed_mps = float(ways_m) / ((place.time_ms - last.time_ms) / 1000.0)
    return place._replace(speed_mps=speed_mps, same_ms=last.same_ms if same else place.same_ms)
