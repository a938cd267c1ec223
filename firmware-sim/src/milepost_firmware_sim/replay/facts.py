"""What `inspect` tells of a file."""

from collections.abc import Callable
from datetime import UTC, datetime

from milepost_firmware_sim.replay.recording import Recording
from milepost_firmware_sim.replay.source import Source
from milepost_firmware_sim.sentence import DAY_S
from milepost_schemas.tracks.order import longest_step_s
from milepost_schemas.tracks.recognise import FileKind
from milepost_schemas.tracks.track import Timing, Track


def describe(source: Source) -> dict[str, object]:
    """Put the facts of a file under the names that `inspect` shows."""
    recording = source.recording
    facts, track = recording.facts, recording.track
    told: dict[str, object] = {"bytes": facts.size_bytes, "lines": facts.lines}
    if source.kind is FileKind.NMEA:
        told |= {
            "sentences": facts.sentences,
            "checksum_errors": facts.checksum_errors,
            "without_checksum": facts.without_checksum,
        }
    told |= {
        "fixes": facts.fixes,
        "span_s": round(recording.span_s, 3),
        "first_position": [round(one, 7) for one in track[0][1:]] if track else None,
        "last_position": [round(one, 7) for one in track[-1][1:]] if track else None,
        "format": source.kind.value,
        "begins": _time(recording.pace.origin_s) if _is_dated(recording) else None,
    }
    if source.kind is not FileKind.NMEA:
        told["chosen"] = source.chosen or "all"
        told["tracks"] = [_track(track, number) for number, track in enumerate(source.tracks, 1)]
    return told


def tell(facts: dict[str, object], write_line: Callable[[str], object]) -> None:
    """Tell the facts to people, a line each."""
    for name, fact in facts.items():
        for part in fact if isinstance(fact, list) and name == "tracks" else [fact]:
            write_line(f"{name.replace('_', ' '):18}{_told(part)}")


def _told(fact: object) -> str:
    if isinstance(fact, dict):
        return "  ".join(str(value) for value in fact.values() if value is not None)
    return "-" if fact is None else str(fact)


def _is_dated(recording: Recording) -> bool:
    # A log with times of day alone begins within the first days of 1970.
    return recording.dated and recording.pace.origin_s > 2 * DAY_S


def _track(track: Track, number: int) -> dict[str, object]:
    first_s, last_s = track.points[0].time_s, track.points[-1].time_s
    return {
        "number": number,
        "name": track.name,
        "points": len(track.points),
        "begins": _time(first_s) if track.timing is Timing.DATED else None,
        "span_s": round(last_s - first_s, 3),
        "hole_after_s": round(longest_step_s(track.points), 3),
        "left_out": track.left_out,
    }


def _time(unix_s: float) -> str:
    instant = datetime.fromtimestamp(round(unix_s, 3), UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
