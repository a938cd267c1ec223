"""What a receiver makes of a drive: fixes with errors, written as NMEA 0183.

Errors are those of an urban single-frequency receiver: the position wanders around the truth over
minutes (first-order Gauss-Markov), while speed and course, which come from Doppler, are good as
long as the van moves.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from milepost_firmware_sim.drive import Drive
from milepost_firmware_sim.motion import State
from milepost_firmware_sim.plane import Projection
from milepost_firmware_sim.sentence import checksum_of

_KNOT_MPS = 1852 / 3600
_POSITION_SIGMA_M = 2.2
_HEIGHT_SIGMA_M = 4.0
_WANDER_S = 60.0
_DOPPLER_SIGMA_MPS = 0.06
# Below this a course from Doppler is noise, and receivers hold the last one.
_HOLD_COURSE_MPS = 0.5
_GROUND_M = 218.0
_GEOID_M = 46.3


class Wander:
    """A first-order Gauss-Markov process in steps of a second: it forgets itself over `_WANDER_S`.

    Attributes:
        error: The current value, in the unit of `sigma`.
    """

    def __init__(self, random: Random, sigma: float) -> None:
        self._random = random
        self._keep = math.exp(-1.0 / _WANDER_S)
        self._step = sigma * math.sqrt(1.0 - self._keep**2)
        self.error = random.gauss(0.0, sigma)

    def step(self) -> float:
        """Go on by a second and return the new error."""
        self.error = self.error * self._keep + self._random.gauss(0.0, self._step)
        return self.error


@dataclass(frozen=True, slots=True)
class Measured:
    """One epoch of a receiver."""

    time: datetime
    lon_deg: float
    lat_deg: float
    altitude_m: float
    speed_mps: float
    course_deg: float
    satellites: tuple[int, ...]
    hdop: float


def receive(drive: Drive, projection: Projection, begin: datetime, seed: int) -> Iterator[bytes]:
    """Yield the bytes of each second: RMC, VTG, GGA and GSA, with CR LF.

    Args:
        drive: The truth.
        projection: Of the town.
        begin: UTC time of the first second; its fraction is left out.
        seed: Chooses the errors.
    """
    begin = begin.astimezone(UTC).replace(microsecond=0)
    random = Random(seed ^ 0x5EED)  # noqa: S311 - noise, not a secret
    east, north = Wander(random, _POSITION_SIGMA_M), Wander(random, _POSITION_SIGMA_M)
    height, sky = Wander(random, _HEIGHT_SIGMA_M), Wander(random, 1.0)
    numbers = random.sample(range(1, 33), 12)
    course_deg = 0.0
    for second, state in enumerate(drive.states):
        point = state.point[0] + east.step(), state.point[1] + north.step()
        lon_deg, lat_deg = projection.to_degrees_exact(point)
        speed_mps = _measured_speed(state, random)
        if speed_mps >= _HOLD_COURSE_MPS:
            sigma_deg = math.degrees(_DOPPLER_SIGMA_MPS / speed_mps)
            course_deg = (state.course_deg + random.gauss(0.0, sigma_deg)) % 360.0
        seen = max(6, min(12, round(9.5 + 1.3 * sky.step())))
        yield _epoch(
            Measured(
                time=begin + timedelta(seconds=second),
                lon_deg=lon_deg,
                lat_deg=lat_deg,
                altitude_m=_GROUND_M + height.step(),
                speed_mps=speed_mps,
                course_deg=course_deg,
                satellites=tuple(sorted(numbers[:seen])),
                hdop=8.5 / seen,
            )
        )


def _measured_speed(state: State, random: Random) -> float:
    sigma_mps = _DOPPLER_SIGMA_MPS if state.speed_mps > 0.0 else _DOPPLER_SIGMA_MPS / 3.0
    return abs(state.speed_mps + random.gauss(0.0, sigma_mps))


def _epoch(at: Measured) -> bytes:
    clock = f"{at.time:%H%M%S}.00"
    place = f"{_angle(at.lat_deg, 2, 'NS')},{_angle(at.lon_deg, 3, 'EW')}"
    knots = at.speed_mps / _KNOT_MPS
    # 359.996 would be written as 360.00, which is no course.
    course = f"{at.course_deg % 360.0:.2f}".replace("360.00", "0.00")
    count = len(at.satellites)
    used = ",".join(f"{one:02}" for one in at.satellites) + "," * (12 - count)
    bodies = (
        f"GPRMC,{clock},A,{place},{knots:.3f},{course},{at.time:%d%m%y},,,A",
        f"GPVTG,{course},T,,M,{knots:.3f},N,{at.speed_mps * 3.6:.3f},K,A",
        f"GPGGA,{clock},{place},1,{count:02},{at.hdop:.2f},"
        f"{at.altitude_m:.1f},M,{_GEOID_M:.1f},M,,",
        f"GPGSA,A,3,{used},{at.hdop * 1.9:.2f},{at.hdop:.2f},{at.hdop * 1.6:.2f}",
    )
    return b"".join(_sentence(body.encode()) for body in bodies)


def _angle(angle_deg: float, digits: int, sides: str) -> str:
    """Write an angle as degrees and minutes with five decimals (2 cm), and its side."""
    steps = round(abs(angle_deg) * 60.0 * 100_000)
    degrees, minutes = divmod(steps, 60 * 100_000)
    side = sides[0] if angle_deg >= 0.0 else sides[1]
    return f"{degrees:0{digits}}{minutes // 100_000:02}.{minutes % 100_000:05},{side}"


def _sentence(body: bytes) -> bytes:
    return b"$" + body + b"*%02X\r\n" % checksum_of(body)
