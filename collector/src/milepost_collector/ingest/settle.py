"""What one transaction writes and answers: pure, between the locked rows and the commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from milepost_collector.engine import Definitions
from milepost_collector.ingest.arrival import Arrival, Refusal
from milepost_collector.ingest.thinking import doubted_rows, think
from milepost_collector.store.fix_copy import OwnedRows
from milepost_collector.store.locked import LockedDevice, OpenStream
from milepost_collector.store.writes import StreamWrites, Writes
from milepost_schemas.ack import MINUTE_MS, Ack
from milepost_schemas.bulk import Batches, FixRows
from milepost_schemas.bulk.rows import Flags, Integers
from milepost_schemas.delivery.admission import Admission, admit
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import MAX_COUNT
from milepost_schemas.topics import Address

OLDEST_MS = 400 * 86_400_000
NEWEST_MS = 3_600_000


@dataclass(slots=True)
class Settlement:
    """What is to be written, and, once that is committed, answered."""

    writes: Writes = field(default_factory=Writes)
    answers: list[tuple[Address, Ack]] = field(default_factory=list)

    def refuse(self, refusal: Refusal, now_ms: int) -> None:
        """Keep a refused message as a dead letter, and tell the unit."""
        self.writes.dead_letters.append(refusal.dead_letter())
        ack = refusal.ack(now_ms)
        if ack is not None:
            self.answers.append((refusal.message.address, ack))


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that the transaction holds.

    Attributes:
        devices: By device id.
        streams: By device's row number and stream.
        previous: What is stored of streams that batches call the one before; likewise.
    """

    devices: Mapping[str, LockedDevice]
    streams: Mapping[tuple[int, bytes], OpenStream]
    previous: Mapping[tuple[int, bytes], int]


def settle(
    arrivals: Sequence[Arrival],
    read: Batches,
    rows: Rows,
    definitions: Definitions | None,
    now_ms: int,
    oldest_ms: int | None = None,
) -> Settlement:
    """Judge every arrival whose device's row is held.

    Args:
        arrivals: At most one a device.
        read: What was read together with them: their fixes.
        rows: The locked rows.
        definitions: Fences and rules, by the time from which they are in force; None: no events are
            made.
        now_ms: Our time, milliseconds since 1970.
        oldest_ms: As for `is_plausible`.
    """
    settlement = Settlement()
    writes = settlement.writes
    judged = [_judged(arrival, rows) for arrival in arrivals]
    fresh = _fresh(judged, read)
    plausible = is_plausible(fresh.rows.time_ms, now_ms, oldest_ms)
    writes.fixes = fresh.where(plausible)
    writes.quarantined = fresh.where(~plausible)
    writes.streams = _streams(judged, fresh, len(read.counts))
    if oldest_ms is None:  # else a file speaks, and no unit
        writes.heard = [each.device.no for each in judged]
    writes.positions = _positions(judged, read, now_ms, oldest_ms)
    if definitions is not None:
        _run_engines(writes, judged, definitions)
    now_min = now_ms // MINUTE_MS
    for each in judged:
        envelope = each.arrival.envelope
        ack = Ack(envelope.stream, envelope.batch, each.admission.last_seq, now_min)
        settlement.answers.append((each.arrival.message.address, ack))
    return settlement


def is_plausible(time_ms: Integers, now_ms: int, oldest_ms: int | None = None) -> Flags:
    """Say which GPS times can be: not over an hour ahead of us, nor before `oldest_ms`.

    Args:
        time_ms: GPS time, milliseconds since 1970; and so the others.
        now_ms: Our time.
        oldest_ms: None: 400 days ago. What a live unit says of older times is a wrong date.
    """
    least_ms = now_ms - OLDEST_MS if oldest_ms is None else oldest_ms
    return (least_ms <= time_ms) & (time_ms <= now_ms + NEWEST_MS)


@dataclass(frozen=True, slots=True)
class _Judged:
    """An arrival, its rows, and what of it is to be applied."""

    arrival: Arrival
    device: LockedDevice
    stream: OpenStream
    admission: Admission


