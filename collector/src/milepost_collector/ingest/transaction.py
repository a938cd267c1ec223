"""One transaction for many devices: lock, judge, write, commit; refuse what cannot be stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog

from milepost_collector.clock import Clock
from milepost_collector.engine import Definitions
from milepost_collector.failpoint import Failpoint, passing
from milepost_collector.ingest.arrival import (
    Arrival,
    Arrivals,
    Message,
    Refusal,
    groups,
    read_messages,
)
from milepost_collector.ingest.settle import Rows, Settlement, is_plausible, settle
from milepost_collector.store import definitions as stored_definitions
from milepost_collector.store import locked
from milepost_collector.store.connection import LOST, AsyncDatabase
from milepost_collector.store.planned_stops import PlannedStops
from milepost_collector.store.writes import NO_PLACE, NOT_STORABLE, write
from milepost_schemas.ack import Ack
from milepost_schemas.batch import Envelope
from milepost_schemas.bulk import Batches
from milepost_schemas.delivery.admission import admit
from milepost_schemas.fix import instant
from milepost_schemas.topics import Address

_log = structlog.get_logger(__name__)

MAX_FIXES = 20_000

_WEEK_MS = 7 * 86_400_000

# Plans of so long ago are at hand for all vehicles.
_PLANS_MS = 86_400_000

# 1970-01-01 was a Thursday; weeks of partitions begin on Mondays.
_MONDAY_MS = 4 * 86_400_000


@dataclass(slots=True)
class Outcome:
    """What came of a round.

    Attributes:
        answers: To be sent, now that everything is committed.
        left: Messages whose device another transaction holds.
        fixes: Fixes stored.
    """

    answers: list[tuple[Address, Ack]] = field(default_factory=list)
    left: list[Message] = field(default_factory=list)
    fixes: int = 0

    def add(self, other: "Outcome") -> None:
        """Add what came of another transaction of the round."""
        self.answers += other.answers
        self.left += other.left
        self.fixes += other.fixes


class _OutdatedError(Exception):
    """There are newer definitions than those at hand."""


class Intake:
    """Takes messages into the database.

    Args:
        database: An open connection that nobody else uses.
        clock: Our time.
        oldest_ms: GPS time from which fixes are believed; None: as live units are (`is_plausible`).
        events: Whether events are made of what is stored.
    """

    def __init__(
        self,
        database: AsyncDatabase,
        clock: Clock,
        *,
        oldest_ms: int | None = None,
        events: bool = True,
    ) -> None:
        self._database = database
        self._clock = clock
        self._oldest_ms = oldest_ms
        self._definitions = Definitions() if events else None
        self._plans = PlannedStops()
        self._weeks: set[int] = set()

    async def take(self, messages: Sequence[Message]) -> Outcome:
        """Take messages, at most one a device, and commit what can be stored of them.

        Raises:
            OperationalError, InterfaceError: The database is lost or too busy; nothing was
                answered (`store.connection.LOST`).
        """
        outcome = Outcome()
        cut = list(groups(messages, MAX_FIXES))
        for number, group in enumerate(cut):
            try:
                outcome.add(await self._store(read_messages(group)))
            except LOST:
                if not number:
                    raise
                # What was committed before is to be answered; the connection will fail again.
                outcome.left += [message for later in cut[number:] for message in later]
                break
        return outcome

    async def _store(self, arrivals: Arrivals) -> Outcome:
        try:
            await self._make_partitions(arrivals.read)
            return await self._transact(arrivals)
        except NO_PLACE:
            # A week was dropped since it was last seen; it is made anew.
            self._weeks.clear()
            await self._make_partitions(arrivals.read)
        except NOT_STORABLE as error:
            return await self._store_apart(arrivals, error)
        try:
            return await self._transact(arrivals)
        except NOT_STORABLE as error:
            return await self._store_apart(arrivals, error)

    async def _store_apart(self, arrivals: Arrivals, cause: Exception) -> Outcome:
        """Store the halves of a group that cannot be stored, and theirs, until one fails alone."""
        messages = [arrival.message for arrival in arrivals.arrivals]
        if not messages:
            raise cause
        if len(messages) == 1:
            refused = [*arrivals.refusals, Refusal(messages[0], "unstorable", str(cause))]
            return await self._transact(Arrivals([], refused, arrivals.read))
        outcome = await self._transact(Arrivals([], arrivals.refusals, arrivals.read))
        half = len(messages) // 2
        for part in (messages[:half], messages[half:]):
            outcome.add(await self._store(read_messages(part)))
        return outcome

    async def _transact(self, arrivals: Arrivals) -> Outcome:
        if not arrivals.arrivals and not arrivals.refusals:
            return Outcome()
        while True:
            if self._definitions is not None and self._lacks_plans(arrivals):
                await self._load_definitions()
            try:
                return await self._try_transact(arrivals)
            except _OutdatedError:
                # Not while rows are locked: many fences take longer than a transaction may.
                await self._load_definitions()

    async def _load_definitions(self) -> None:
        since_ms = self._clock.now_ms() - _PLANS_MS
        self._definitions = await stored_definitions.load(self._database, self._plans, since_ms)

    def _lacks_plans(self, arrivals: Arrivals) -> bool:
        """Whether fixes are so old that the plans of then are not at hand."""
        time_ms, batch = arrivals.read.rows.time_ms, arrivals.read.rows.batch
        plausible = is_plausible(time_ms, self._clock.now_ms(), self._oldest_ms)
        if not plausible.any():
            return False
        now_ms = self._clock.now_ms()
        oldest_ms = np.full(len(arrivals.read.counts), now_ms)
        np.minimum.at(oldest_ms, batch[plausible], time_ms[plausible])
        devices = [each.message.address.device for each in arrivals.arrivals]
        times_ms = oldest_ms[[each.place for each in arrivals.arrivals]].tolist()
        lacking = [self._plans.lacks(*each) for each in zip(devices, times_ms, strict=True)]
        return any(lacking)

    async def _try_transact(self, arrivals: Arrivals) -> Outcome:
        now_ms = self._clock.now_ms()
        async with self._database.transaction():
            addresses = [arrival.message.address for arrival in arrivals.arrivals]
            shards = {address.device: address.shard for address in addresses}
            devices = await locked.lock_devices(self._database, shards) if shards else {}
            held, left, misplaced = _sorted_out(arrivals.arrivals, devices)
            self._refuse_outdated(devices)
            rows = await self._rows(held, devices)
            settlement = settle(
                held, arrivals.read, rows, self._definitions, now_ms, self._oldest_ms
            )
            for refusal in [*arrivals.refusals, *misplaced]:
                settlement.refuse(refusal, now_ms)
                _log.warning(
                    "A message was refused.",
                    device=refusal.message.address.device,
                    reason=refusal.reason,
                    detail=refusal.detail,
                )
            await write(self._database, settlement.writes, now_ms)
            passing(Failpoint.AFTER_INSERT)
        passing(Failpoint.AFTER_COMMIT)
        return _outcome(settlement, left)

    async def _rows(self, arrivals: list[Arrival], devices: dict[str, locked.LockedDevice]) -> Rows:
        numbered = [(devices[a.message.address.device].no, a.envelope) for a in arrivals]
        named = {(no, e.previous.stream) for no, e in numbered if e.previous is not None}
        previous = await locked.previous_last_seqs(self._database, named)
        streams = {(no, envelope.stream) for no, envelope in numbered}
        begun = {
            (no, envelope.stream)
            for no, envelope in numbered
            if admit(envelope, None, _before(previous, no, envelope)).apply_from is not None
        }
        opened = await locked.open_streams(self._database, streams, begun) if streams else {}
        return Rows(devices, opened, previous)

    def _refuse_outdated(self, devices: dict[str, locked.LockedDevice]) -> None:
        newest = max((device.definitions for device in devices.values()), default=0)
        if self._definitions is not None and newest > self._definitions.version:
            raise _OutdatedError

    async def _make_partitions(self, read: Batches) -> None:
        """Make the weeks of the fixes that this intake has not seen yet."""
        times = read.rows.time_ms
        times = times[is_plausible(times, self._clock.now_ms(), self._oldest_ms)]
        weeks = set(np.unique((times - _MONDAY_MS) // _WEEK_MS).tolist()) - self._weeks
        if weeks:
            moments = [instant(week * _WEEK_MS + _MONDAY_MS) for week in sorted(weeks)]
            await locked.make_partitions(self._database, moments)
            self._weeks |= weeks


def _before(
    previous: Mapping[tuple[int, bytes], int], device: int, envelope: Envelope
) -> int | None:
    """Return what is stored of the stream that an envelope calls the one before."""
    named = envelope.previous
    return None if named is None else previous.get((device, named.stream))


def _sorted_out(
    arrivals: Sequence[Arrival], devices: dict[str, locked.LockedDevice]
) -> tuple[list[Arrival], list[Message], list[Refusal]]:
    """Split arrivals into those of held rows, those left for later, and those on a wrong shard."""
    held, left, misplaced = [], [], []
    for arrival in arrivals:
        address = arrival.message.address
        row = devices.get(address.device)
        if row is None:
            left.append(arrival.message)
        elif row.shard != address.shard:
            detail = f"device {address.device} is on shard {row.shard}, not {address.shard}"
            misplaced.append(Refusal(arrival.message, "shard", detail))
        else:
            held.append(arrival)
    return held, left, misplaced


def _outcome(settlement: Settlement, left: list[Message]) -> Outcome:
    writes = settlement.writes
    return Outcome(
        answers=settlement.answers,
        left=left,
        fixes=len(writes.fixes) if writes.fixes is not None else 0,
    )
