"""What is remembered of how a vehicle moves: its place on the grid, its stop, its trip."""

from dataclasses import dataclass, field

from milepost_collector.engine.tail import Tail


@dataclass(slots=True)
class Bucket:
    """Five seconds of the track, or a part of them.

    Attributes:
        number: GPS time in units of five seconds.
        covered_ms: How much of it the track covers.
        lat_sum: Twice the integral of latitude over time.
        lon_sum: Likewise.
        way_mm: Length of the track in it.
        sure_mm: So much of it as the receiver's own speed says was driven.
    """

    number: int
    covered_ms: int
    lat_sum: int
    lon_sum: int
    way_mm: int
    sure_mm: int


@dataclass(slots=True)
class Stay:
    """A place where the vehicle stands, or seems to.

    Attributes:
        lat_e6: Its middle; likewise `lon_e6`.
        began_ms: When it came there.
        way_mm: How far it has come, what it moves at the place included as far as that is sure.
        told: `vehicle.stopped` has been told.
        idling: `vehicle.idling` has been told, or cannot be any more.
        told_mm: How far it had come, as `vehicle.stopped` told it.
    """

    lat_e6: int
    lon_e6: int
    began_ms: int
    way_mm: int
    told: bool = False
    idling: bool = False
    told_mm: int = 0


@dataclass(slots=True)
class Trip:
    """A trip under way: when and where it began, and how far the vehicle had come by then."""

    began_ms: int
    lat_e6: int
    lon_e6: int
    way_mm: int


@dataclass(slots=True)
class MotionState:
    """How a vehicle moves.

    Attributes:
        bucket: Where the track is in the grid of five seconds.
        tail: The newest means, without a break between them.
        stay: Where it stands.
        trip: The trip that it is on.
        origin: From where on the next trip would be one; None: not known.
        way_mm: How far it has come in all, standing not counted.
        sure_mm: How far by the receiver's own speed.
        begun_ms: Since when the track has been without a break or a stop.
    """

    bucket: Bucket | None = None
    tail: Tail = field(default_factory=Tail)
    stay: Stay | None = None
    trip: Trip | None = None
    origin: Trip | None = None
    way_mm: int = 0
    sure_mm: int = 0
    begun_ms: int = 0
