"""Where vehicles were in the mean, and which buckets can be passed at a stroke."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from milepost_collector.engine.grid import LEAST_COVERED_MS, Buckets
from milepost_collector.engine.motion_state import Stay
from milepost_collector.engine.shape import metres_per_degree
from milepost_collector.engine.tail import GRID_MS, PACKED, Tail
from milepost_collector.engine.tracks import Reals, Tracks
from milepost_schemas.bulk.rows import Integers

# A place is where so many means are near one another; fewer are a red light.
FEW = 4


def _listed(column: Callable[["Means"], NDArray[Any]]) -> "cached_property[list[Any]]":
    """Make an attribute of a column that is a list, made when it is asked for first."""
    return cached_property(lambda self: column(self).tolist())


class Means:
    """Where vehicles were in the mean: columns of buckets, and what they say of one another.

    Single numbers of arrays cost more than those of lists, so there are lists for who looks at
    vehicles one by one; they are made when somebody does.

    Args:
        buckets: Of all jobs of a call.
        tracks: Their positions.
        radius_m: For each job how large a place is.
        tails: For each job the means before.

    Attributes:
        buckets: As given.
        scales_m: Metres to a millionth of a degree of longitude and of latitude, at each bucket.
        drives_until: For each bucket, and behind the last, the first from it on at which the
            vehicle may be at a place.
        speed_mps: At the beginning of each bucket, from the mean before; NaN: unknown.
        speed_before_mps: A bucket before.
    """

    def __init__(
        self, buckets: Buckets, tracks: Tracks, radius_m: Reals, tails: Sequence[Tail]
    ) -> None:
        x_m, y_m = metres_per_degree(buckets.lat_e6 / 1e6)
        self.buckets = buckets
        self.scales_m = x_m / 1e6, y_m / 1e6
        self._tracks = tracks
        self._look_back(radius_m, tails)

    row = _listed(lambda self: self.buckets.row)
    number = _listed(lambda self: self.buckets.number)
    covered_ms = _listed(lambda self: self.buckets.covered_ms)
    lat_e6 = _listed(lambda self: self.buckets.lat_e6)
    lon_e6 = _listed(lambda self: self.buckets.lon_e6)
    way_mm = _listed(lambda self: self.buckets.way_mm)
    sure_mm = _listed(lambda self: self.buckets.sure_mm)
    x_m = _listed(lambda self: self.scales_m[0])
    y_m = _listed(lambda self: self.scales_m[1])
    way_before_mm = _listed(lambda self: np.cumsum(np.append(0, self.buckets.way_mm)))
    sure_before_mm = _listed(lambda self: np.cumsum(np.append(0, self.buckets.sure_mm)))
    driven_until = _listed(lambda self: self.drives_until)

    def _look_back(self, radius_m: Reals, tails: Sequence[Tail]) -> None:
        """Compare buckets with those before, of which `tails` hold the ones before the call.

        Where a bucket is driven through, `places.place_of` finds no place for the means up to it:
        the same comparison, for all at once.
        """
        buckets, size = self.buckets, len(self.buckets.job)
        behind = [tail.newest(FEW - 1) for tail in tails]
        counts = [len(each) // PACKED.itemsize for each in behind]
        table = np.frombuffer(b"".join(behind), PACKED)
        whose = np.repeat(np.arange(len(tails)), counts)
        places = np.searchsorted(buckets.job, whose)
        whole = buckets.covered_ms >= LEAST_COVERED_MS
        columns = (buckets.job, buckets.number, buckets.lat_e6, buckets.lon_e6, whole)
        before: tuple[Any, ...] = (whose, table["number"], table["lat_e6"], table["lon_e6"], True)
        job, number, lat_e6, lon_e6, whole = (
            np.insert(column, places, more) for column, more in zip(columns, before, strict=True)
        )
        x_m, y_m = (each / 1e6 for each in metres_per_degree(lat_e6 / 1e6))
        is_own = np.ones(len(job), np.bool_)
        is_own[places + np.arange(len(places))] = False
        drives, speed_mps = np.zeros(len(job), np.bool_), np.full(len(job), np.nan)
        follow = (np.diff(number) == 1) & (np.diff(job) == 0) & (whole[1:] & whole[:-1] > 0)
        if len(job) >= FEW:
            last = slice(FEW - 1, None)
            drives[last] = sliding_window_view(follow, FEW - 1).all(axis=1)
            north_e6, east_e6 = (
                (few := sliding_window_view(column, FEW)) - (few.sum(axis=1) // FEW)[:, None]
                for column in (lat_e6, lon_e6)
            )
            north, east = north_e6 * y_m[last, None], east_e6 * x_m[last, None]
            near = np.sqrt(east * east + north * north) <= radius_m[job[last], None]
            drives[last] &= ~near.all(axis=1)
        if len(job) > 1:
            north, east = np.diff(lat_e6) * y_m[1:], np.diff(lon_e6) * x_m[1:]
            steps_mps = np.sqrt(east * east + north * north) / (GRID_MS / 1000)
            speed_mps[1:] = np.where(follow, steps_mps, np.nan)
        stops = np.append(np.where(drives[is_own], size, np.arange(size)), size)
        self.drives_until: Integers = np.minimum.accumulate(stops[::-1])[::-1]
        self.speed_mps = speed_mps[is_own]
        self.speed_before_mps = np.append(np.nan, speed_mps[:-1])[is_own] if size else speed_mps

    def stood_until(self, stay: Stay, bucket: int, end: int, radius_m: float, due_ms: int) -> int:
        """Return the first bucket at which who stays may leave, or something is due to be told.

        Args:
            stay: Where it stands.
            bucket: From which on.
            end: Of the job's buckets.
            radius_m: Farther from the middle of the place it has left.
            due_ms: GPS time at which something is due.
        """
        part = slice(bucket, end)
        columns = (self.lat_e6, self.lon_e6, self.x_m, self.y_m, self.covered_ms, self.number)
        for place, (lat_e6, lon_e6, x_m, y_m, covered_ms, number) in enumerate(
            zip(*(column[part] for column in columns), strict=True), bucket
        ):
            east, north = (lon_e6 - stay.lon_e6) * x_m, (lat_e6 - stay.lat_e6) * y_m
            is_away = math.sqrt(east * east + north * north) > radius_m
            if is_away or covered_ms < LEAST_COVERED_MS or (number + 1) * GRID_MS >= due_ms:
                return place
        return end

    def time_ms(self, row: int) -> int:
        """Return when a position was taken."""
        return int(self._tracks.time_ms[row])

    def way_m(self, row: int) -> float:
        """Return how far it is from the position before."""
        return float(self._tracks.way_m[row])

    def is_after(self, bucket: int, row: int) -> bool:
        """Whether a bucket lies behind the beginning of the hole before a position."""
        begin = self.time_ms(row - 1) // GRID_MS
        return (self.row[bucket], self.number[bucket]) > (row, begin)

    def place(self, row: int) -> tuple[int, int]:
        """Return where a position is."""
        return int(self._tracks.lat_e6[row]), int(self._tracks.lon_e6[row])
