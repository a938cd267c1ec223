"""The recorded drives beside the repository, and short recordings made up here."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from milepost_firmware_sim.replay.recording import Recording
from milepost_firmware_sim.replay.source import load
from milepost_firmware_sim.sentence import checksum_of

DATA = Path(__file__).parents[3] / "shared" / "data"
_ABSENT = f"no recorded drives: {DATA} does not exist"


def drive_files() -> list[Any]:
    """Return all recorded drives as parameters, or one that skips with the reason."""
    files = sorted((DATA / "drives").glob("*")) if DATA.is_dir() else []
    if not files:
        return [pytest.param(DATA, id="absent", marks=pytest.mark.skip(reason=_ABSENT))]
    return [pytest.param(file, id=file.name.partition(".")[0]) for file in files]


def bytes_of(file: Path) -> bytes:
    """Return the bytes of a recorded drive."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


@cache
def loaded(file: Path) -> Recording:
    """Return a recorded drive, read once for all tests."""
    return load(file)


def expected_track(file: Path) -> dict[str, Any]:
    """Return what the manifest's independent reader found on the track of a file, or nothing."""
    manifest = json.loads((DATA / "manifest.json").read_text())
    for entry in manifest["entries"]:
        if entry.get("file") == f"drives/{file.name}":
            track = entry.get("expect", {}).get("track", {})
            return dict(track) if isinstance(track, dict) else {}
    return {}


def sentence(body: str, end: bytes = b"\r\n") -> bytes:
    """Return a sentence with its right checksum."""
    raw = body.encode()
    return b"$" + raw + b"*%02X" % checksum_of(raw) + end


def rmc(clock: str, day: str = "050126", status: str = "A") -> bytes:
    """Return an RMC at a clock time, standing in one place."""
    return sentence(f"GPRMC,{clock},{status},5130.0000,N,01030.0000,E,10.0,90.0,{day},,,A")


def gga(clock: str, quality: int = 1) -> bytes:
    """Return a GGA at a clock time."""
    return sentence(f"GPGGA,{clock},5130.0000,N,01030.0000,E,{quality},08,1.0,200.0,M,46.0,M,,")
