"""A judge of the sampler that shares nothing with it: errors of the rebuilt track, and the fewest.

Distances are taken on the ellipsoid (WGS 84, radii of curvature at the fix) and on the mean sphere;
the larger counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from milepost_agent.sampling.sampler import Sampled, Sampler, SamplingPolicy
from milepost_schemas.fix import Fix, FixKind
from tests.agent.recorded_tracks import Track

_A_M = 6_378_137.0
_E2 = 0.006_694_379_990_14
_SPHERE_M = 6_371_008.8

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Outcome:
    """What a sampler made of a track; the lists have an entry for each fix."""

    kept: list[Sampled] = field(default_factory=list)
    turned: list[bool] = field(default_factory=list)
    moving: list[bool] = field(default_factory=list)
    parked: list[bool] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        return [each.number for each in self.kept]

    @property
    def turns(self) -> list[int]:
        return [i for i, turned in enumerate(self.turned) if turned]


def sample(track: Track, policy: SamplingPolicy | None = None, *, open_end: bool = True) -> Outcome:
    """Sample a track; the numbers are the fixes' places in it, the last kept one is the end."""
    sampler, outcome = Sampler(policy or SamplingPolicy()), Outcome()
    for number, (fix, hole) in enumerate(zip(track.fixes, track.holes, strict=True)):
        outcome.kept += sampler.add(number, fix, hole=hole)
        outcome.turned.append(sampler.turned)
        outcome.moving.append(sampler.is_moving)
        outcome.parked.append(sampler.is_parked)
    end = sampler.end() if open_end else None
    outcome.kept += [end] if end else []
    return outcome


def errors_m(fixes: Sequence[Fix], numbers: Sequence[int], kept: Sequence[Fix]) -> Floats:
    """Rebuild every fix from the kept ones that have these numbers; how far off each one is.

    Both ends must have been kept.
    """
    time_ms, lat_deg, lon_deg = _columns(fixes)
    kept_ms, kept_lat, kept_lon = _columns(kept)
    order = np.arange(len(fixes))
    after = np.minimum(np.searchsorted(np.array(numbers), order, side="right"), len(numbers) - 1)
    before = np.maximum(after - 1, 0)
    span_ms = kept_ms[after] - kept_ms[before]
    since_ms = time_ms - kept_ms[before]
    share = np.divide(since_ms, span_ms, out=np.zeros(len(fixes)), where=span_ms != 0)
    # The last number has no kept one after it but itself.
    share[numbers[-1] :] = 1.0
    lat = kept_lat[before] + share * (kept_lat[after] - kept_lat[before])
    lon = kept_lon[before] + share * _wrapped(kept_lon[after] - kept_lon[before])
    return _apart_m(lat_deg, lat - lat_deg, _wrapped(lon - lon_deg))


def fewest(track: Track, outcome: Outcome, policy: SamplingPolicy) -> int:
    """Count the fewest fixes that could have been kept under the same rules.

    The shortest path over valid segments: all between within the tolerance of the straight run, no
    longer than the interval, across no break, and past no start or stop.
    """
    time_ms = _columns(track.fixes)[0]
    moving_ms, parked_ms = policy.moving_interval_s * 1000, policy.parked_interval_s * 1000
    parked, ends = np.array(outcome.parked), _ends(track, outcome)
    cost = np.arange(1, len(track.fixes) + 1)
    for i, end in enumerate(ends):
        if i + 1 < len(cost):
            cost[i + 1] = min(cost[i + 1], cost[i] + 1)
        longest_ms = parked_ms if parked[i] else moving_ms
        last = i + int(np.searchsorted(time_ms[i:end], time_ms[i] + longest_ms, side="right"))
        reached = _reached(track.fixes[i:last], policy.tolerance_m) + i
        reached = reached[(time_ms[reached] - time_ms[i] <= moving_ms) | parked[reached]]
        cost[reached] = np.minimum(cost[reached], cost[i] + 1)
    return int(cost[-1])


def _ends(track: Track, outcome: Outcome) -> list[int]:
    """Return for each fix the first one after it that no segment from it may reach."""
    ends, end = [], len(track.fixes)
    breaks = _breaks(track)
    for i in reversed(range(len(track.fixes))):
        ends.append(end)
        if breaks[i]:
            end = i
        elif outcome.turned[i]:
            end = i + 1
    return ends[::-1]


def _reached(fixes: Sequence[Fix], tolerance_m: float) -> NDArray[np.intp]:
    """Return which of the later fixes the first one can run straight to."""
    time_ms, lat_deg, lon_deg = _columns(fixes)
    after_s = (time_ms[1:] - time_ms[0]) / 1000
    east, north = _scales_m(lat_deg[0])
    x = _wrapped(lon_deg[1:] - lon_deg[0]) * east / after_s
    y = (lat_deg[1:] - lat_deg[0]) * north / after_s
    allowed = (tolerance_m / after_s) ** 2
    squared = (x[:, None] - x[None, :]) ** 2 + (y[:, None] - y[None, :]) ** 2
    met = squared <= allowed[None, :] + 1e-12
    between = np.tri(len(x), k=-1, dtype=bool)
    return np.nonzero((met | ~between).all(axis=1))[0] + 1


def _breaks(track: Track) -> list[bool]:
    pairs = zip(track.fixes, track.fixes[1:], track.holes[1:], strict=False)
    return [True] + [
        hole
        or fix.time_ms <= before.time_ms
        or (fix.kind == FixKind.ESTIMATED) != (before.kind == FixKind.ESTIMATED)
        for before, fix, hole in pairs
    ]


def _columns(fixes: Sequence[Fix]) -> tuple[Floats, Floats, Floats]:
    rows: Any = [(fix.time_ms, fix.lat_deg, fix.lon_deg) for fix in fixes]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _wrapped(degrees: Floats) -> Floats:
    return (degrees + 180) % 360 - 180


def _scales_m(lat_deg: Any) -> tuple[Any, Any]:
    """Metres that a degree of longitude and one of latitude have."""
    sine = np.sin(np.radians(lat_deg))
    root = np.sqrt(1 - _E2 * sine * sine)
    east = _A_M / root * np.cos(np.radians(lat_deg))
    north = _A_M * (1 - _E2) / root**3
    return np.radians(east), np.radians(north)


def _apart_m(lat_deg: Floats, north_deg: Floats, east_deg: Floats) -> Floats:
    east, north = _scales_m(lat_deg)
    ellipsoid = np.hypot(east_deg * east, north_deg * north)
    # Haversine, which stays exact for short distances.
    there = np.radians(lat_deg + north_deg)
    chord = np.sin(np.radians(north_deg) / 2) ** 2 + (
        np.cos(np.radians(lat_deg)) * np.cos(there) * np.sin(np.radians(east_deg) / 2) ** 2
    )
    sphere = 2 * _SPHERE_M * np.arcsin(np.sqrt(np.minimum(1, chord)))
    larger: Floats = np.maximum(ellipsoid, sphere)
    return larger
