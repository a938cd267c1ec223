"""A finished day of a vehicle, and what was known at any instant of it."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from milepost_collector.delivery.eta.course import straight
from milepost_collector.delivery.eta.route import Position, Route, Visit
from milepost_collector.delivery.eta.walk import Now

# Who stays within that of a place stands there.
_STANDS_M = 20.0


@dataclass(frozen=True, slots=True)
class Day:
    """What was planned and what came.

    Attributes:
        name: As people call it.
        number: Its place in time: local days since 1970; equal for all vehicles of a day.
        route: What was to be done.
        left_ms: When the vehicle left its start; None: unknown.
        visits: What it did, in the order of arrival; all have ended, but for the last.
        track: Where it was, in the order of time.
    """

    name: str
    number: int
    route: Route
    left_ms: int | None
    visits: tuple[Visit, ...]
    track: tuple[Position, ...] = ()

    def instants_ms(self, every_s: float) -> range:
        """Return regular instants, from when it left (or first came) to its last arrival.

        Args:
            every_s: How far apart; 1 or more.
        """
        if not self.visits:
            return range(0)
        begin_ms = self.visits[0].arrived_ms if self.left_ms is None else self.left_ms
        return range(begin_ms, self.visits[-1].arrived_ms, round(1000.0 * every_s))

    def at(self, now_ms: int) -> Now:
        """Return what was known at an instant."""
        visits = tuple(_so_far(self.visits, now_ms))
        place = bisect_right(self.track, now_ms, key=lambda position: position.time_ms)
        left_ms = self.left_ms if self.left_ms is not None and self.left_ms <= now_ms else None
        return Now(now_ms, visits, self.track[place - 1] if place else None, left_ms)

    def halts_s(self) -> Iterator[float]:
        """Yield how long the vehicle stood between stops, each time that it did."""
        last: Position | None = None
        for position in self.track:
            ended = last is not None and (position.standing_s or 0.0) < (last.standing_s or 0.0)
            if ended and last is not None and last.standing_s and not self._visits(last):
                yield last.standing_s
            last = position

    def _visits(self, position: Position) -> bool:
        """Say whether the vehicle was at a stop, or had not left."""
        begun_ms = position.time_ms - 1000.0 * (position.standing_s or 0.0)
        if self.left_ms is not None and begun_ms < self.left_ms:
            return True
        return any(
            begun_ms <= (visit.departed_ms or position.time_ms)
            and visit.arrived_ms <= position.time_ms
            for visit in self.visits
        )


def _so_far(visits: Iterable[Visit], now_ms: int) -> Iterator[Visit]:
    for visit in visits:
        if visit.arrived_ms <= now_ms:
            gone = visit.departed_ms is not None and visit.departed_ms <= now_ms
            yield visit if gone else replace(visit, departed_ms=None)


def positions(places: Iterable[tuple[int, float, float]]) -> tuple[Position, ...]:
    """Return positions with how long the vehicle had been standing.

    Args:
        places: Time (milliseconds since 1970), latitude, longitude; in the order of time.
    """
    found: list[Position] = []
    since_ms, at = 0, (0.0, 0.0)
    for time_ms, lat_deg, lon_deg in places:
        if not found or straight(at, (lat_deg, lon_deg)) > _STANDS_M:
            since_ms, at = time_ms, (lat_deg, lon_deg)
        found.append(Position(lat_deg, lon_deg, time_ms, (time_ms - since_ms) / 1000.0))
    return tuple(found)


def left_ms(route: Route, track: Sequence[Position], before_ms: int) -> int | None:
    """Return when a vehicle left its start for the last time before an instant.

    Returns:
        The time of its last position there; None: it never was, or the start is unknown.
    """
    left = None
    for position in track:
        if position.time_ms >= before_ms or route.start is None:
            break
        place = position.lat_deg, position.lon_deg
        if straight(place, route.start) <= route.start_radius_m:
            left = position.time_ms
    return left
