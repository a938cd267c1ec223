"""Events that put recorded ones right: pure.

What consumers have seen is never deleted or changed. An event that is gone is withdrawn by another
one, `event.withdrawn`, at the same time; one that has moved is withdrawn and told anew. Consumers
take the first of a repeated id, so what is told anew where its id is taken gets another: it follows
from that one, and the same revision twice is the same events twice.
"""

import uuid
from collections.abc import Collection

from milepost_collector.events.difference import WITHDRAWN, Difference
from milepost_schemas.event import TYPE_PREFIX, Event


def revision(found: Difference, taken: Collection[uuid.UUID]) -> list[Event]:
    """Return the events that make a difference disappear, in their order.

    Args:
        found: The difference.
        taken: Ids that are stored already.
    """
    used = set(taken)
    made: list[Event] = [_withdrawn(event) for event in found.gone]
    for old, new in found.moved:
        told = _untaken(new, used)
        made += [_withdrawn(old, told), told]
    made += [_untaken(event, used) for event in found.added]
    return sorted(made, key=lambda event: event.time_ms)


def _withdrawn(event: Event, instead: Event | None = None) -> Event:
    return Event(
        id=uuid.uuid5(event.id, "withdrawn"),
        type=WITHDRAWN,
        device=event.device,
        subject=event.subject,
        time_ms=event.time_ms,
        data={
            "withdraws": str(event.id),
            "type": TYPE_PREFIX + event.type,
            "instead": None if instead is None else str(instead.id),
        },
    )


def _untaken(event: Event, used: set[uuid.UUID]) -> Event:
    told = event.id
    while told in used:
        told = uuid.uuid5(told, "again")
    used.add(told)
    return Event(told, event.type, event.device, event.subject, event.time_ms, event.data)
