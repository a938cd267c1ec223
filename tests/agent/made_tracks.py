"""Tracks made up for the sampler: vehicles that obey physics, and ones that obey nothing."""

import math
import random
from collections.abc import Sequence

from hypothesis import strategies as st

from milepost_schemas.fix import Fix, FixKind
from tests.agent.recorded_tracks import Track

BEGIN_MS = 1_767_600_000_000
_METRES_PER_E6 = 0.1112
_STEP_S = 0.1
_GENTLE_MPS2 = 2.0

# What wanders keeps its direction for so long (Gauss-Markov), as positions under a roof do.
_WANDER_S = 60.0


def journey(
    legs: Sequence[tuple[float, float]],
    hz: float = 1.0,
    *,
    knows_speed: bool = True,
    speed_noise_mps: float = 0.0,
    wander_m: float = 0.0,
    white_m: float = 0.3,
    lon_deg: float = 8.5,
    seed: int = 0,
) -> Track:
    """Drive east by legs of (seconds, metres a second), with gentle acceleration between them.

    The first leg's speed is reached when it begins.
    """
    dice = random.Random(seed)
    every = round(1 / hz / _STEP_S)
    fade = math.exp(-1 / hz / _WANDER_S)
    speed = legs[0][1]
    along_m = east_m = north_m = 0.0
    fixes: list[Fix] = []
    ticks = [target for seconds, target in legs for _ in range(round(seconds / _STEP_S))]
    for tick, target in enumerate(ticks):
        change = max(-_GENTLE_MPS2 * _STEP_S, min(_GENTLE_MPS2 * _STEP_S, target - speed))
        speed += change
        along_m += speed * _STEP_S
        if tick % every:
            continue
        east_m = east_m * fade + dice.gauss(0, wander_m) * math.sqrt(1 - fade * fade)
        north_m = north_m * fade + dice.gauss(0, wander_m) * math.sqrt(1 - fade * fade)
        told = max(0.0, speed + dice.uniform(0, speed_noise_mps))
        east = along_m + east_m + dice.gauss(0, white_m)
        fixes.append(
            Fix(
                time_ms=BEGIN_MS + round(tick * _STEP_S * 1000),
                lat_e6=round((north_m + dice.gauss(0, white_m)) / _METRES_PER_E6),
                lon_e6=_around(round(lon_deg * 1e6 + east / _METRES_PER_E6)),
                speed_dmps=round(told * 10) if knows_speed else None,
                kind=FixKind.THREE_D,
            )
        )
    return Track("journey", fixes, [False] * len(fixes))


LEGS = st.tuples(
    st.integers(1, 25),  # fixes
    st.sampled_from([1000, 1000, 200, 100, 2000, 4000, 20_000, 70_000, 300_000, 1, 0, -1000]),
    st.sampled_from([0, 0, 5, 120, 300, -90, 3000, 10**7]),  # 1e-6 degrees a second, east
    st.sampled_from([0, 0, 7, -110, 250, 2500, -60_000]),  # north
    st.sampled_from([0, 2, 40, 150]),  # noise, 1e-6 degrees
    st.sampled_from([None, 0, 3, 9, 20, 150]),  # speed
    st.sampled_from([FixKind.THREE_D, FixKind.THREE_D, FixKind.ESTIMATED]),
    st.booleans(),  # a hole before it
)


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    """Anything: at any place, with steps of time and place that no vehicle makes."""
    dice = random.Random(draw(st.integers(0, 2**32)))
    lat_e6 = draw(
        st.sampled_from([0, 47_300_000, -60_000_000, 85_000_000, 89_999_000, -90_000_000])
    )
    lon_e6 = draw(st.sampled_from([8_500_000, 179_999_900, -180_000_000, -179_999_500]))
    time_ms, fixes, holes = BEGIN_MS, [], []
    for count, step_ms, east, north, noise, speed, kind, hole in draw(st.lists(LEGS, max_size=8)):
        for number in range(count):
            time_ms += step_ms
            lat_e6 = _bounded(lat_e6 + round(north * step_ms / 1000))
            lon_e6 = _around(lon_e6 + round(east * step_ms / 1000))
            fixes.append(
                Fix(
                    time_ms=time_ms,
                    lat_e6=_bounded(lat_e6 + dice.randint(-noise, noise)),
                    lon_e6=_around(lon_e6 + dice.randint(-noise, noise)),
                    speed_dmps=speed,
                    kind=kind,
                )
            )
            holes.append(hole and number == 0)
    return Track("anything", fixes, holes)


def _bounded(lat_e6: int) -> int:
    return max(-90_000_000, min(90_000_000, lat_e6))


def _around(lon_e6: int) -> int:
    return (lon_e6 + 180_000_000) % 360_000_000 - 180_000_000
