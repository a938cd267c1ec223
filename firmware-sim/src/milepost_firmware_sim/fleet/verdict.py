"""The verdict at the end: what was committed against what the table holds, device by device.

The table is read as any user would: by the text of `milepost-collector export`, which comes sorted
by device.
"""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from milepost_firmware_sim.demo.account import Comparison, compare
from milepost_firmware_sim.fleet.figures import Verdict
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_schemas.exported.rows import COLUMNS, row_of

_COLLECTOR = "milepost-collector"
# No device is called so: ids hold no dot.
_NOBODY = "no.body"


class VerdictError(ValueError):
    """The table cannot be read; the message says why."""


def by_acks(vehicles: Iterable[Vehicle]) -> Verdict:
    """Judge by what the server answered."""
    return Verdict("acks", lost=sum(vehicle.backlog for vehicle in vehicles))


def by_table(vehicles: Iterable[Vehicle], rows: Iterable[Sequence[str]]) -> Verdict:
    """Judge by the rows of an export, the columns' names left out.

    Rows of other devices and of earlier runs of ours are none of our business.
    """
    waiting = {vehicle.address.device: vehicle for vehicle in vehicles}
    found: list[Comparison] = []
    stored = 0
    for device, group in groupby(rows, key=itemgetter(0)):
        vehicle = waiting.pop(device, None)
        if vehicle is not None:
            table = [tuple(row[1:]) for row in group]
            held = _held(vehicle)
            ours = {row[0] for row in held}
            stored += sum(1 for row in table if row[0] in ours)
            found.append(compare(held, table))
    found += [compare(_held(vehicle), []) for vehicle in waiting.values()]
    return Verdict(
        "table",
        lost=sum(each.lost for each in found),
        duplicates=sum(each.duplicates for each in found),
        invented=sum(each.invented for each in found),
        stored=stored,
    )


def check_readable(dsn: str) -> None:
    """Make sure, before hours are driven, that the table can be read afterwards.

    Raises:
        VerdictError: It cannot.
    """
    with exported(dsn, "--device", _NOBODY) as rows:
        for _ in rows:
            pass


@contextmanager
def exported(dsn: str, *options: str) -> Iterator[Iterator[list[str]]]:
    """Give the rows that the collector exports, without the columns' names.

    Raises:
        VerdictError: It is not installed or fails, or has other columns than we.
    """
    environment = {**os.environ, "MILEPOST_DATABASE__DSN": dsn}
    with subprocess.Popen(
        [_collector(), "export", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
        rows = csv.reader(process.stdout)
        head = next(rows, None)
        if head is not None and tuple(head) != COLUMNS:
            raise VerdictError(f"{_COLLECTOR} export has the columns {','.join(head)}")
        yield rows
        words = process.stderr.read().strip()
        if process.wait() != 0:
            raise VerdictError(f"--compare-dsn: {words.splitlines()[-1] if words else 'no export'}")


def _held(vehicle: Vehicle) -> list[tuple[str, ...]]:
    return [row_of(stream, kept) for stream, kept in vehicle.buffer.committed()]


def _collector() -> str:
    """Find the collector beside our own interpreter, else on PATH."""
    beside = Path(sys.executable).parent / _COLLECTOR
    found = str(beside) if beside.exists() else shutil.which(_COLLECTOR)
    if found is None:
        raise VerdictError(f"--compare-dsn: {_COLLECTOR} is not installed here")
    return found
