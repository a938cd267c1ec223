"""What a van's day was: stops, legs, and what happened, beside the drive itself.

All times are seconds of the drive, which begins at `DrivenDay.begin_ms`.
"""

from dataclasses import dataclass
from enum import Enum

from milepost_firmware_sim.day.planning import PlannedDay, PlannedStop
from milepost_firmware_sim.drive.drive import Drive


class Outcome(Enum):
    """How a stop ended; the value is its name in the truth."""

    COMPLETED = "completed"
    INCIDENT = "incident"
    LEFT = "left"
    SKIPPED = "skipped"


class Cause(Enum):
    """Why the van stood as long as it did."""

    USUAL = "usual"
    LONG = "long"
    NOT_HOME = "not_home"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Stay:
    """The van at a stop.

    Attributes:
        entered_s: It came within the stop's radius, to stand there then.
        arrived_s: It came to stand.
        departed_s: It began to roll.
        exited_s: It left the radius.
        waited_s: It stood before the window began.
    """

    entered_s: float
    arrived_s: float
    departed_s: float
    exited_s: float
    waited_s: float
    cause: Cause

    @property
    def service_s(self) -> float:
        """Return how long the stop itself took."""
        return self.departed_s - self.arrived_s - self.waited_s


@dataclass(frozen=True, slots=True)
class DrivenStop:
    """A stop of the plan.

    Attributes:
        stay: None where the van never drove to it.
    """

    planned: PlannedStop
    outcome: Outcome
    stay: Stay | None


@dataclass(frozen=True, slots=True)
class DrivenLeg:
    """From standing to standing.

    Attributes:
        origin: Id of the stop where it begins, or `depot`; likewise `goal`.
        planned_m: What the plan says of the leg to that stop; None where it begins elsewhere.
        planned_s: Likewise.
        lights_s: Stood at lights and give-way lines.
        delay_s: Lost in a jam.
        break_s: The driver's rest.
    """

    origin: str
    goal: str
    departed_s: float
    arrived_s: float
    length_m: float
    planned_m: float | None
    planned_s: float | None
    lights_s: float
    delay_s: float
    break_s: float


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that is worth being told.

    Attributes:
        kind: Value of a `Mishap`, or `break`.
        stop: Where, or the one that the leg leads to.
        lost_s: Time that it cost; None where it cost none.
        street: Where, if it was on the way.
    """

    kind: str
    begin_s: float
    end_s: float
    stop: str | None = None
    lost_s: float | None = None
    street: str | None = None


@dataclass(frozen=True, slots=True)
class DrivenDay:
    """A round as it was driven.

    Attributes:
        begin_ms: Unix milliseconds of the drive's begin, whole seconds.
        happened: In the order of their begins.
    """

    planned: PlannedDay
    drive: Drive
    begin_ms: int
    stops: tuple[DrivenStop, ...]
    legs: tuple[DrivenLeg, ...]
    happened: tuple[Happened, ...]

    def time_ms(self, elapsed_s: float) -> int:
        """Return the Unix milliseconds of a time of the drive."""
        return self.begin_ms + round(elapsed_s * 1000.0)
