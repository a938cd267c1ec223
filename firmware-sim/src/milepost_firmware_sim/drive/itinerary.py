"""A drive along a way of one's own: legs from stop to stop, before they are driven.

In flow paths with their stops, out flows a drive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost_firmware_sim.drive.drive import Drive, DriveError, Layout
from milepost_firmware_sim.drive.motion import Motion
from milepost_firmware_sim.drive.parking import Parking, parked_at
from milepost_firmware_sim.path import Path
from milepost_firmware_sim.plane import Projection

# A van stands a moment before it leaves, and after it has arrived.
READY_S = 30.0
_FARTHEST_M = 2_000_000.0


@dataclass(frozen=True, slots=True)
class Leg:
    """A path to a stop.

    Attributes:
        name: Of the stop.
        dwell_s: How long the van stands there, its engine idling.
    """

    path: Path
    name: str
    dwell_s: float


@dataclass(frozen=True, slots=True)
class Itinerary:
    """Where to go.

    Attributes:
        projection: Of the paths' plane.
        begin: Name of the place where the first leg begins.
        ready_s: How long the van stands there before it leaves.
        legs: At least one.
    """

    projection: Projection
    begin: str
    ready_s: float
    legs: tuple[Leg, ...]


def drive_along(itinerary: Itinerary, parkings: Sequence[Parking]) -> Drive:
    """Drive an itinerary.

    Raises:
        DriveError: It is longer than 2,000 km, or a parking names a stop that it does not have.
    """
    legs = itinerary.legs
    for parking in parkings:
        parking.check(len(legs) - 1)
    start = legs[0].path
    layout = Layout(itinerary.projection, itinerary.begin, start.points[0], start.altitudes_m[0])
    layout.stand(itinerary.ready_s)
    _park(layout, parkings, "begin")
    driven_m = 0.0
    for number, leg in enumerate(legs, start=1):
        motion = Motion(leg.path)
        driven_m += motion.length_m
        if driven_m > _FARTHEST_M:
            raise DriveError(f"the way to {leg.name}: longer than {_FARTHEST_M / 1000:.0f} km")
        layout.drive(motion, leg.name, leg.path.points[-1])
        layout.stand(leg.dwell_s)
        _park(layout, parkings, "end" if number == len(legs) else number)
    return layout.finished()


def _park(layout: Layout, parkings: Sequence[Parking], where: str | int) -> None:
    seconds = parked_at(parkings, where)
    if seconds > 0.0:
        layout.park(seconds)
