"""What `milepost-agent tail` shows: sentences, fixes, and which of them are kept.

In flow what the decoder finds, in order; out flow lines for people or for machines. A fix is known
to be dropped only when a later one is kept, so with JSON each waits for that. People see
fixes as they come; a kept one says of how many it is the last.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from milepost_agent.sampling.sampler import Sampled, Sampler, SamplingPolicy
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix
from milepost_schemas.nmea.epoch import MadeFix

# What people see is aligned for 80 columns and a little more.
_HEAD = (
    f"{'time':24} {'lat_deg':>11} {'lon_deg':>12} {'alt_m':>7} {'m/s':>6} {'course':>6} "
    f"{'hdop':>5} {'sats':>4} {'kind':12} {'error_m':>7} kept"
)


class Tail(Protocol):
    """A way of showing what comes, line by line."""

    def head(self) -> Iterator[str]:
        """Show what stands above."""

    def sentence(self, body: str) -> Iterator[str]:
        """Show a sound sentence."""

    def take(self, made: MadeFix) -> Iterator[str]:
        """Show a fix, and what has become of those before it."""

    def close(self) -> Iterator[str]:
        """Show what becomes of the last fix."""


class JsonTail:
    """Writes one JSON object a fix, as soon as it is known what becomes of it.

    Args:
        policy: The sampler's.
        drops_too: Also fixes that the sampler drops.
    """

    def __init__(self, policy: SamplingPolicy, *, drops_too: bool) -> None:
        self._sampler = Sampler(policy)
        self._drops_too = drops_too
        self._number = 0
        self._waiting: deque[tuple[int, MadeFix]] = deque()

    def head(self) -> Iterator[str]:
        """Show nothing."""
        return iter(())

    def sentence(self, _body: str) -> Iterator[str]:
        """Show nothing."""
        return iter(())

    def take(self, made: MadeFix) -> Iterator[str]:
        """Show each fix of which it is now known what becomes."""
        self._number += 1
        self._waiting.append((self._number, made))
        return self._decided(self._sampler.add(self._number, made.fix, hole=made.hole))

    def close(self) -> Iterator[str]:
        """Show the last fix: where a track ends, its end is kept."""
        end = self._sampler.close()
        return self._decided([] if end is None else [end])

    def _decided(self, kept: Iterable[Sampled]) -> Iterator[str]:
        for each in kept:
            while self._waiting and self._waiting[0][0] <= each.number:
                number, made = self._waiting.popleft()
                if number == each.number or self._drops_too:
                    yield json.dumps(as_json(made, kept=number == each.number))


class ScreenTail:
    """Writes what people look at: each fix at once, and again when it turns out to be kept.

    Args:
        policy: The sampler's.
        drops_too: Also fixes that the sampler drops, and the sentences that they come from.
    """

    def __init__(self, policy: SamplingPolicy, *, drops_too: bool) -> None:
        self._sampler = Sampler(policy)
        self._drops_too = drops_too
        self._number = 0

    def head(self) -> Iterator[str]:
        """Show the names of the columns."""
        yield _HEAD

    def sentence(self, body: str) -> Iterator[str]:
        """Show a sound sentence."""
        if self._drops_too:
            yield f"  ${body}"

    def take(self, made: MadeFix) -> Iterator[str]:
        """Show a fix, and which are kept with it."""
        self._number += 1
        kept = self._sampler.add(self._number, made.fix, hole=made.hole)
        yield from (_kept_row(each) for each in kept)
        if self._drops_too and not any(each.number == self._number for each in kept):
            yield _row(made.fix, "")

    def close(self) -> Iterator[str]:
        """Show the last fix: where a track ends, its end is kept."""
        end = self._sampler.close()
        if end is not None:
            yield _kept_row(end)


def as_json(made: MadeFix, *, kept: bool) -> dict[str, Any]:
    """Return what is known of a fix, as the receiver stated it; unknown is None."""
    fix, stated = made.fix, made.measured
    return {
        "time": rfc3339(fix.time_ms),
        "lat_deg": stated.lat_deg,
        "lon_deg": stated.lon_deg,
        "altitude_m": stated.altitude_m,
        "speed_mps": stated.speed_mps,
        "course_deg": stated.course_deg,
        "hdop": fix.hdop,
        "satellites": fix.satellites,
        "kind": fix.kind.label,
        "error_m": None if fix.error_m is None else round(fix.error_m, 1),
        "error_source": fix.error_source,
        "date_repaired": fix.date_repaired,
        "hole": made.hole,
        "kept": kept,
    }


def _kept_row(kept: Sampled) -> str:
    hole = ", after a hole" if kept.hole else ""
    return _row(kept.fix, f"of {kept.stands_for}{hole}")


def _row(fix: Fix, note: str) -> str:
    error = _tenths(fix.error_m)
    course = "" if fix.course_deg is None else str(fix.course_deg)
    satellites = "" if fix.satellites is None else str(fix.satellites)
    row = (
        f"{rfc3339(fix.time_ms):24} {fix.lat_deg:11.6f} {fix.lon_deg:12.6f} "
        f"{_tenths(fix.altitude_m):>7} {_tenths(fix.speed_mps):>6} {course:>6} "
        f"{_tenths(fix.hdop):>5} {satellites:>4} {fix.kind.label:12} {error:>7} {note}"
    )
    return row.rstrip()


def _tenths(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
