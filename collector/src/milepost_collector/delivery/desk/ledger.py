"""What was told, held against what ought to be told: the difference becomes events.

What was told is never unsaid: it is withdrawn, in the form of all revisions of ours. What is told
anew where its id is taken gets another that follows from it, so ids are the same in every replay.
"""

import json
import uuid
from collections.abc import Iterable, Iterator

from milepost_collector.delivery.desk.claims import Claim
from milepost_collector.delivery.desk.digests import digest
from milepost_collector.delivery.desk.facts import Said, StopDesk
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.events.difference import Difference
from milepost_collector.events.revision import revision
from milepost_schemas.event import Event, event_id

# Whose events these are: no unit decides them.
DESK = "desk"

_Key = tuple[str, int, str]


def desk_event(state: DeskState, claim: Claim) -> Event:
    """Return the event of a claim that was not made before.

    Its id is of the desk, the number of the input or the instant that is its cause, its type, and
    the stop, order or parcel.
    """
    identity = event_id(state.desk, claim.number, claim.type, claim.cause)
    return Event(identity, claim.type, DESK, state.vehicle, claim.time_ms, claim.data)


def settle(
    state: DeskState, stop: StopDesk, claimed: Iterable[Claim], kept: Iterable[Said]
) -> list[Event]:
    """Bring what was told of a stop to what ought to be told; return the events that do.

    Args:
        state: The desk.
        stop: The stop; what was told of it is changed.
        claimed: What ought to be told.
        kept: What forecasts said before, and still holds.
    """
    told = {_key(said): said for said in stop.said}
    standing = {_key(said) for said in kept}
    found = Difference()
    for claim in claimed:
        key = (claim.type, claim.number, claim.cause)
        standing.add(key)
        before, seen = told.get(key), _digest(claim)
        if before is not None and not before.is_withdrawn:
            if before.digest == seen:
                continue
            found.moved.append((_event_of(state, before), desk_event(state, claim)))
        else:
            found.added.append(desk_event(state, claim))
        ordinal = 0 if before is None else before.ordinal + 1
        told[key] = Said(*key, ordinal, claim.time_ms, state.vehicle, seen)
    for key, said in told.items():
        if key not in standing and not said.is_withdrawn:
            found.gone.append(_event_of(state, said))
            told[key] = said._replace(is_withdrawn=True)
    stop.said = list(told.values())
    taken = {each for said in stop.said for each in _ids(state, said, said.ordinal)}
    return revision(found, taken)


def _key(said: Said) -> _Key:
    return said[:3]


def _digest(claim: Claim) -> bytes:
    return digest((str(claim.time_ms), json.dumps(claim.data, sort_keys=True)))


def _ids(state: DeskState, said: Said, many: int) -> Iterator[uuid.UUID]:
    """Yield the ids that events of one cause have, one after the other."""
    identity = event_id(state.desk, said.number, said.type, said.cause)
    for _ in range(many):
        yield identity
        identity = uuid.uuid5(identity, "again")


def _event_of(state: DeskState, said: Said) -> Event:
    """Return an event that was told, as far as is remembered of it."""
    *_, identity = _ids(state, said, said.ordinal + 1)
    return Event(identity, said.type, DESK, said.subject, said.time_ms)
