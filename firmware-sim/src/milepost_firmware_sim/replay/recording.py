"""A recorded serial line: its bytes cut into pieces, and when each of them is played.

In flow the bytes of a log, out flows a `Recording`. Invariant: the pieces one after the other are
the bytes of the log, unchanged, whatever stands in them.

A piece is at most one line, and holds at most one `$`: logs without any line end are still played
sentence by sentence. (The pieces of a recording that is written anew are epochs; see `written`.)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from milepost_firmware_sim.replay.pacing import Pace, pace_of
from milepost_firmware_sim.sentence import (
    Checksum,
    Sentence,
    find_sentence,
    holds_ais,
    position_of,
    stamp_of,
)

_PIECE = re.compile(rb"[^$\n]*\$?[^$\n]*\n?")


class RecordingError(ValueError):
    """The file cannot be read, or cannot be played as asked."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recording holds, counted.

    Attributes:
        size_bytes: Length of the log, unpacked.
        lines: Its lines, whatever stands in them.
        sentences: NMEA sentences in them, right or damaged.
        checksum_errors: Sentences with a wrong checksum.
        without_checksum: Sentences that carry none.
        fixes: Places on the track.
    """

    size_bytes: int
    lines: int
    sentences: int
    checksum_errors: int
    without_checksum: int
    fixes: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A log ready to be played.

    Attributes:
        pieces: The bytes of the log, cut; or epochs, each of several lines, made when asked for.
        pace: When each piece is played.
        track: Where the receiver was, as (seconds after the first fix as played, latitude and
            longitude in degrees), from RMC and GGA with a fix and a right checksum; one place an
            instant.
        facts: Counts, for people.
        dated: Its times are instants, and not only seconds from somewhere.
    """

    pieces: Sequence[bytes]
    pace: Pace
    track: tuple[tuple[float, float, float], ...]
    facts: Facts
    dated: bool = True

    @property
    def line_count(self) -> int:
        """Count the lines of the log."""
        return self.facts.lines

    @property
    def span_s(self) -> float:
        """Return how long the play takes at speed 1: from the first fix to the last piece."""
        return self.pace.times_s[-1]

    @property
    def lead_s(self) -> float:
        """Return how long before the first fix the recording's clock begins."""
        return 0.0 - self.pace.times_s[0]


def parse(data: bytes) -> Recording | None:
    """Cut the bytes of a log into pieces and time them; None where no NMEA sentence is in them."""
    pieces = tuple(cut(data))
    sentences = [find_sentence(piece) for piece in pieces]
    found = [sentence for sentence in sentences if sentence is not None]
    others = sum(holds_ais(piece) for piece in pieces)
    if not found and not others:
        return None
    stamps = [None if one is None else stamp_of(one) for one in sentences]
    pace = pace_of(stamps)
    track = _track(sentences, pace)
    facts = Facts(
        size_bytes=len(data),
        lines=count_lines(data),
        sentences=len(found) + others,
        checksum_errors=sum(one.checksum is Checksum.WRONG for one in found),
        without_checksum=sum(one.checksum is Checksum.MISSING for one in found),
        fixes=len(track),
    )
    return Recording(pieces, pace, track, facts)


def cut(data: bytes) -> list[bytes]:
    """Cut bytes into pieces: lines, and parts of lines that hold more than one `$`."""
    return [piece for piece in _PIECE.findall(data) if piece]


def count_lines(data: bytes) -> int:
    """Count the lines of a log; a rest without a line end is one too."""
    return data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


def _track(sentences: list[Sentence | None], pace: Pace) -> tuple[tuple[float, float, float], ...]:
    track: list[tuple[float, float, float]] = []
    for sentence, time_s in zip(sentences, pace.times_s, strict=True):
        place = None if sentence is None else position_of(sentence)
        if place is not None and (not track or track[-1][0] < time_s):
            track.append((time_s, place.lat_deg, place.lon_deg))
    return tuple(track)
