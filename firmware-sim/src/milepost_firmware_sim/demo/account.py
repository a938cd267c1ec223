"""The account at the end: what the buffers hold against what the table holds; pure."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One vehicle's buffer against the table.

    Attributes:
        held: Fixes in the buffer.
        lost: Fixes in the buffer that the table does not hold with the same values.
        duplicates: Rows of the table beyond the first of their stream and number.
        invented: Rows of the table, of streams in the buffer, that the buffer does not know.
    """

    held: int
    lost: int
    duplicates: int
    invented: int


def read_buffer(text: str) -> list[Row]:
    """Read the fixes that `milepost-agent export --csv` wrote."""
    return [tuple(row) for row in _without_head(text)]


def read_table(text: str) -> dict[str, list[Row]]:
    """Read the fixes that `milepost-collector export` wrote, by device."""
    table: dict[str, list[Row]] = {}
    for device, *row in _without_head(text):
        table.setdefault(device, []).append(tuple(row))
    return table


def _without_head(text: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text))
    next(reader)
    return reader


def compare(buffer: Iterable[Row], table: Iterable[Row]) -> Comparison:
    """Compare rows that begin with stream and number and go on with everything measured."""
    held, stored = set(buffer), Counter(table)
    streams = {row[0] for row in held}
    numbers = Counter(row[:2] for row in stored.elements())
    return Comparison(
        held=len(held),
        lost=len(held - stored.keys()),
        duplicates=sum(count - 1 for count in numbers.values()),
        invented=sum(1 for row in stored if row[0] in streams and row not in held),
    )


def vehicle_report(
    status: Mapping[str, Any], table: list[Row], found: Comparison
) -> dict[str, Any]:
    """Put one vehicle's figures together; latency is from line read to the answer to its commit."""
    stored = sum(1 for row in table if row[0] == status["stream"])
    return {
        "sentences": status["sentences"],
        "fixes_made": status["fixes_made"],
        "fixes_committed": status["fixes_committed"],
        "fixes_stored": stored,
        "fixes_held": found.held,
        "lost": found.lost,
        "duplicates": found.duplicates,
        "invented": found.invented,
        "bytes": status["uplink"].get("bytes", 0),
        "bytes_per_fix": _per_fix(status["uplink"].get("bytes", 0), stored),
        "latency_ms": {"p50": status["latency_ms"]["p50"], "p99": status["latency_ms"]["p99"]},
    }


def whole_report(
    vehicles: Mapping[str, dict[str, Any]],
    statuses: Iterable[Mapping[str, Any]],
    events: Mapping[str, int],
) -> dict[str, Any]:
    """Put the figures of all vehicles together."""
    summed = ("sentences", "fixes_made", "fixes_committed", "fixes_stored", "lost", "duplicates")
    total = {
        name: sum(vehicle[name] for vehicle in vehicles.values())
        for name in (*summed, "invented", "bytes")
    }
    return {
        **total,
        "bytes_per_fix": _per_fix(total["bytes"], total["fixes_stored"]),
        "events": dict(events),
        "latency_ms": _latency(statuses),
    }


def _per_fix(count_bytes: int, fixes: int) -> float | None:
    return round(count_bytes / fixes, 2) if fixes else None


def _latency(statuses: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    buckets: Counter[int] = Counter()
    growth = 1.0
    for status in statuses:
        growth = status["latency_ms"]["growth"]
        for bucket, count in status["latency_ms"]["buckets"].items():
            buckets[int(bucket)] += count
    return {"p50": _percentile(buckets, growth, 0.5), "p99": _percentile(buckets, growth, 0.99)}


def _percentile(buckets: Counter[int], growth: float, share: float) -> float | None:
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= share * buckets.total():
            return round(growth**bucket, 1)
    return None
