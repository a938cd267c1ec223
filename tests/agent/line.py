"""A receiver's line for tests: sentences with right checksums, and the whole way to a fix."""

from collections.abc import Iterable
from functools import reduce
from operator import xor
from pathlib import Path

import pytest

from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import EpochJoiner, MadeFix
from milepost_schemas.nmea.order import SentenceOrder
from milepost_schemas.nmea.sentence import read_sentence

RECORDED = Path(__file__).parents[2] / "../shared/data"

needs_recorded = pytest.mark.skipif(
    not RECORDED.is_dir(), reason=f"the recorded data is not at {RECORDED}"
)


def checksum(body: bytes) -> int:
    """Return the exclusive or of what stands between `$` and `*`."""
    return reduce(xor, body, 0)


def sentence(body: str, end: bytes = b"\r\n") -> bytes:
    """Write a sentence with its checksum."""
    return b"$%b*%02X%b" % (body.encode(), checksum(body.encode()), end)


def rmc(
    time: str = "121500.00",
    lat: str = "4717.1143,N",
    lon: str = "00833.9152,E",
    date: str = "010126",
    *,
    status: str = "A",
    speed: str = "10.0",
    course: str = "90.0",
    mode: str = "A",
) -> str:
    """Return the body of an RMC."""
    return f"GPRMC,{time},{status},{lat},{lon},{speed},{course},{date},,,{mode}"


def gga(
    time: str = "121500.00",
    lat: str = "4717.1143,N",
    lon: str = "00833.9152,E",
    *,
    quality: str = "1",
    satellites: str = "08",
    hdop: str = "0.9",
    altitude: str = "408.0",
) -> str:
    """Return the body of a GGA."""
    return f"GPGGA,{time},{lat},{lon},{quality},{satellites},{hdop},{altitude},M,47.0,M,,"


def joiner_of(*, live: bool = False) -> EpochJoiner:
    """Return a joiner that believes every date; a live one learns the order of sentences."""
    return EpochJoiner(RecordedDating(), SentenceOrder() if live else None)


def joined(bodies: Iterable[str], joiner: EpochJoiner | None = None) -> list[MadeFix]:
    """Read sentences one after the other, close the last instant, and return all fixes."""
    joiner = joiner or joiner_of()
    made = [
        joiner.add(reading, 0.0)
        for reading in (read_sentence(body.encode()) for body in bodies)
        if reading is not None
    ]
    made.append(joiner.close())
    return [each for each in made if each is not None]


def replayed(
    data: bytes, decoder: NmeaDecoder | None = None, chunk_bytes: int = 4096
) -> list[MadeFix]:
    """Read a recording as a file is read, without any pause."""
    decoder = decoder or NmeaDecoder(RecordedDating(), live=False)
    made: list[MadeFix] = []
    for at in range(0, len(data), chunk_bytes):
        made += decoder.feed(data[at : at + chunk_bytes], 0.0)
    return made + decoder.close()
