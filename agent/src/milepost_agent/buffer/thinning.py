"""Thinning: sampling rows of the buffer again, more coarsely; pure.

In flow neighbouring rows of one stream, out flow those that stay. A row that stays counts in
`stands_for` and `thinned` what went into it, so that sums stay exact.

Errors add up: what was sampled at x, then at 2x and so on to 2^n x, can be rebuilt within
(2^(n+1) - 1) x of what was measured.
"""

from collections.abc import Sequence
from dataclasses import replace

from milepost_agent.buffer.row import HeldFix
from milepost_agent.sampling.sampler import Sampler, SamplingPolicy

MAX_LEVEL = 7

# What is doubled where sampling is off: some GPS noise.
_LEAST_TOLERANCE_M = 2.5
_PLAIN = SamplingPolicy()


def tolerance_at(level: int, tolerance_m: float) -> float:
    """Return the tolerance of a level in metres: that of the sampler at 0, doubled by each more."""
    return tolerance_m if level == 0 else max(tolerance_m, _LEAST_TOLERANCE_M) * 2.0**level


def policy_at(level: int, tolerance_m: float) -> SamplingPolicy:
    """Return the sampling policy of a level, which is 1 or more."""
    return SamplingPolicy(
        tolerance_m=tolerance_at(level, tolerance_m),
        moving_interval_s=_PLAIN.moving_interval_s * 2.0**level,
        parked_interval_s=_PLAIN.parked_interval_s * 2.0**level,
        parked_after_s=_PLAIN.parked_after_s,
    )


def segments(rows: Sequence[HeldFix]) -> list[list[HeldFix]]:
    """Part rows where numbers are missing between them, so that nothing is thinned across."""
    parts: list[list[HeldFix]] = []
    for row in rows:
        if parts and row.first == parts[-1][-1].place + 1:
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


def thinned(rows: Sequence[HeldFix], policy: SamplingPolicy) -> list[HeldFix]:
    """Sample rows, whose numbers follow one another; the first and the last one stay."""
    sampler = Sampler(policy)
    kept = []
    for number, row in enumerate(rows):
        kept += sampler.add(number, row.fix, hole=row.hole, stands_for=row.stands_for)
    end = sampler.close()
    stay = []
    first = rows[0].first if rows else 0
    for sampled in [*kept, *([end] if end is not None else [])]:
        row = rows[sampled.number]
        stay.append(replace(row, stands_for=sampled.stands_for, thinned=row.place - first))
        first = row.place + 1
    return stay
