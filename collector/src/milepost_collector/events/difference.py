"""What events were recorded, and what events would be: what has been added, is gone, has moved.

Pure. An event is the same where type, subject, time and data are, whatever its id: what was written
in place of another has an id of its own. Odometers count from the first fix of a device; where the
two began to count at different fixes, one constant lies between them, which is no difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from milepost_schemas.event import Event

WITHDRAWN = "event.withdrawn"

# Two events of one cause are one that has moved when they are no farther apart.
_NEAR_MS = 600_000

_ODOMETER = "odometer_m"


@dataclass(frozen=True, slots=True)
class Difference:
    """How two sets of events of one device differ.

    Attributes:
        added: Not recorded.
        gone: Recorded, and not any more.
        moved: Both, the recorded one first: same type, subject and cause, another time or data.
        same: Recorded, and told again.
    """

    added: list[Event] = field(default_factory=list)
    gone: list[Event] = field(default_factory=list)
    moved: list[tuple[Event, Event]] = field(default_factory=list)
    same: list[Event] = field(default_factory=list)

    def within(self, begin_ms: int, end_ms: int) -> "Difference":
        """Return what of it happened, or did by either account, from `begin_ms` until `end_ms`."""

        def is_in(*events: Event) -> bool:
            return any(begin_ms <= event.time_ms < end_ms for event in events)

        return Difference(
            [event for event in self.added if is_in(event)],
            [event for event in self.gone if is_in(event)],
            [pair for pair in self.moved if is_in(*pair)],
            [event for event in self.same if is_in(event)],
        )


def standing(recorded: Iterable[Event]) -> list[Event]:
    """Return the events that have not been withdrawn."""
    told = list(recorded)
    withdrawn = {event.data["withdraws"] for event in told if event.type == WITHDRAWN}
    return [each for each in told if each.type != WITHDRAWN and str(each.id) not in withdrawn]


def difference(recorded: Sequence[Event], computed: Sequence[Event]) -> Difference:
    """Compare the events of one device.

    Args:
        recorded: Those that stand.
        computed: Those of the engine.
    """
    computed = _anchored(recorded, computed)
    waiting: dict[tuple[Any, ...], list[Event]] = {}
    for event in recorded:
        waiting.setdefault(_whole(event), []).append(event)
    same, fresh = [], []
    for event in computed:
        if waiting.get(_whole(event)):
            same.append(waiting[_whole(event)].pop())
        else:
            fresh.append(event)
    left = [event for events in waiting.values() for event in events]
    moved = _moved(left, fresh)
    old, new = {id(pair[0]) for pair in moved}, {id(pair[1]) for pair in moved}
    return Difference(
        [event for event in fresh if id(event) not in new],
        sorted((event for event in left if id(event) not in old), key=lambda each: each.time_ms),
        moved,
        same,
    )


def _whole(event: Event) -> tuple[Any, ...]:
    return event.type, event.subject, event.time_ms, _hashable(event.data)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((name, _hashable(each)) for name, each in value.items()))
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _cause(event: Event) -> tuple[str, str, str]:
    return event.type, event.subject, event.data.get("fence") or ""


def _moved(gone: Sequence[Event], fresh: Sequence[Event]) -> list[tuple[Event, Event]]:
    """Pair events of one cause, the nearest first, each at most once."""
    by_cause: dict[tuple[str, str, str], list[Event]] = {}
    for event in fresh:
        by_cause.setdefault(_cause(event), []).append(event)
    near = [
        (abs(old.time_ms - new.time_ms), old.time_ms, new.time_ms, old, new)
        for old in gone
        for new in by_cause.get(_cause(old), ())
        if abs(old.time_ms - new.time_ms) <= _NEAR_MS
    ]
    near.sort(key=lambda each: each[:3])
    taken: set[int] = set()
    pairs = []
    for *_, old, new in near:
        if id(old) not in taken and id(new) not in taken:
            taken |= {id(old), id(new)}
            pairs.append((old, new))
    return sorted(pairs, key=lambda pair: pair[0].time_ms)


def _anchored(recorded: Sequence[Event], computed: Sequence[Event]) -> list[Event]:
    """Return computed events with their odometers set to the first that both tell of."""
    known = {event.id: event for event in recorded if _ODOMETER in event.data}
    offset_m = 0.0
    for event in computed:
        if event.id in known and _ODOMETER in event.data:
            offset_m = known[event.id].data[_ODOMETER] - event.data[_ODOMETER]
            break
    if not offset_m:
        return list(computed)
    return [
        replace(
            event, data=dict(event.data) | {_ODOMETER: _metres(event.data[_ODOMETER], offset_m)}
        )
        if _ODOMETER in event.data
        else event
        for event in computed
    ]


def _metres(told_m: float, offset_m: float) -> float:
    return round(told_m + offset_m, 1)
