"""One transaction for many devices: lock, judge, write, commit; refuse what cannot be stored."""

from dataclasses import dataclass, field

import structlog

from milepost_collector.clock import Clock
from milepost_collector.engine import Definitions
from milepost_collector.ingest.arrival import Arrival, Message, Refusal, read_message
from milepost_collector.ingest.settle import Rows, Settlement, is_plausible, settle
from milepost_collector.store import definitions as stored_definitions
from milepost_collector.store import locked
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.writes import NOT_STORABLE, write
from milepost_schemas.ack import Ack
from milepost_schemas.fix import instant
from milepost_schemas.topics import Address

_log = structlog.get_logger(__name__)

MAX_FIXES = 20_000
_WEEK_MS = 7 * 86_400_000

# 1970-01-01 was a Thursday; weeks of partitions begin on Mondays.
_MONDAY_MS = 4 * 86_400_000


@dataclass(slots=True)
class Outcome:
    """What came of a round.

    Attributes:
        answers: To be sent, now that everything is committed.
        left: Messages whose device another transaction holds.
        fixes: Fixes stored.
        events: Events stored.
    """

    answers: list[tuple[Address, Ack]] = field(default_factory=list)
    left: list[Message] = field(default_factory=list)
    fixes: int = 0
    events: int = 0

    def add(self, other: "Outcome") -> None:
        """Add what came of another transaction of the round."""
        self.answers += other.answers
        self.left += other.left
        self.fixes += other.fixes
        self.events += other.events


class Intake:
    """Takes messages into the database.

    Args:
        database: An open connection that nobody else uses.
        clock: Our time.
    """

    def __init__(self, database: AsyncDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._definitions = Definitions()

    async def take(self, messages: list[Message]) -> Outcome:
        """Take messages, at most one a device, and commit what can be stored of them.

        Raises:
            OperationalError, InterfaceError: The database is lost or too busy; nothing was
                answered (`store.connection.LOST`).
        """
        outcome = Outcome()
        refusals: list[Refusal] = []
        group: list[Arrival] = []
        fixes = 0
        for read in map(read_message, messages):
            if isinstance(read, Refusal):
                refusals.append(read)
                continue
            if group and fixes + len(read.fixes) > MAX_FIXES:
                outcome.add(await self._store(group, []))
                group, fixes = [], 0
            group.append(read)
            fixes += len(read.fixes)
        outcome.add(await self._store(group, refusals))
        return outcome

    async def _store(self, arrivals: list[Arrival], refusals: list[Refusal]) -> Outcome:
        if not arrivals and not refusals:
            return Outcome()
        await self._make_partitions(arrivals)
        try:
            return await self._transact(arrivals, refusals)
        except NOT_STORABLE as error:
            if not arrivals:
                raise
            if len(arrivals) == 1 and not refusals:
                refusals = [Refusal(arrivals[0].message, "unstorable", str(error))]
                return await self._store([], refusals)
        # One of several cannot be stored: each alone, so that it fails alone.
        outcome = await self._store([], refusals)
        for arrival in arrivals:
            outcome.add(await self._store([arrival], []))
        return outcome

    async def _transact(self, arrivals: list[Arrival], refusals: list[Refusal]) -> Outcome:
        now_ms = self._clock.now_ms()
        async with self._database.transaction():
            shards = {a.message.address.device: a.message.address.shard for a in arrivals}
            devices = await locked.lock_devices(self._database, shards) if shards else {}
            held, left, misplaced = _sorted_out(arrivals, devices)
            await self._refresh_definitions(devices)
            rows = await self._rows(held, devices)
            settlement = settle(held, rows, self._definitions, now_ms)
            for refusal in [*refusals, *misplaced]:
                settlement.refuse(refusal, now_ms)
                _log.warning(
                    "A message was refused.",
                    device=refusal.message.address.device,
                    reason=refusal.reason,
                    detail=refusal.detail,
                )
            await write(self._database, settlement.writes, instant(now_ms))
        return _outcome(settlement, left)

    async def _rows(self, arrivals: list[Arrival], devices: dict[str, locked.LockedDevice]) -> Rows:
        numbered = [(devices[a.message.address.device].no, a.envelope) for a in arrivals]
        streams = {(no, envelope.stream) for no, envelope in numbered}
        previous = {(no, e.previous.stream) for no, e in numbered if e.previous is not None}
        return Rows(
            devices,
            await locked.open_streams(self._database, streams) if streams else {},
            await locked.previous_last_seqs(self._database, previous),
        )

    async def _refresh_definitions(self, devices: dict[str, locked.LockedDevice]) -> None:
        newest = max((device.definitions for device in devices.values()), default=0)
        if newest > self._definitions.version:
            self._definitions = await stored_definitions.load(self._database)

    async def _make_partitions(self, arrivals: list[Arrival]) -> None:
        now_ms = self._clock.now_ms()
        weeks = {
            (kept.fix.time_ms - _MONDAY_MS) // _WEEK_MS: kept.fix
            for arrival in arrivals
            for kept in arrival.fixes
            if is_plausible(kept.fix.time_ms, now_ms)
        }
        # Asked each time: a week that was dropped meanwhile would make its fixes unstorable.
        await locked.make_partitions(self._database, [fix.time for fix in weeks.values()])


def _sorted_out(
    arrivals: list[Arrival], devices: dict[str, locked.LockedDevice]
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
    return Outcome(
        answers=settlement.answers,
        left=left,
        fixes=sum(len(each.fixes) for each in settlement.writes.streams),
        events=len(settlement.writes.events),
    )
