"""One vehicle on the grid: where it stands, when it leaves, and when it breaks off."""

import math
from bisect import bisect_left
from collections.abc import Mapping

from milepost_collector.engine.grid import LEAST_COVERED_MS
from milepost_collector.engine.means import Means
from milepost_collector.engine.motion_state import MotionState, Stay, Trip
from milepost_collector.engine.places import Scale, place_of, settle_down
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.tail import GRID_MS, TAIL, Middle
from milepost_collector.engine.telling import Kind, Telling, at, metres, seconds
from milepost_collector.engine.trips import end_trip, set_out, try_trip
from milepost_schemas.event import rfc3339

# When a vehicle came to a place is not known better than this.
_UNSURE_MS = 1_000

# Fewer buckets are taken one by one.
_FEW_TO_PASS = 4

# Who stands leaves a place when farther from its middle than its radius and this, in metres.
_LEAVE_M = 10.0

# A stop is for good when it has lasted so long, if it becomes one.
_FOR_GOOD_MS = 20_000
NOT_STANDING = 2**62

# Silence for so long in a stop: the unit may have had no power.
_SILENT_MS = 60_000


class Mover:
    """One vehicle."""

    __slots__ = ("_means", "_rules", "_told", "state")

    def __init__(self, state: MotionState, rules: Rules, told: Telling, means: Means) -> None:
        self.state = state
        self._rules = rules
        self._told = told
        self._means = means

    def begin(self, row: int) -> None:
        """Take the very first position."""
        self.state.begun_ms = self._means.time_ms(row)
        set_out(self.state, self.state.begun_ms, *self._means.place(row))

    def silence(self, row: int) -> None:
        """Take a hole before a position, before what it completes."""
        begin_ms, end_ms = self._means.time_ms(row - 1), self._means.time_ms(row)
        stay = self.state.stay
        if stay is not None and end_ms - begin_ms >= _SILENT_MS:
            stay.idling = True

    def take(self, bucket: int) -> None:
        """Take the next five seconds, or a break."""
        means, state = self._means, self.state
        row = means.row[bucket]
        if means.covered_ms[bucket] < 0:
            self._break(row)
            return
        state.sure_mm += means.sure_mm[bucket]
        if state.stay is not None:
            state.stay.way_mm += means.sure_mm[bucket]
        state.way_mm += (
            means.sure_mm[bucket]
            if state.stay is not None and state.stay.told
            else means.way_mm[bucket]
        )
        if means.covered_ms[bucket] < LEAST_COVERED_MS:
            return
        number, tail = means.number[bucket], state.tail.means
        if tail and tail[-1].number != number - 1 and state.stay is None:
            tail.clear()
        place = means.lat_e6[bucket], means.lon_e6[bucket]
        scale = Scale(means.x_m[bucket], means.y_m[bucket])
        decided_ms = means.time_ms(row)
        if state.stay is not None:
            mean = Middle(number, *place, state.way_mm, state.sure_mm)
            self._stay_on(state.stay, mean, bucket, scale)
        state.tail.add(Middle(number, *place, state.way_mm, state.sure_mm))
        if state.stay is None and means.driven_until[bucket] == bucket:
            self._settle(scale, decided_ms)
        if state.stay is None and state.trip is None and state.origin is not None:
            end_ms = (number + 1) * GRID_MS
            try_trip(state, self._rules, self._told, end_ms, scale, decided_ms)

    def pass_by(self, bucket: int, end: int) -> int:
        """Take all buckets at a stroke at which nothing can come about; return the next one.

        Args:
            bucket: The next one.
            end: Of its buckets.
        """
        state, means = self.state, self._means
        stay = state.stay
        if end - bucket < _FEW_TO_PASS or (stay is not None and not stay.told):
            return bucket
        if stay is not None:
            until = means.stood_until(stay, bucket, end, self.leave_m, self.due_ms)
        else:
            until = min(end, means.driven_until[bucket])
            if state.trip is None and state.origin is not None:
                until = self._before_a_trip(state.origin, bucket, until)
        if until == bucket:
            return bucket
        counted = means.way_before_mm if stay is None else means.sure_before_mm
        way_mm, sure_mm = state.way_mm - counted[bucket], state.sure_mm
        sure_mm -= means.sure_before_mm[bucket]
        first = max(bucket, until - TAIL)
        columns = (
            means.number[first:until],
            means.lat_e6[first:until],
            means.lon_e6[first:until],
            [way_mm + each for each in counted[first + 1 : until + 1]],
            [sure_mm + each for each in means.sure_before_mm[first + 1 : until + 1]],
        )
        state.tail.add(*map(Middle, *columns))
        state.way_mm = way_mm + counted[until]
        if stay is not None:
            stay.way_mm += means.sure_before_mm[until] - means.sure_before_mm[bucket]
        state.sure_mm = sure_mm + means.sure_before_mm[until]
        return until

    def _before_a_trip(self, origin: Trip, bucket: int, until: int) -> int:
        """Return up to which bucket it is not yet a trip."""
        means, rules = self._means, self._rules
        begun_mm = self.state.way_mm - means.way_before_mm[bucket]
        far_mm = origin.way_mm + rules.trip_m * 1000 - begun_mm
        far = bisect_left(means.way_before_mm, far_mm, bucket + 1, until + 1) - 1
        long_ms = origin.began_ms + rules.trip_s * 1000
        late: int = bucket + math.ceil(long_ms / GRID_MS) - 1 - means.number[bucket]
        return max(bucket, min(until, far, late))

    @property
    def _least_ms(self) -> float:
        """How long a stop lasts at least."""
        return self._rules.stop_s * 1000 - _UNSURE_MS

    @property
    def leave_m(self) -> float:
        """How far from the middle of its place one who stands has left it."""
        return self._rules.stop_radius_m + _LEAVE_M

    @property
    def due_ms(self) -> int:
        """When something is due to be told of the stop that it makes."""
        rules, stay, due = self._rules, self.state.stay, NOT_STANDING
        if stay is None:
            return due
        if self.state.trip is not None:
            due = stay.began_ms + math.floor(rules.trip_end_s * 1000)
        if rules.idle_s is not None and not stay.idling:
            due = min(due, stay.began_ms + math.floor(rules.idle_s * 1000))
        return due

    @property
    def stood_ms(self) -> int:
        """Since when it has been standing for good."""
        stay = self.state.stay
        return stay.began_ms + _FOR_GOOD_MS if stay is not None and stay.told else NOT_STANDING

    def _settle(self, scale: Scale, decided_ms: int) -> None:
        """Look whether the vehicle has been at one place lately."""
        stay = place_of(self.state, scale, self._rules.stop_radius_m)
        if stay is not None:
            self.state.stay = stay
            self._look(stay, (self.state.tail.means[-1].number + 1) * GRID_MS, decided_ms)

    def _stay_on(self, stay: Stay, mean: Middle, bucket: int, scale: Scale) -> None:
        """See whether who stands still does."""
        decided_ms = self._means.time_ms(self._means.row[bucket])
        circle_m = self.leave_m if stay.told else self._rules.stop_radius_m
        if scale.way_m(mean, stay) <= circle_m:
            self._look(stay, (mean.number + 1) * GRID_MS, decided_ms)
            return
        if not stay.told and mean.middle_ms - stay.began_ms < self._least_ms:
            self.state.stay = None  # it was none, wherever it was left
            return
        inner = self.state.tail.means[-1]
        left_ms = scale.crossed_ms(stay, inner, mean, circle_m)
        self._look(stay, left_ms, decided_ms)
        if stay.told:
            # Out of the circle it went straight, as far as the receiver's speed does not tell.
            means, way_mm = self._means, self.state.way_mm
            unsure_mm = means.way_mm[bucket] - means.sure_mm[bucket]
            out_mm = round(scale.way_m(inner, stay) * 1000) if unsure_mm else 0
            after_mm = way_mm + unsure_mm + out_mm
            # So far had it come when it set out from the middle.
            straight_mm = round(scale.way_m(mean, stay) * 1000)
            set_out_mm = after_mm - means.way_mm[bucket] // 2 - straight_mm
            self.state.way_mm = max(stay.told_mm, min(way_mm, set_out_mm))
            self._tell_moved(stay, left_ms, decided_ms, {})
            self.state.way_mm = after_mm
            # The next stop begins after this one has ended.
            self.state.begun_ms = left_ms
        self.state.stay = None

    def _look(self, stay: Stay, until_ms: int, decided_ms: int) -> None:
        """Tell what is to be told of a stop that has lasted until now."""
        state, rules = self.state, self._rules
        if not stay.told:
            if until_ms - stay.began_ms < self._least_ms:
                return
            # The scale of the newest mean, whichever call it came in.
            scale = Scale.at(state.tail.means[-1].lat_e6)
            settle_down(stay, state, scale, rules.stop_radius_m)
            if until_ms - stay.began_ms < self._least_ms:
                return
            stay.told = True
            state.way_mm = stay.told_mm = stay.way_mm
            data = at(stay.lat_e6, stay.lon_e6) | {"odometer_m": metres(stay.way_mm)}
            self._told.tell(Kind.STOPPED, stay.began_ms, decided_ms, data)
        lasted_ms = until_ms - stay.began_ms
        if state.trip is not None and lasted_ms >= rules.trip_end_s * 1000:
            here = (stay.lat_e6, stay.lon_e6)
            times_ms = stay.began_ms, decided_ms
            end_trip(state, self._told, times_ms, here, stay.told_mm, "stopped")
            state.origin = None
        if rules.idle_s is None or stay.idling or lasted_ms < rules.idle_s * 1000:
            return
        stay.idling = True
        idle_ms = round(rules.idle_s * 1000)
        since = {"stopped_at": rfc3339(stay.began_ms), "idle_s": seconds(idle_ms)}
        place = at(stay.lat_e6, stay.lon_e6)
        self._told.tell(Kind.IDLING, stay.began_ms + idle_ms, decided_ms, place | since)

    def _tell_moved(
        self, stay: Stay, left_ms: int, decided_ms: int, more: Mapping[str, object]
    ) -> None:
        data = at(stay.lat_e6, stay.lon_e6) | {
            "stopped_at": rfc3339(stay.began_ms),
            "stop_s": seconds(left_ms - stay.began_ms),
            "odometer_m": metres(self.state.way_mm),
        }
        self._told.tell(Kind.MOVED, left_ms, decided_ms, data | dict(more))
        if self.state.trip is None:
            set_out(self.state, left_ms, stay.lat_e6, stay.lon_e6)

    def _break(self, row: int) -> None:
        """Break off: nobody knows what was between two positions."""
        means, state = self._means, self.state
        last_ms, found_ms = means.time_ms(row - 1), means.time_ms(row)
        stay, is_gap = state.stay, found_ms - last_ms >= self._rules.gap_s * 1000
        if stay is not None:
            self._look(stay, last_ms, found_ms)
        if is_gap:
            self._tell_gap(row)
        elif stay is not None and stay.told:
            self._tell_moved(stay, found_ms, found_ms, {"last_seen_at": rfc3339(last_ms)})
        state.stay, state.begun_ms = None, found_ms
        state.tail.means.clear()
        if is_gap and state.trip is not None:
            times_ms, place = (last_ms, found_ms), means.place(row - 1)
            end_trip(state, self._told, times_ms, place, state.way_mm, "gap")
        state.way_mm += round(means.way_m(row) * 1000)
        if state.trip is None:
            set_out(state, found_ms, *means.place(row))

    def _tell_gap(self, row: int) -> None:
        means = self._means
        last_ms, found_ms = means.time_ms(row - 1), means.time_ms(row)
        before, after = at(*means.place(row - 1)), at(*means.place(row))
        data = before | {
            "gap_s": seconds(found_ms - last_ms),
            "distance_m": round(means.way_m(row), 1),
            "found_lat_deg": after["lat_deg"],
            "found_lon_deg": after["lon_deg"],
        }
        self._told.tell(Kind.GAP, last_ms, found_ms, data)
