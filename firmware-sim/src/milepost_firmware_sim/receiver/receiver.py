"""What a receiver makes of a drive: fixes with errors, written by `sentence_sets`.

In flows the truth, instant by instant, out flow epochs: the truth of an instant and what was
measured then. Place and height are wrong as `errors` says; speed and course come from Doppler and
are good while the van moves. Below the ground `reception` takes over.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from milepost_firmware_sim.drive.drive import Drive
from milepost_firmware_sim.path import Surroundings
from milepost_firmware_sim.plane import LonLat, Projection, degree_m, half_turn_deg
from milepost_firmware_sim.receiver.dilution import Horizon, View
from milepost_firmware_sim.receiver.errors import Error, Errors
from milepost_firmware_sim.receiver.instants import Instant, instants
from milepost_firmware_sim.receiver.reception import DeadReckoning, Reception, Signal
from milepost_firmware_sim.receiver.static_hold import StaticHold
from milepost_firmware_sim.sentence_sets import (
    FixKind,
    Measured,
    ReceiverSet,
    epoch_sentences,
)

_FULL_SKY = 12
# What SiRF receivers state while they estimate.
_ESTIMATED_HDOP = 50.0
# Below this a course from Doppler is noise, and receivers hold the last one.
_HOLD_COURSE_MPS = 0.5
_GEOID_M = 46.3


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """How a receiver is made and set.

    Attributes:
        receiver_set: Its make, and with it its sentences.
        rate_hz: Instants a second: 1, 5 or 10; less where a track is sampled.
        noise: Times the usual errors; 0 measures the truth.
        static_hold: It holds its place while it stands, as many makes can be told to.
    """

    receiver_set: ReceiverSet = ReceiverSet.PLAIN
    rate_hz: float = 1.0
    noise: float = 1.0
    static_hold: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """One instant: what was, and what was measured."""

    truth: Instant
    measured: Measured


PLAIN = ReceiverOptions()


def receive(
    drive: Drive,
    projection: Projection,
    begin: datetime,
    seed: int,
    options: ReceiverOptions = PLAIN,
) -> Iterator[bytes]:
    """Yield the bytes of each instant; see `measure` for the arguments."""
    for epoch in measure(drive, projection, begin, seed, options):
        yield epoch_sentences(epoch.measured, options.receiver_set)


def measure(
    drive: Drive,
    projection: Projection,
    begin: datetime,
    seed: int,
    options: ReceiverOptions = PLAIN,
) -> Iterator[Epoch]:
    """Yield what a receiver measures at each instant of a drive.

    Args:
        drive: The truth.
        projection: Of its plane.
        begin: UTC time of the first instant; its fraction is left out.
        seed: Chooses the errors.
        options: What kind of receiver it is.
    """
    receiver = _Receiver(Random(f"receiver {seed}"), options)  # noqa: S311 - noise, not a secret
    for instant in instants(drive, projection, begin, options.rate_hz):
        yield Epoch(instant, receiver.measure(instant))


class _Receiver:
    """A receiver on its way; its errors are scaled where they are added to the truth."""

    def __init__(self, random: Random, options: ReceiverOptions) -> None:
        self._noise = options.noise
        self._step_s = 1.0 / options.rate_hz
        self._horizon = Horizon(random)
        self._errors = Errors(random)
        self._reception = Reception(random)
        self._hold = StaticHold() if options.static_hold else None
        self._reckoning: DeadReckoning | None = None
        self._seen: tuple[tuple[Surroundings, int], View] | None = None
        self._course_deg: float | None = None
        self._last: Measured | None = None

    def measure(self, at: Instant) -> Measured:
        """Measure one instant."""
        signal = self._reception.step(self._step_s, at)
        if signal is Signal.SKY:
            view = self._view(at)
            error = self._reception.settled(self._errors.step(self._step_s, at, view))
            self._reckoning = DeadReckoning(at, error)
            self._last = self._measured(at, view, error)
            return self._last
        if signal is Signal.ESTIMATE and self._reckoning is not None and self._last is not None:
            self._last = self._estimated(at, self._reckoning, self._last)
            return self._last
        self._last = None
        return _void(at)

    def _view(self, at: Instant) -> View:
        """Look at the sky again each second, and where other things stand around."""
        most = min(_FULL_SKY, self._reception.satellites)
        seen = at.surroundings, most
        if self._horizon.step(self._step_s) or self._seen is None or self._seen[0] != seen:
            place = at.lon_deg, at.lat_deg
            time_s, course_deg = at.time.timestamp(), at.course_deg
            view = self._horizon.view(time_s, place, at.surroundings, course_deg, most)
            self._seen = seen, view
        return self._seen[1]

    def _measured(self, at: Instant, view: View, error: Error) -> Measured:
        lon_deg, lat_deg = _moved(at, error.east_m * self._noise, error.north_m * self._noise)
        course = math.radians(at.course_deg)
        east_mps = at.speed_mps * math.sin(course) + error.east_mps * self._noise
        north_mps = at.speed_mps * math.cos(course) + error.north_mps * self._noise
        speed_mps = math.hypot(east_mps, north_mps)
        if self._hold is not None:
            (lon_deg, lat_deg), speed_mps = self._hold.step(
                self._step_s, (lon_deg, lat_deg), speed_mps
            )
        if speed_mps >= _HOLD_COURSE_MPS:
            self._course_deg = math.degrees(math.atan2(east_mps, north_mps)) % 360.0
        return Measured(
            time=at.time,
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            altitude_m=at.altitude_m + error.up_m * self._noise,
            speed_mps=speed_mps,
            course_deg=self._course_deg,
            satellites=view.satellites,
            hdop=view.hdop,
            geoid_m=_GEOID_M,
        )

    def _estimated(self, at: Instant, reckoning: DeadReckoning, last: Measured) -> Measured:
        """Go on as before: the same speed, course and height, and a place that drifts away."""
        east_m, north_m = reckoning.step(self._step_s, at)
        lon_deg, lat_deg = _moved(at, east_m * self._noise, north_m * self._noise)
        return replace(
            last,
            time=at.time,
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            satellites=0,
            hdop=_ESTIMATED_HDOP,
            kind=FixKind.ESTIMATED,
        )


def _void(at: Instant) -> Measured:
    """Return an epoch of a receiver that knows the time alone."""
    return Measured(at.time, None, None, None, None, None, 0, None, kind=FixKind.NONE)


def _moved(at: Instant, east_m: float, north_m: float) -> LonLat:
    """Return a place some metres off the truth."""
    east_degree_m, north_degree_m = degree_m(at.lat_deg)
    lon_deg = half_turn_deg(at.lon_deg + east_m / east_degree_m)
    return lon_deg, at.lat_deg + north_m / north_degree_m
