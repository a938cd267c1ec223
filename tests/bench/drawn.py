"""What the benchmarks work on: drives of our own drawing, as bytes and as fixes."""

from datetime import UTC, datetime

from milepost_agent.epoch import EpochJoiner
from milepost_agent.sentence import Framer, read_sentence
from milepost_firmware_sim.drive import drive_through
from milepost_firmware_sim.receiver import receive
from milepost_firmware_sim.town_generator import generate_town
from milepost_schemas.fix import Fix

BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)


def drawn_log(seed: int, minutes: float) -> bytes:
    """Drive through the town of a seed, as a receiver writes it."""
    town = generate_town(seed)
    drive = drive_through(town, seed, stops=None, minutes=minutes)
    return b"".join(receive(drive, town.projection, BEGIN, seed))


def fixes_of(log: bytes) -> list[Fix]:
    """Read a log as the agent does."""
    framer, joiner = Framer(), EpochJoiner()
    readings = [reading for body in framer.feed(log) if (reading := read_sentence(body))]
    made = [joiner.add(reading, 0.0) for reading in readings]
    return [each.fix for each in (*made, joiner.close()) if each is not None]
