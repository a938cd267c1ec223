"""The truth of a drive at each instant of a receiver: where the van was, in degrees and UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from milepost_firmware_sim.drive.drive import Drive, Visit
from milepost_firmware_sim.path import Surroundings
from milepost_firmware_sim.plane import Projection

RATES_HZ = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Instant:
    """The van at one instant.

    Attributes:
        time: UTC.
        elapsed_s: Since the drive began.
        lat_deg: WGS 84.
        lon_deg: WGS 84.
        altitude_m: Above mean sea level.
        course_deg: Clockwise from true north, 0 to below 360; standing, where it looks.
        surroundings: What stands around it.
        stay: Where it stands on purpose, or None.
    """

    time: datetime
    elapsed_s: float
    lat_deg: float
    lon_deg: float
    altitude_m: float
    speed_mps: float
    course_deg: float
    surroundings: Surroundings
    stay: Visit | None

    @property
    def stands(self) -> bool:
        """Say whether it does not move."""
        return self.speed_mps == 0.0

    @property
    def in_tunnel(self) -> bool:
        """Say whether there is no sky above it."""
        return self.surroundings is Surroundings.TUNNEL

    @property
    def engine_on(self) -> bool:
        """Say whether its engine runs."""
        parked = None if self.stay is None else self.stay.parked
        return parked is None or not parked[0] <= self.elapsed_s < parked[1]


def instants(
    drive: Drive, projection: Projection, begin: datetime, rate_hz: float = 1.0
) -> Iterator[Instant]:
    """Yield the truth of each instant from the begin of a drive to its end.

    Args:
        drive: What happened.
        projection: Of its plane.
        begin: Time of the first instant; its fraction of a second is left out.
        rate_hz: Instants a second; between two is a whole number of milliseconds.
    """
    begin = begin.astimezone(UTC).replace(microsecond=0)
    step_ms = round(1000 / rate_hz)
    for elapsed_ms in range(0, int(drive.duration_s * 1000.0) + 1, step_ms):
        elapsed_s = elapsed_ms / 1000.0
        state = drive.at(elapsed_s)
        place = projection.to_degrees_exact(state.point)
        underground = drive.in_tunnel(state, elapsed_s)
        yield Instant(
            time=begin + timedelta(milliseconds=elapsed_ms),
            elapsed_s=elapsed_s,
            lat_deg=place[1],
            lon_deg=place[0],
            altitude_m=state.altitude_m,
            speed_mps=state.speed_mps,
            course_deg=(state.course_deg + projection.convergence_deg(place)) % 360.0,
            surroundings=Surroundings.TUNNEL if underground else state.stretch.surroundings,
            stay=drive.stay(elapsed_s),
        )
