"""What the benchmarks work on: drives of our own drawing, as bytes and as fixes."""

from datetime import UTC, datetime

from milepost_firmware_sim.drive.delivery_round import drive_through
from milepost_firmware_sim.receiver.receiver import receive
from milepost_firmware_sim.town.generator import generate_town
from milepost_schemas.dating import RecordedDating
from milepost_schemas.fix import Fix
from milepost_schemas.nmea.decoder import NmeaDecoder

BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)


def drawn_log(seed: int, minutes: float) -> bytes:
    """Drive through the town of a seed, as a receiver writes it."""
    town = generate_town(seed)
    drive = drive_through(town, seed, stops=None, minutes=minutes)
    return b"".join(receive(drive, town.projection, BEGIN, seed))


def fixes_of(log: bytes) -> list[Fix]:
    """Read a log as the agent does."""
    decoder = NmeaDecoder(RecordedDating(), live=False)
    return [each.fix for each in decoder.feed(log, 0.0) + decoder.close()]
