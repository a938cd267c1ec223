"""What one transaction writes and answers: pure, between the locked rows and the commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from milepost_collector.engine import Definitions, EngineState, run_engine
from milepost_collector.ingest.arrival import Arrival, Refusal
from milepost_collector.store.locked import LockedDevice, OpenStream
from milepost_collector.store.writes import StreamWrites, Writes
from milepost_schemas.ack import Ack
from milepost_schemas.delivery.admission import Admission, admit
from milepost_schemas.event import Event
from milepost_schemas.fix import KeptFix
from milepost_schemas.topics import Address

_log = structlog.get_logger(__name__)

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
    arrivals: Sequence[Arrival], rows: Rows, definitions: Definitions, now_ms: int
) -> Settlement:
    """Judge every arrival whose device's row is held.

    Args:
        arrivals: At most one a device.
        rows: The locked rows.
        definitions: The fences, by the time from which they are in force.
        now_ms: Our time, milliseconds since 1970.
    """
    settlement = Settlement()
    for arrival in arrivals:
        device = rows.devices[arrival.message.address.device]
        envelope = arrival.envelope
        stream = rows.streams[device.no, envelope.stream]
        previous = envelope.previous
        before = rows.previous.get((device.no, previous.stream)) if previous else None
        admission = admit(envelope, stream.last_seq, before)
        if admission.apply_from is not None:
            fixes = [kept for kept in arrival.fixes if kept.seq >= admission.apply_from]
            _apply(settlement.writes, arrival, device, stream, admission, fixes, now_ms)
            _run_engine(settlement.writes, device, fixes, definitions, now_ms)
        _place(settlement.writes, device, arrival, now_ms)
        ack = Ack(envelope.stream, envelope.batch, admission.last_seq, now_ms)
        settlement.answers.append((arrival.message.address, ack))
    return settlement


def is_plausible(time_ms: int, now_ms: int) -> bool:
    """Whether a GPS time can be: not over 400 days old, not over an hour ahead of us."""
    return now_ms - OLDEST_MS <= time_ms <= now_ms + NEWEST_MS


def _apply(
    writes: Writes,
    arrival: Arrival,
    device: LockedDevice,
    stream: OpenStream,
    admission: Admission,
    fixes: list[KeptFix],
    now_ms: int,
) -> None:
    envelope = arrival.envelope
    last_seq = envelope.upto
    missing = sum(gap.last - gap.first + 1 for gap in admission.gaps)
    writes.streams.append(
        StreamWrites(
            stream=stream,
            last_seq=last_seq,
            newest=envelope.newest,
            volatile=envelope.volatile,
            fixes=[kept for kept in fixes if is_plausible(kept.fix.time_ms, now_ms)],
            quarantined=[kept for kept in fixes if not is_plausible(kept.fix.time_ms, now_ms)],
            gaps=admission.gaps,
            thinned=last_seq - stream.last_seq - len(fixes) - missing,
        )
    )


def _run_engine(
    writes: Writes,
    device: LockedDevice,
    fixes: list[KeptFix],
    definitions: Definitions,
    now_ms: int,
) -> None:
    usable = [kept for kept in fixes if is_plausible(kept.fix.time_ms, now_ms)]
    if not usable or device.engine_parked is not None:
        return
    state, events, parked = run_or_park(device, usable, definitions)
    writes.engine[device.no] = (state, parked)
    writes.events.extend(events)


def run_or_park(
    device: LockedDevice, fixes: Sequence[KeptFix], definitions: Definitions
) -> tuple[bytes | None, list[Event], str | None]:
    """Run the engine; return the state to store, the events, and why it is parked or None."""
    try:
        run = run_engine(
            EngineState.decode(device.engine_state),
            fixes,
            definitions,
            device=device.device,
            subject=device.device,
        )
        return run.state.encode(), run.events, None
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost a fix: it is parked
        _log.exception("The engine failed and is parked for this device.", device=device.device)
        return device.engine_state, [], f"{type(error).__name__}: {error}"


def _place(writes: Writes, device: LockedDevice, arrival: Arrival, now_ms: int) -> None:
    known = [kept.fix for kept in arrival.fixes[-1:]]
    if arrival.envelope.live is not None:
        known.append(arrival.envelope.live)
    plausible = [fix for fix in known if is_plausible(fix.time_ms, now_ms)]
    if plausible:
        writes.positions[device.no] = max(plausible, key=lambda fix: fix.time_ms)
