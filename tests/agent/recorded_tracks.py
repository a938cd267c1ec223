"""The recorded drives as the sampler meets them: fixes, each with whether a hole is before it."""

import gzip
import json
from dataclasses import dataclass
from functools import cache

from milepost_schemas.dating.recorded import RecordedDating
from milepost_schemas.fix import Fix
from milepost_schemas.nmea.decoder import NmeaDecoder
from tests.agent.line import RECORDED


@dataclass(frozen=True, slots=True)
class Track:
    """A track by its name; `holes[i]` says that one is before `fixes[i]`."""

    name: str
    fixes: list[Fix]
    holes: list[bool]
    simulated: bool = False


@cache
def recorded_tracks() -> list[Track]:
    """Read all recorded drives that have a fix; none where the data is absent."""
    manifest = RECORDED / "manifest.json"
    if not manifest.exists():
        return []
    entries = json.loads(manifest.read_text(encoding="utf-8"))["entries"]
    drives = [entry for entry in entries if entry["file"].startswith("drives/")]
    tracks = [_track(entry["file"], entry["kind"] == "nmea-simulated") for entry in drives]
    return [track for track in tracks if track.fixes]


def _track(file: str, simulated: bool) -> Track:
    decoder = NmeaDecoder(RecordedDating(), live=False)
    made = decoder.feed(gzip.decompress((RECORDED / file).read_bytes()), 0.0) + decoder.close()
    name = file.removeprefix("drives/").removesuffix(".nmea.gz")
    return Track(name, [each.fix for each in made], [each.hole for each in made], simulated)
