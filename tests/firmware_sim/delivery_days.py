"""Delivery days made by the program's command line, read back from the files that it wrote."""

import csv
import json
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from milepost_firmware_sim.cli import main
from milepost_schemas.plan import Plan, read_plan


@dataclass(frozen=True)
class Fix:
    """A row of a track."""

    vehicle: str
    time_s: float
    lat_deg: float
    lon_deg: float


@dataclass(frozen=True)
class Days:
    """What the program wrote."""

    folder: Path
    truth: dict[str, Any]

    @property
    def drives(self) -> list[dict[str, Any]]:
        """The truth of each drive."""
        return list(self.truth["drives"])

    def plan(self, drive: dict[str, Any]) -> Plan:
        """Read the plan of a drive."""
        file = self.folder / "plans" / f"{drive['plan']}.json"
        return read_plan(json.loads(file.read_text()))

    def fixes(self, drive: dict[str, Any]) -> list[Fix]:
        """Read the track of a drive (CSV)."""
        with (self.folder / drive["track"]).open(newline="") as rows:
            return [
                Fix(
                    row["vehicle"],
                    seconds(row["time"]),
                    float(row["lat_deg"]),
                    float(row["lon_deg"]),
                )
                for row in csv.DictReader(rows)
            ]


def made(folder: Path, command: str) -> Days:
    """Run `milepost-sim day` to its end; `command` is what is typed after it.

    It runs in this process, as `driven` does; `test_day_events` runs the installed program.
    """
    typed = ["milepost-sim", "day", *shlex.split(command), "--out", str(folder)]
    with mock.patch.object(sys, "argv", typed), pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return read_days(folder)


def read_days(folder: Path) -> Days:
    """Read a folder of days."""
    return Days(folder, json.loads((folder / "truth.json").read_text()))


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what each file of a folder holds, by its name in it."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def seconds(time: str) -> float:
    """Return the Unix seconds of a time."""
    return datetime.fromisoformat(time).timestamp()
