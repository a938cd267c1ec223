"""A line with time: sentences that arrive as at a baud rate, and a decoder that is waited for."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix
from milepost_schemas.nmea.sentence import read_sentence

# What a serial driver hands over at once.
PIECE_BYTES = 16


class Burst(NamedTuple):
    """What a receiver sends about an instant, or a part of it.

    Attributes:
        begin_s: When it begins to send; a line that is still busy sends it afterwards.
        lines: What it sends.
        time_of_day_ms: The time that the lines say, or None.
    """

    begin_s: float
    lines: list[bytes]
    time_of_day_ms: int | None


class Prompt(NamedTuple):
    """A fix, and how long after the last line of its instant it was there."""

    made: MadeFix
    late_s: float


def played(bursts: Iterable[Burst], baud: int, decoder: NmeaDecoder) -> list[Prompt]:
    """Let a receiver send at so many bits a second, ten a byte, and wait for a decoder."""
    arrivals: list[tuple[bytes, float]] = []
    done_s: dict[int | None, float] = {}
    at_s = 0.0
    for begin_s, lines, time_of_day_ms in bursts:
        at_s = max(at_s, begin_s)
        for line in lines:
            for at in range(0, len(line), PIECE_BYTES):
                piece = line[at : at + PIECE_BYTES]
                at_s += len(piece) * 10 / baud
                arrivals.append((piece, at_s))
        done_s[time_of_day_ms] = at_s
    return [
        Prompt(made, at_s - done_s.get(made.fix.time_ms % 86_400_000, at_s))
        for made, at_s in _waited_for(decoder, arrivals)
    ]


def _waited_for(
    decoder: NmeaDecoder, arrivals: Iterable[tuple[bytes, float]]
) -> Iterator[tuple[MadeFix, float]]:
    """Feed a decoder as the unit does; yield each fix with the moment at which it was there."""
    for data, now_s in arrivals:
        quiet_at_s = decoder.quiet_at_s()
        if quiet_at_s is not None and quiet_at_s < now_s:
            yield from ((each, quiet_at_s) for each in decoder.quiet(quiet_at_s))
        yield from ((each, now_s) for each in decoder.feed(data, now_s))
    quiet_at_s = decoder.quiet_at_s()
    if quiet_at_s is not None:
        yield from ((each, quiet_at_s) for each in decoder.quiet(quiet_at_s))


def as_recorded(data: bytes) -> Iterator[Burst]:
    """Yield a recording line by line at the pace of the times in it.

    A line without a time follows the one before.
    """
    begin_s = 0.0
    last_ms = None
    for line in data.splitlines(keepends=True):
        time_ms = _time_of(line)
        if time_ms is not None:
            step_s = 0.0 if last_ms is None else (time_ms - last_ms) / 1000
            last_ms = time_ms
            # Clocks that are set, and nights, go on without a pause.
            begin_s += step_s if 0 <= step_s < 60 else 0.0
        yield Burst(begin_s, [line], last_ms)


def _time_of(line: bytes) -> int | None:
    match = re.search(rb"\$(..(?:RMC|GGA|GNS|GLL),[^$*]*)\*", line)
    reading = read_sentence(match[1]) if match else None
    return None if reading is None else reading.time_of_day_ms
