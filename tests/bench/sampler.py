"""The sampler: time a fix, share kept and error, beside an opening window and a distance filter."""

import statistics
import time
from collections.abc import Callable, Sequence
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

from milepost_agent.sampling.sampler import Sampler, SamplingPolicy
from milepost_schemas.fix import Fix
from tests.agent.made_tracks import journey
from tests.agent.recorded_tracks import Track, recorded_tracks
from tests.agent.sampled import errors_m, fewest, sample
from tests.bench.drawn import drawn_log, fixes_of

POLICY = SamplingPolicy()
CHUNK = 500
_METRES_PER_E6 = 0.1112


def sampler_rows(_folder: Path) -> list[dict[str, Any]]:
    """Measure on a drawn drive, a vehicle parked at 10 Hz, and the recorded drives if at hand."""
    drawn = Track("drawn", drive := fixes_of(drawn_log(4, 60)), [False] * len(drive))
    parked = journey([(60, 10.0), (600, 0.0)], 10, wander_m=1, white_m=0.2)
    rows = [
        _timed("a drawn drive", drawn.fixes),
        _timed("a vehicle parked at 10 Hz", parked.fixes),
        *_compared("a drawn drive", [drawn]),
    ]
    if recorded := recorded_tracks():
        fixes = max(recorded, key=lambda track: len(track.fixes)).fixes
        rows += [_timed("the longest recorded drive", fixes)]
        rows += _compared("all recorded drives", recorded)
    return rows


def _timed(what: str, fixes: list[Fix]) -> dict[str, Any]:
    return {
        "what": f"sampler: time a fix, {what}",
        "ours": min(_median_us(Sampler(POLICY).add, fixes) for _ in range(5)),
        "peer": "opening window of the same rule",
        "peers": _median_us(OpeningWindow(POLICY).add, fixes),
        "unit": "µs",
    }


def _compared(what: str, tracks: list[Track]) -> list[dict[str, Any]]:
    outcomes = [sample(track, POLICY) for track in tracks]
    ours = [outcome.numbers for outcome in outcomes]
    filtered = [_filtered(track.fixes) for track in tracks]
    least = sum(fewest(track, o, POLICY) for track, o in zip(tracks, outcomes, strict=True))
    share = {
        "what": f"sampler: share kept, {what}",
        "ours": sum(map(len, ours)) / (fixes := sum(len(track.fixes) for track in tracks)),
        "unit": "",
    }
    return [
        share | {"peer": "a fix each 15 s or 5 m", "peers": sum(map(len, filtered)) / fixes},
        share | {"peer": "the fewest possible", "peers": least / fixes},
        {
            "what": f"sampler: largest error, {what}",
            "ours": _worst_m(tracks, ours),
            "peer": "a fix each 15 s or 5 m",
            "peers": _worst_m(tracks, filtered),
            "unit": "m",
        },
    ]


def _median_us(add: Callable[[int, Fix], object], fixes: Sequence[Fix]) -> float:
    taken_us = []
    for first in range(0, len(fixes), CHUNK):
        chunk = fixes[first : first + CHUNK]
        begin_s = time.perf_counter()
        for number, fix in enumerate(chunk, first):
            add(number, fix)
        taken_us.append((time.perf_counter() - begin_s) / len(chunk) * 1e6)
    return statistics.median(taken_us)


def _worst_m(tracks: list[Track], numbers: list[list[int]]) -> float:
    return max(
        float(errors_m(track.fixes, kept, [track.fixes[number] for number in kept]).max())
        for track, kept in zip(tracks, numbers, strict=True)
    )


def _filtered(fixes: Sequence[Fix]) -> list[int]:
    """Keep what is 15 s or 5 m from the last kept one, and the last of all, as many trackers do."""
    kept = [0]
    for number, fix in enumerate(fixes):
        last = fixes[kept[-1]]
        moved = hypot(*_metres(last, fix)) >= POLICY.tolerance_m
        if moved or fix.time_ms - last.time_ms >= POLICY.moving_interval_s * 1000:
            kept.append(number)
    return kept if kept[-1] == len(fixes) - 1 else [*kept, len(fixes) - 1]


class OpeningWindow:
    """The textbook form of the sampler's rule: all dropped fixes are tried with each new one."""

    def __init__(self, policy: SamplingPolicy) -> None:
        self._tolerance_m = policy.tolerance_m
        self._longest_ms = policy.parked_interval_s * 1000
        self._window: list[Fix] = []

    def add(self, number: int, fix: Fix) -> list[tuple[int, Fix]]:
        """Take a fix; return those that are kept."""
        window = self._window
        window.append(fix)
        late = fix.time_ms - window[0].time_ms > self._longest_ms
        if len(window) < 3 or not (late or self._strays(window)):
            return []
        self._window = window[-2:]
        return [(number - 1, window[-2])]

    def _strays(self, window: list[Fix]) -> bool:
        first, last = window[0], window[-1]
        span_ms = last.time_ms - first.time_ms
        x, y = _metres(first, last)
        for fix in window[1:-1]:
            share = (fix.time_ms - first.time_ms) / span_ms
            east, north = _metres(first, fix)
            if hypot(east - share * x, north - share * y) > self._tolerance_m:
                return True
        return False


def _metres(origin: Fix, fix: Fix) -> tuple[float, float]:
    north = (fix.lat_e6 - origin.lat_e6) * _METRES_PER_E6
    scale = cos(radians(origin.lat_e6 / 1e6)) * _METRES_PER_E6
    return (fix.lon_e6 - origin.lon_e6) * scale, north