def _judged(arrival: Arrival, rows: Rows) -> _Judged:
    device = rows.devices[arrival.message.address.device]
    envelope = arrival.envelope
    stream = rows.streams[device.no, envelope.stream]
    previous = envelope.previous
    before = rows.previous.get((device.no, previous.stream)) if previous else None
    return _Judged(arrival, device, stream, admit(envelope, stream.last_seq, before))


def _fresh(judged: Sequence[_Judged], read: Batches) -> OwnedRows:
    """Return the fixes that are to be applied, and whose they are."""
    size = len(read.counts)
    apply_from = np.full(size, MAX_COUNT + 1)
    device, stream = np.zeros(size, np.int64), np.zeros(size, np.int64)
    places = np.array([each.arrival.place for each in judged], np.int64)
    device[places] = [each.device.no for each in judged]
    stream[places] = [each.stream.no for each in judged]
    froms = (each.admission.apply_from for each in judged)
    apply_from[places] = [MAX_COUNT + 1 if each is None else each for each in froms]
    rows = read.rows
    is_fresh = rows.seq >= apply_from[rows.batch]
    if not is_fresh.all():
        rows = rows.where(is_fresh)
    return OwnedRows(rows, device[rows.batch], stream[rows.batch])


def _streams(judged: Sequence[_Judged], fresh: OwnedRows, size: int) -> list[StreamWrites]:
    counts = np.bincount(fresh.rows.batch, minlength=size).tolist()
    writes = []
    for each in judged:
        admission, envelope = each.admission, each.arrival.envelope
        if admission.apply_from is None:
            continue
        fixes = counts[each.arrival.place]
        missing = sum(gap.last - gap.first + 1 for gap in admission.gaps)
        writes.append(
            StreamWrites(
                no=each.stream.no,
                last_seq=envelope.upto,
                newest=envelope.newest,
                volatile=envelope.volatile,
                fixes=fixes,
                thinned=envelope.upto - each.stream.last_seq - fixes - missing,
                gaps=admission.gaps,
            )
        )
    return writes


def _positions(
    judged: Sequence[_Judged], read: Batches, now_ms: int, oldest_ms: int | None
) -> OwnedRows:
    """Return the newest fix of each device: its batch's last one, or what is live."""
    places = np.array([each.arrival.place for each in judged], np.int64)
    placed = places[read.counts[places] > 0]
    rows = read.rows.where((read.starts + read.counts - 1)[placed])
    live = [
        (each.arrival.place, [KeptFix(0, fix)])
        for each in judged
        if (fix := each.arrival.envelope.live) is not None
    ]
    if live:
        rows = FixRows.joined([rows, FixRows.of(live)])
    rows = rows.where(is_plausible(rows.time_ms, now_ms, oldest_ms))
    # The newest of each batch: the last one of it in the order of time.
    rows = rows.where(np.lexsort((rows.time_ms, rows.batch)))
    rows = rows.where(np.diff(rows.batch, append=-1) != 0)
    device = np.zeros(len(read.counts), np.int64)
    device[places] = [each.device.no for each in judged]
    return OwnedRows(rows, device[rows.batch], np.zeros(len(rows), np.int64))


def _run_engines(writes: Writes, judged: Sequence[_Judged], definitions: Definitions) -> None:
    """Let the engine look at what is stored."""
    if writes.fixes is None or not len(writes.fixes):
        return
    batch = writes.fixes.rows.batch
    ordered = sorted(judged, key=lambda each: each.arrival.place)
    places = np.array([each.arrival.place for each in ordered])
    firsts, ends = (
        np.searchsorted(batch, places, side=side).tolist() for side in ("left", "right")
    )
    parts = [
        (each.device, first, end)
        for each, first, end in zip(ordered, firsts, ends, strict=True)
        if first < end and each.device.engine_parked is None
    ]
    thought = think(parts, writes.fixes.rows, definitions)
    writes.engine, writes.events = thought.engine, thought.events
    writes.doubted = doubted_rows(thought, writes.fixes)
