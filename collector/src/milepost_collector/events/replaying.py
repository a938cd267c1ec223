"""`events replay`: reads, compares, prints, and writes where that is asked for."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from milepost_collector.clock import Clock
from milepost_collector.engine import Definitions, Fence, RuleBook, Version
from milepost_collector.events.difference import Difference
from milepost_collector.events.errors import EventsError
from milepost_collector.events.history import AROUND_MS, Period, Replayed, replay
from milepost_collector.events.revision import revision
from milepost_collector.events.telling import printable, sentence
from milepost_collector.progress import progress
from milepost_collector.store import definitions as stored_definitions
from milepost_collector.store import replays
from milepost_collector.store.connection import Database, connect_async
from milepost_collector.store.planned_stops import PlannedStops
from milepost_collector.store.writes import Writes, write
from milepost_schemas.event import Event, cloud_event, rfc3339
from milepost_schemas.fix import milliseconds

# A bar is drawn anew after so many fixes.
_STEP = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        begin: From this GPS time on.
        end: Until before this one.
        fences: Those of a file, in force always; None: as they were.
        rules: Likewise.
        vehicle: Only this one; None: all.
        write: Record the difference.
        as_json: For machines.
    """

    begin: datetime
    end: datetime
    fences: Sequence[Fence] | None
    rules: RuleBook | None
    vehicle: str | None
    write: bool
    as_json: bool

    @property
    def period(self) -> Period:
        """The time in question."""
        return Period(milliseconds(self.begin), milliseconds(self.end))


async def replay_events(dsn: str, asked: Asked, clock: Clock) -> None:
    """Print how events differ, device by device, and record it where that is asked for.

    Raises:
        EventsError: There is no such vehicle.
        OperationalError, InterfaceError: The database is lost (`connection.LOST`).
    """
    definitions = await _definitions(dsn, asked)
    counts: Counter[str] = Counter()
    with replays.opened(dsn) as database:
        if asked.vehicle is not None and not replays.devices(database, asked.vehicle):
            raise EventsError(f"events replay: there is no vehicle {asked.vehicle!r}")
        with _watched(database, asked) as step:
            for each in replay(database, definitions, asked.period, asked.vehicle, step):
                found = each.difference
                sys.stdout.writelines(f"{line}\n" for line in _lines(found, as_json=asked.as_json))
                counts += Counter(_counted(each))
                if asked.write:
                    counts["written"] += await _record(dsn, each, clock)
    sys.stdout.flush()
    told = ("fixes", "same", "added", "gone", "moved", *(("written",) if asked.write else ()))
    summary = {name: counts[name] for name in told}
    if asked.as_json:
        sys.stderr.write(json.dumps(summary) + "\n")
    else:
        sys.stderr.write(", ".join(f"{count} {name}" for name, count in summary.items()) + "\n")


@contextmanager
def _watched(database: Database, asked: Asked) -> Iterator[Callable[[int], None]]:
    """Show how far it is, unless a bar would stand between the lines."""
    if sys.stdout.isatty():
        yield lambda _: None
        return
    total = replays.expected(database, asked.vehicle, asked.period.end_ms)
    with progress("replay", total, at_once=_STEP) as step:
        yield step


async def _definitions(dsn: str, asked: Asked) -> Definitions:
    index = None if asked.fences is None else Version.of(asked.fences).fences
    async with await connect_async(dsn, autocommit=True) as database:
        since_ms = asked.period.begin_ms - AROUND_MS
        return await stored_definitions.load(database, PlannedStops(), since_ms, index, asked.rules)


async def _record(dsn: str, each: Replayed, clock: Clock) -> int:
    """Write the events that make the difference disappear; return how many."""
    events = revision(each.difference, {event.id for event in each.taken})
    if events:
        async with await connect_async(dsn, autocommit=True) as database, database.transaction():
            await write(database, Writes(events=events), clock.now_ms())
    return len(events)


def _counted(each: Replayed) -> dict[str, int]:
    found = each.difference
    return {
        "fixes": each.fixes,
        "same": len(found.same),
        "added": len(found.added),
        "gone": len(found.gone),
        "moved": len(found.moved),
    }


def _lines(found: Difference, *, as_json: bool) -> Iterator[str]:
    """Yield the lines of a difference in the order of time."""
    told: list[tuple[int, str, Event | None, Event | None]] = [
        *((event.time_ms, "added", None, event) for event in found.added),
        *((event.time_ms, "gone", event, None) for event in found.gone),
        *((old.time_ms, "moved", old, new) for old, new in found.moved),
    ]
    for _, change, old, new in sorted(told, key=lambda each: each[0]):
        yield (_json if as_json else _sentence)(change, old, new)


def _json(change: str, old: Event | None, new: Event | None) -> str:
    sides = {"recorded": old, "replayed": new}
    events = {name: cloud_event(event) for name, event in sides.items() if event is not None}
    return json.dumps({"change": change} | events, ensure_ascii=False)


def _sentence(change: str, old: Event | None, new: Event | None) -> str:
    shown = old or new
    assert shown is not None  # noqa: S101 - there is one side at least
    more = "" if old is None or new is None else f"  now {_changes(old, new)}"
    return f"{change:<6} {sentence(shown)}{more}"


def _changes(old: Event, new: Event) -> str:
    """Return what is another value in the new one."""
    before = {"time": rfc3339(old.time_ms)} | dict(old.data)
    after = {"time": rfc3339(new.time_ms)} | dict(new.data)
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return printable(" ".join(f"{name}={value}" for name, value in changed.items()))
