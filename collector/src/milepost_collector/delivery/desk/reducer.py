"""The desk: what its log of inputs gives to tell, the same in every replay.

In flow a state and one input, out flow events, how stops stand now, and why a tap was refused; the
state is changed. Invariants: nothing but the state and the input decides; no event is later than
`at_ms` of its input; a state that was packed and unpacked goes on as the one that was not.
"""

from dataclasses import dataclass

from milepost_collector.delivery.desk.claims import claims, falls_due_ms
from milepost_collector.delivery.desk.foreseeing import Foresight, foresee
from milepost_collector.delivery.desk.hearing import take_hearing, take_silence
from milepost_collector.delivery.desk.inputs import (
    ForecastInput,
    HeardInput,
    Input,
    PlanInput,
    RulesInput,
    SilentInput,
    TapInput,
    TrackInput,
)
from milepost_collector.delivery.desk.ledger import settle
from milepost_collector.delivery.desk.movement import take_track
from milepost_collector.delivery.desk.planning import take_plan
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.delivery.desk.story import story
from milepost_collector.delivery.desk.tapping import Refusal, Taken, take_tap
from milepost_collector.delivery.states import Standing
from milepost_schemas.event import Event


class OutOfOrderError(ValueError):
    """An input is not the next one of the log of this desk."""


@dataclass(frozen=True, slots=True)
class Change:
    """A stop stands differently than before.

    Attributes:
        stop: Which stop.
        standing: How it stands now.
        since_ms: Since when.
    """

    stop: str
    standing: Standing
    since_ms: int


@dataclass(frozen=True, slots=True)
class Told:
    """What an input comes to.

    Attributes:
        events: To be stored with it, in this order.
        changes: Stops that stand differently now. A change may be one that the table of states
            does not know: what a late proof undoes has not been.
        refusal: Why a tap does not count.
        repeated: A tap had counted before.
    """

    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    refusal: Refusal | None = None
    repeated: bool = False


def desk(state: DeskState, entry: Input) -> Told:
    """Take the next input of a desk's log in.

    Args:
        state: The desk; it is changed.
        entry: The input.

    Raises:
        OutOfOrderError: It is not the next one, or is older than the one before.
    """
    if entry.number != state.number + 1 or entry.at_ms < state.at_ms:
        raise OutOfOrderError(
            f"{state.desk}: input {entry.number} at {entry.at_ms} ms does not follow input"
            f" {state.number} at {state.at_ms} ms"
        )
    state.number, state.at_ms = entry.number, entry.at_ms
    before = {name: _standing(state, name) for name in state.stops}
    touched, taken, events = _take(state, entry)
    touched |= {
        s.id for s in state.stops.values() if s.due_ms is not None and s.due_ms <= entry.at_ms
    }
    foresight = Foresight.of(state, entry) if isinstance(entry, ForecastInput) else None
    for name in sorted(touched):
        events += _settled(state, name, foresight)
    changes = []
    for name in sorted(touched):
        now = _standing(state, name)
        if now != before.get(name, (Standing(), 0)):
            changes.append(Change(name, *now))
    events.sort(key=lambda event: event.time_ms)
    return Told(tuple(events), tuple(changes), taken.refusal, taken.repeated)


def _take(state: DeskState, entry: Input) -> tuple[set[str], Taken, list[Event]]:
    """Take an input in; return the stops that it touches, what became of a tap, and events."""
    taken, events, touched = Taken(), [], set()
    match entry:
        case PlanInput():
            touched = take_plan(state, entry)
        case TrackInput():
            touched = take_track(state, entry)
        case TapInput():
            taken = take_tap(state, entry)
            touched = set(taken.touched)
        case ForecastInput():
            touched = {eta.stop for eta in entry.etas} & set(state.order)
        case RulesInput():
            state.rules = entry.rules
            touched = set(state.stops)
        case SilentInput():
            events = take_silence(state, entry)
        case HeardInput():
            events = take_hearing(state, entry)
    return touched, taken, events


def _settled(state: DeskState, name: str, foresight: Foresight | None) -> list[Event]:
    stop = state.stops[name]
    steps = story(stop)
    foreseen = foresee(state, stop, steps, foresight)
    stop.due_ms = falls_due_ms(state, stop, steps)
    claimed = [*claims(state, stop, steps), *foreseen.claims]
    return settle(state, stop, claimed, foreseen.kept)


def _standing(state: DeskState, name: str) -> tuple[Standing, int]:
    steps = story(state.stops[name])
    return (steps[-1].standing, steps[-1].mark.time_ms) if steps else (Standing(), 0)
