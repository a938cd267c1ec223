"""Taps: what people say, once, at the time at which they said it.

A tap that comes late takes its place among what is known. It may undo what a plan did after it,
but no other tap: who has delivered has delivered. What cannot be at its place is refused, with what
can, and leaves nothing behind, so that it may come again when what it needs is known.
"""

from dataclasses import dataclass

from milepost_collector.delivery.desk.digests import digest
from milepost_collector.delivery.desk.facts import Mark, StopDesk
from milepost_collector.delivery.desk.heading import head_on, head_to, headed_to
from milepost_collector.delivery.desk.inputs import TapInput, TapKind
from milepost_collector.delivery.desk.movement import apart_m
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.delivery.desk.story import standing_at, standing_before, story
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import (
    OPEN,
    STOP_CHANGES,
    IllegalChangeError,
    StopState,
)

_BECOMES = {
    TapKind.START: StopState.EN_ROUTE,
    TapKind.COMPLETE: StopState.COMPLETED,
    TapKind.INCIDENT: StopState.INCIDENT,
    TapKind.REATTEMPT: StopState.PENDING,
    TapKind.RETURN: StopState.RETURNED,
    TapKind.SKIP: StopState.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a tap does not count.

    Attributes:
        message: For people.
        allowed: What the stop could have become then; empty: nothing, or there is no such stop.
        is_unknown: There is no such stop.
    """

    message: str
    allowed: tuple[str, ...] = ()
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a tap.

    Attributes:
        touched: The stops that it touches.
        refusal: Why it does not count; None: it does, or did before.
        repeated: It had counted before.
    """

    touched: frozenset[str] = frozenset()
    refusal: Refusal | None = None
    repeated: bool = False


def take_tap(state: DeskState, tap: TapInput) -> Taken:
    """Take a tap in."""
    key = digest((tap.key,))
    if key in state.taps:
        return Taken(repeated=True)
    time_ms = _believed_ms(state, tap)
    if tap.tap is TapKind.SCAN:
        touched, refusal = _scanned(state, tap, time_ms), None
    elif tap.tap is TapKind.START:
        touched, refusal = _started(state, tap, time_ms)
    else:
        touched, refusal = _told(state, tap, time_ms)
    if refusal is None:
        state.taps.add(key)
    return Taken(frozenset(touched), refusal)


def _believed_ms(state: DeskState, tap: TapInput) -> int:
    """Return when something was tapped: never later than it came."""
    oldest_ms = tap.at_ms - round(state.rules.oldest_tap_s * 1000)
    return tap.at_ms if tap.tapped_ms < oldest_ms else min(tap.tapped_ms, tap.at_ms)


def _scanned(state: DeskState, tap: TapInput, time_ms: int) -> set[str]:
    for parcel in tap.parcels:
        state.scans[parcel] = min(time_ms, state.scans.get(parcel, time_ms))
    return set(state.stops)


def _started(state: DeskState, tap: TapInput, time_ms: int) -> tuple[set[str], Refusal | None]:
    if tap.stop is None:
        state.starts.append((tap.number, time_ms))
        return head_on(state, tap.number, time_ms), None
    stop = state.stops.get(tap.stop)
    if stop is None or stop.id not in state.order:
        return set(), _unknown(state, tap.stop)
    now = standing_at(story(stop), time_ms).state
    if now not in OPEN:
        return set(), _illegal(stop.id, now, StopState.EN_ROUTE)
    state.starts.append((tap.number, time_ms))
    return head_to(state, tap.number, time_ms, stop.id), None


def _told(state: DeskState, tap: TapInput, time_ms: int) -> tuple[set[str], Refusal | None]:
    stop = state.stops.get(tap.stop or "")
    if stop is None:
        return set(), _unknown(state, tap.stop)
    mark = _mark(stop, tap, time_ms)
    before, after = story(stop), story(stop, mark)
    now = standing_before(before, mark).state
    if not any(step.mark == mark for step in after):
        return set(), _illegal(stop.id, now, StopState(mark.to))
    counted = {step.mark for step in after}
    for step in before:
        if step.mark.source != Source.FENCE and not step.mark.is_edit and step.mark not in counted:
            return set(), _undoes(stop.id, mark, step.mark, now)
    headed = headed_to(state, time_ms)
    stop.marks.append(mark)
    touched = {stop.id}
    if headed == stop.id and mark.to not in OPEN and not _is_there(stop, time_ms):
        touched |= head_on(state, tap.number, time_ms, stop.id)
    return touched, None


def _is_there(stop: StopDesk, time_ms: int) -> bool:
    return any(
        visit.arrived_ms <= time_ms and (visit.departed_ms is None or time_ms < visit.departed_ms)
        for visit in stop.visits
    )


def _mark(stop: StopDesk, tap: TapInput, time_ms: int) -> Mark:
    distance_m = None
    if tap.place is not None and stop.place is not None:
        distance_m = max(round(apart_m(tap.place, stop.place) - stop.radius_m), 0)
    return Mark(
        time_ms,
        tap.number,
        _BECOMES[tap.tap].value,
        tap.source.value,
        None if tap.incident is None else tap.incident.value,
        tap.note,
        tap.photo,
        tap.proof,
        distance_m,
        # A dispatcher who skips a stop does not know yet what its driver did.
        is_edit=tap.tap is TapKind.SKIP and tap.source is not Source.DRIVER,
    )


def _unknown(state: DeskState, stop: str | None) -> Refusal:
    return Refusal(f"{state.desk} has no stop {stop}", is_unknown=True)


def _illegal(stop: str, now: StopState, to: StopState) -> Refusal:
    error = IllegalChangeError(f"stop {stop}", now, to, STOP_CHANGES[now])
    return Refusal(str(error), error.allowed)


def _undoes(stop: str, mark: Mark, other: Mark, now: StopState) -> Refusal:
    allowed = tuple(sorted(STOP_CHANGES[now] - {StopState(mark.to)}))
    return Refusal(
        f"stop {stop} was told to be {other.to} after that: {mark.to} is too late", allowed
    )
