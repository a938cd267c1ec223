"""Too fast: a vehicle above a limit, its own or a fence's, for long enough.

Speed is that from one mean of five seconds to the next: what the way says, not what the receiver
said at the fixes that were kept, so that it is the same for a track and for its samples. Too fast
begins where the speed, taken as steady in between, passed the limit. It is told once, and again
only when the vehicle has been at or below the limit in between.
"""

from collections.abc import Mapping

import numpy as np

from milepost_collector.engine.fence import Fence
from milepost_collector.engine.fencing import Limits
from milepost_collector.engine.means import Means
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.state import EngineState, Speeding
from milepost_collector.engine.tail import GRID_MS
from milepost_collector.engine.telling import Kind, Telling, at, seconds

# What the places of two means may be wrong by, as a speed.
_UNSURE_MPS = 0.3


def watch_speed(
    state: EngineState,
    means: Means,
    buckets: range,
    rules: Rules,
    limits: Limits,
    told: Telling,
) -> None:
    """Look at the speeds of one vehicle.

    Args:
        state: What is remembered of it; changed in place.
        means: Where it was in the mean.
        buckets: Which of them are its own.
        rules: Its rules.
        limits: In which fences with limits it is.
        told: Takes the events.
    """
    speeds_mps = means.speed_mps[buckets.start : buckets.stop]
    if state.speeding is None and not (limits.inside or limits.changes):
        own_mps = rules.speed_limit_mps
        if own_mps is None or not (speeds_mps > own_mps + _UNSURE_MPS).any():
            return
    inside = limits.at_rows(means.row[buckets.start : buckets.stop])
    for bucket, fences in zip(buckets, inside, strict=True):
        limit_mps, fence = _limit(rules, fences)
        _look(state, means, bucket, limit_mps, fence, rules.speeding_s, told)


def _look(
    state: EngineState,
    means: Means,
    bucket: int,
    limit_mps: float,
    fence: str,
    least_s: float,
    told: Telling,
) -> None:
    speed_mps = float(means.speed_mps[bucket])
    current, level_mps = state.speeding, limit_mps + _UNSURE_MPS
    if current is not None and (limit_mps, fence) != (current.limit_mps, current.fence):
        current = state.speeding = None
    if current is not None and current.told:
        level_mps = limit_mps - _UNSURE_MPS
    if not speed_mps > level_mps:  # also where it is unknown
        state.speeding = None
        return
    now_ms = means.number[bucket] * GRID_MS
    if current is None:
        before_mps = float(means.speed_before_mps[bucket])
        back_ms = 0
        if before_mps <= level_mps:
            back_ms = round((speed_mps - level_mps) / (speed_mps - before_mps) * GRID_MS)
        current = state.speeding = Speeding(now_ms - back_ms, limit_mps, fence, speed_mps)
    current.most_mps = max(current.most_mps, speed_mps)
    if not current.told and now_ms - current.since_ms >= least_s * 1000:
        current.told = True
        data = at(means.lat_e6[bucket], means.lon_e6[bucket]) | {
            "limit_mps": limit_mps,
            "speed_mps": round(current.most_mps, 1),
            "for_s": seconds(now_ms - current.since_ms),
            "fence": fence or None,
        }
        decided_ms = means.time_ms(means.row[bucket])
        told.tell(Kind.SPEEDING, current.since_ms, decided_ms, data, fence)


def _limit(rules: Rules, fences: Mapping[str, Fence]) -> tuple[float, str]:
    """Return the lowest limit that holds, and whose it is."""
    own_mps = rules.speed_limit_mps
    limits = [(np.inf if own_mps is None else own_mps, "")]
    limits += [(f.speed_limit_mps, f.id) for f in fences.values() if f.speed_limit_mps is not None]
    return min(limits)
