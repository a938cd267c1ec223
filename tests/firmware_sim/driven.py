"""Drives made by the program's command line, read back from the files that it wrote."""

import csv
import json
import math
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from milepost_firmware_sim.cli import main
from milepost_firmware_sim.plane import degree_m


@dataclass(frozen=True)
class Row:
    """A row of truth."""

    time: datetime
    lat_deg: float
    lon_deg: float
    altitude_m: float
    speed_mps: float
    course_deg: float
    stands: bool
    stop: str
    engine_on: bool
    in_tunnel: bool
    fix: str
    fix_lat_deg: float | None
    fix_lon_deg: float | None
    hdop: float | None
    satellites: int

    @property
    def error_m(self) -> float | None:
        """How far the fix is from the truth."""
        if self.fix_lat_deg is None or self.fix_lon_deg is None:
            return None
        return apart_m((self.lat_deg, self.lon_deg), (self.fix_lat_deg, self.fix_lon_deg))


@dataclass(frozen=True)
class Driven:
    """What the program wrote."""

    nmea: bytes
    rows: list[Row]
    told: dict[str, Any]


def driven(folder: Path, command: str) -> Driven:
    """Run `milepost-sim drive` to its end; `command` is what is typed after it.

    It runs in this process: a second interpreter would take longer to start than the drive itself.
    That the installed program does the same is shown in `test_drive_files`.
    """
    nmea, rows, told = folder / "d.nmea", folder / "truth.csv", folder / "truth.json"
    files = ["--out", str(nmea), "--truth", str(rows), "--truth", str(told)]
    typed = ["milepost-sim", "drive", *shlex.split(command), *files]
    with mock.patch.object(sys, "argv", typed), pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return Driven(nmea.read_bytes(), read_rows(rows), json.loads(told.read_text()))


def read_rows(file: Path) -> list[Row]:
    """Read a file of truth."""
    with file.open(newline="") as lines:
        return [_row(cells) for cells in csv.DictReader(lines)]


def _row(cells: dict[str, str]) -> Row:
    def number(name: str) -> float | None:
        return float(cells[name]) if cells[name] else None

    return Row(
        time=datetime.fromisoformat(cells["time"]),
        lat_deg=float(cells["lat_deg"]),
        lon_deg=float(cells["lon_deg"]),
        altitude_m=float(cells["altitude_m"]),
        speed_mps=float(cells["speed_mps"]),
        course_deg=float(cells["course_deg"]),
        stands=cells["stands"] == "1",
        stop=cells["stop"],
        engine_on=cells["engine_on"] == "1",
        in_tunnel=cells["in_tunnel"] == "1",
        fix=cells["fix"],
        fix_lat_deg=number("fix_lat_deg"),
        fix_lon_deg=number("fix_lon_deg"),
        hdop=number("hdop"),
        satellites=int(cells["satellites"]),
    )


def apart_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the metres between two near places (latitude, longitude)."""
    east_m, north_m = degree_m((one[0] + other[0]) / 2.0)
    return math.hypot((one[0] - other[0]) * north_m, (one[1] - other[1]) * east_m)


def root_mean_square(values: list[float]) -> float:
    """Return the root of the mean of the squares."""
    return math.sqrt(sum(value * value for value in values) / len(values))
