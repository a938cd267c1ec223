"""Which stop the vehicle is on the way to: the next one, unless it goes elsewhere."""

from milepost_collector.delivery.desk.facts import Mark
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.delivery.desk.story import standing_at, story
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import StopState

_NEXT = frozenset({StopState.PENDING, StopState.EN_ROUTE})


def head_on(state: DeskState, number: int, time_ms: int, behind: str | None = None) -> set[str]:
    """Turn to the next stop, unless it is on the way to one; return the stops that this touches.

    Args:
        state: The desk; its stops are changed.
        number: Of the input.
        time_ms: When it turned.
        behind: The stop that it comes from.
    """
    if headed_to(state, time_ms) is not None:
        return set()
    following = next_stop(state, time_ms, behind)
    return set() if following is None else head_to(state, number, time_ms, following)


def next_stop(state: DeskState, time_ms: int, behind: str | None = None) -> str | None:
    """Return the stop that is next at some time; None: none is left.

    Args:
        state: The desk.
        time_ms: When.
        behind: A stop: the next one is behind it in the plan, or, where none is left there, the
            first that is left. None: the first that is left.
    """
    order = state.order
    if behind in order:
        place = order.index(behind)
        order = order[place + 1 :] + order[:place]
    return next((name for name in order if _state_of(state, name, time_ms) in _NEXT), None)


def head_to(state: DeskState, number: int, time_ms: int, stop: str) -> set[str]:
    """Turn to a stop, away from all others; return the stops that this touches."""
    touched = turn_away(state, number, time_ms, stop)
    if _state_of(state, stop, time_ms) in (StopState.PENDING, StopState.ARRIVED):
        state.stops[stop].marks.append(_mark(number, time_ms, StopState.EN_ROUTE))
        touched.add(stop)
    return touched


def turn_away(state: DeskState, number: int, time_ms: int, stop: str) -> set[str]:
    """Turn away from all stops but one that the vehicle was on the way to."""
    touched = set()
    for name in state.order:
        if name != stop and _state_of(state, name, time_ms) is StopState.EN_ROUTE:
            state.stops[name].marks.append(_mark(number, time_ms, StopState.PENDING))
            touched.add(name)
    return touched


def headed_to(state: DeskState, time_ms: int) -> str | None:
    """Return the stop that the vehicle was on the way to at some time."""
    on_the_way = (
        name for name in state.order if _state_of(state, name, time_ms) is StopState.EN_ROUTE
    )
    return next(on_the_way, None)


def _state_of(state: DeskState, stop: str, time_ms: int) -> StopState:
    return standing_at(story(state.stops[stop]), time_ms).state


def _mark(number: int, time_ms: int, to: StopState) -> Mark:
    return Mark(time_ms, number, to.value, Source.FENCE.value)
