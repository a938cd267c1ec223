"""Finding the drives of a demo: recorded ones from a file or folder, or drawn ones of our own."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from milepost_firmware_sim.demo.plan import LEAST_VEHICLES, Track
from milepost_firmware_sim.drive.delivery_round import drive_through
from milepost_firmware_sim.receiver.receiver import receive
from milepost_firmware_sim.replay.recording import RecordingError
from milepost_firmware_sim.replay.source import load
from milepost_firmware_sim.town.generator import generate_town

_TOWN_SEED = 7
_DRIVE_STOPS = 6
_DRIVES = LEAST_VEHICLES + 1
_FIRST_DAY = datetime(2026, 1, 5, 8, tzinfo=UTC)


def recorded_tracks(place: Path, say: Callable[[str], None]) -> list[Track]:
    """Load the drive in a file, or all in a folder; files without a sentence are passed over.

    Raises:
        RecordingError: The file cannot be played, or the folder holds no drive.
    """
    if not place.is_dir():
        return [Track(place, load(place))]
    tracks = []
    for path in sorted(path for path in place.iterdir() if path.is_file()):
        try:
            tracks.append(Track(path, load(path)))
        except RecordingError as error:
            say(f"passed over: {error}")
    tracks = [track for track in tracks if track.recording.track]
    if not tracks:
        raise RecordingError(f"folder {place}: no file in it holds a drive")
    return tracks


def drawn_tracks(folder: Path) -> list[Track]:
    """Draw a town, drive through it, and write each drive as a receiver would."""
    folder.mkdir(parents=True, exist_ok=True)
    town = generate_town(_TOWN_SEED)
    tracks = []
    for seed in range(1, _DRIVES + 1):
        path = folder / f"round_{seed}.nmea"
        drive = drive_through(town, seed, stops=_DRIVE_STOPS, minutes=None)
        path.write_bytes(b"".join(receive(drive, town.projection, _FIRST_DAY, seed)))
        tracks.append(Track(path, load(path)))
    return tracks
