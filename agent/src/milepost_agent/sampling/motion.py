"""Motion: whether the vehicle moves or stands, told from fixes in metres and seconds.

In flow fixes in order, out flows each start and stop, as it becomes known. The same at 0.5 Hz and
10 Hz.

A receiver that states its speed is believed: Doppler speed tells a stop at once and does not wander
with the position. Between the two thresholds nothing changes, so that neither noise while standing
nor creeping in a queue makes stops and starts. Where the speed is unknown, or where the position
has contradicted it (some receivers say 0 for ever), the place must tell: who stays in one place
for a while stands, who leaves it moves. What wanders slowly, as positions do under roofs and
between houses, stands.
"""

from math import cos, inf, radians

from milepost_agent.sampling.corridor import HALF_TURN_E6, METRES_PER_E6, TURN_E6
from milepost_schemas.fix import Fix

STOP_DMPS = 5
START_DMPS = 15

# Without a speed: standing is to stay so near for so long.
SETTLED_M = 15.0
SETTLED_S = 20.0

# Leaving a place by so much within a minute is moving; against the word of the receiver, more.
LEFT_M = 25.0
LEFT_AGAINST_SPEED_M = 50.0
PLACE_S = 60.0

# A silence of the receiver that is too short to drive off and come back; it interrupts nothing.
SHORT_SILENCE_S = 60.0


class Motion:
    """The judge of moving and standing.

    Args:
        parked_after_s: Seconds of standing after which the vehicle is parked.

    Attributes:
        is_moving: The vehicle does not stand, as far as is known.
        parked_from_ms: GPS time from which it is parked, should it stand on; infinite while moving.
    """

    __slots__ = ("_parked_after_ms", "_place", "_trusts_speed", "is_moving", "parked_from_ms")

    def __init__(self, parked_after_s: float) -> None:
        self._parked_after_ms = parked_after_s * 1000
        self.is_moving = True
        self.parked_from_ms: float = inf
        self._trusts_speed = True
        self._place: _Place | None = None

    def begin(self, fix: Fix) -> bool:
        """Judge a fix that nothing leads up to; say whether it is a start or a stop."""
        was_moving = self.is_moving
        speed_dmps = fix.speed_dmps
        place = _Place(fix)
        if self._trusts_speed and speed_dmps is not None and speed_dmps <= STOP_DMPS:
            self._stand(place)
        else:
            self._move(place)
        return self.is_moving != was_moving

    def take(self, fix: Fix) -> bool:
        """Judge the next fix; say whether with it a start or a stop is known."""
        speed_dmps = fix.speed_dmps
        if self.is_moving:
            if speed_dmps is None or not self._trusts_speed:
                return self._settles(fix)
            if speed_dmps > STOP_DMPS:
                self._place = None
                return False
            self._stand(_Place(fix))
            return True
        if speed_dmps is not None and speed_dmps >= START_DMPS:
            self._trusts_speed = True
            self._move(None)
            return True
        return self._leaves(fix)

    def _settles(self, fix: Fix) -> bool:
        if fix.speed_dmps is not None and fix.speed_dmps >= START_DMPS:
            self._trusts_speed = True
        place = self._place
        if place is None or not place.holds(fix, SETTLED_M):
            self._place = _Place(fix)
            return False
        if place.age_s(fix) < SETTLED_S:
            return False
        self._stand(place)
        return True

    def _leaves(self, fix: Fix) -> bool:
        place = self._place
        reach_m = LEFT_M if fix.speed_dmps is None else LEFT_AGAINST_SPEED_M
        if place is None or place.holds(fix, reach_m):
            if place is None or place.age_s(fix) >= PLACE_S:
                self._place = _Place(fix)
            return False
        if fix.speed_dmps is not None:
            self._trusts_speed = False
        self._move(_Place(fix))
        return True

    def _stand(self, place: "_Place") -> None:
        self.is_moving = False
        self.parked_from_ms = place.time_ms + self._parked_after_ms
        self._place = place

    def _move(self, place: "_Place | None") -> None:
        self.is_moving = True
        self.parked_from_ms = inf
        self._place = place


class _Place:
    """Where the vehicle was at one fix."""

    __slots__ = ("_lat_e6", "_lon_e6", "_lon_scale", "time_ms")

    def __init__(self, fix: Fix) -> None:
        self.time_ms = fix.time_ms
        self._lat_e6 = fix.lat_e6
        self._lon_e6 = fix.lon_e6
        self._lon_scale = cos(radians(fix.lat_e6 / 1e6))

    def age_s(self, fix: Fix) -> float:
        """Return the seconds from this place to a fix."""
        return (fix.time_ms - self.time_ms) / 1000

    def holds(self, fix: Fix, reach_m: float) -> bool:
        """Whether a fix is within `reach_m` to the north, south, east and west."""
        reach_e6 = reach_m / METRES_PER_E6
        east_e6 = (fix.lon_e6 - self._lon_e6 + HALF_TURN_E6) % TURN_E6 - HALF_TURN_E6
        return (
            -reach_e6 <= fix.lat_e6 - self._lat_e6 <= reach_e6
            and -reach_e6 <= east_e6 * self._lon_scale <= reach_e6
        )
