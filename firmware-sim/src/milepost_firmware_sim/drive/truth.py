"""The truth of a drive, written beside what the receiver said.

In flow epochs, out flow rows (CSV): one for each instant, with the truth and the fix as measured;
or stops (JSON): when the van arrived, left, was parked, waited, and was below the ground.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from milepost_firmware_sim.drive.drive import Drive, Visit
from milepost_firmware_sim.receiver.receiver import Epoch
from milepost_firmware_sim.sentence_sets import FixKind

ROW_NAMES = (
    "time", "lat_deg", "lon_deg", "altitude_m", "speed_mps", "course_deg", "stands", "stop",
    "engine_on", "in_tunnel", "fix", "fix_lat_deg", "fix_lon_deg", "hdop", "satellites",
)  # fmt: skip
_KINDS = {FixKind.NONE: "", FixKind.FLAT: "2D", FixKind.SOLID: "3D", FixKind.ESTIMATED: "estimated"}


def rfc3339(time: datetime) -> str:
    """Write an aware UTC time with milliseconds."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def truth_row(epoch: Epoch) -> tuple[str, ...]:
    """Return the cells of an instant, in the order of `ROW_NAMES`; unknown is empty."""
    true, fix = epoch.truth, epoch.measured
    return (
        rfc3339(true.time),
        f"{true.lat_deg:.8f}",
        f"{true.lon_deg:.8f}",
        f"{true.altitude_m:.2f}",
        f"{true.speed_mps:.3f}",
        f"{true.course_deg % 360.0:.3f}".replace("360.000", "0.000"),
        str(int(true.stands)),
        "" if true.stay is None else true.stay.name,
        str(int(true.engine_on)),
        str(int(true.in_tunnel)),
        _KINDS[fix.kind],
        "" if fix.lat_deg is None else f"{fix.lat_deg:.8f}",
        "" if fix.lon_deg is None else f"{fix.lon_deg:.8f}",
        "" if fix.hdop is None else f"{fix.hdop:.2f}",
        "" if fix.satellites is None else str(fix.satellites),
    )


class StopsTruth:
    """What happened on a drive, gathered while its epochs pass."""

    def __init__(self, drive: Drive, seed: int) -> None:
        self._drive = drive
        self._seed = seed
        self._begin: datetime | None = None
        self._counts = dict.fromkeys(("3D", "2D", "estimated", "void"), 0)
        self._tunnels = _Spans()
        self._halts = _Spans()

    def add(self, epoch: Epoch) -> None:
        """Take note of an epoch."""
        true = epoch.truth
        if self._begin is None:
            self._begin = true.time
        self._counts[_KINDS[epoch.measured.kind] or "void"] += 1
        self._tunnels.add(true.elapsed_s, inside=true.in_tunnel)
        self._halts.add(true.elapsed_s, inside=true.stands and true.stay is None)

    def text(self) -> str:
        """Return what happened, as JSON."""
        drive = self._drive
        told = {
            "seed": self._seed,
            "begin": self._time(0.0),
            "end": self._time(drive.duration_s),
            "length_m": round(drive.length_m, 1),
            "stops": [self._stop(number, stay) for number, stay in enumerate(drive.stays)],
            "halts": list(self._told(self._halts)),
            "tunnels": list(self._told(self._tunnels)),
            "epochs": self._counts,
        }
        return json.dumps(told, indent=1, ensure_ascii=False) + "\n"

    def _stop(self, number: int, stay: Visit) -> dict[str, object]:
        parked = stay.parked or (None, None)
        return {
            "number": number,
            "name": stay.name,
            "lat_deg": stay.place[1],
            "lon_deg": stay.place[0],
            "arrived": self._time(stay.arrived_s),
            "departed": self._time(stay.left_s),
            "engine_off": self._time(parked[0]),
            "engine_on": self._time(parked[1]),
        }

    def _told(self, spans: "_Spans") -> Iterator[dict[str, str | None]]:
        for begin_s, end_s in spans.found:
            yield {"begin": self._time(begin_s), "end": self._time(end_s)}

    def _time(self, elapsed_s: float | None) -> str | None:
        if elapsed_s is None or self._begin is None:
            return None
        return rfc3339(self._begin + timedelta(milliseconds=round(elapsed_s * 1000.0)))


class _Spans:
    """Times from when to when something held, as exact as the instants are close."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float | None]] = []
        self._inside = False

    def add(self, elapsed_s: float, *, inside: bool) -> None:
        """Take note of an instant; what still holds at the last one has no end."""
        if inside and not self._inside:
            self.found.append((elapsed_s, None))
        elif self._inside and not inside:
            self.found[-1] = self.found[-1][0], elapsed_s
        self._inside = inside
