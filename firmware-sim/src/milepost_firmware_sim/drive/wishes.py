"""Places on a way as people type them: an address or LAT,LON, with how long to stand there."""

from dataclasses import dataclass

from milepost_firmware_sim.drive.drive import DriveError
from milepost_firmware_sim.drive.parking import parse_duration


@dataclass(frozen=True, slots=True)
class Wish:
    """A place to go to.

    Attributes:
        option: The option that it was given with, for messages.
        place: An address or `LAT,LON`.
        dwell_s: How long to stand there; 0 to pass, None where nothing was said.
    """

    option: str
    place: str
    dwell_s: float | None

    def told(self, error: Exception) -> DriveError:
        """Return an error of this place, naming its option."""
        return DriveError(f"{self.option} {error}")


def parse_wish(option: str, text: str) -> Wish:
    """Read `PLACE` or `PLACE@120s`.

    Raises:
        DriveError: There is no place, or no time after the `@`.
    """
    place, at, dwell = text.rpartition("@")
    if not at:
        place, dwell = text, ""
    dwell_s = parse_duration(dwell) if at else None
    if at and dwell_s is None:
        raise DriveError(f"{option} {text}: after @ comes a time such as 120s, 5m or 8h")
    if not place.strip():
        raise DriveError(f"{option} {text}: names no place")
    return Wish(option, " ".join(place.split()), dwell_s)
