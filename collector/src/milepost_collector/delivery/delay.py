"""Delay: how far behind its plan a vehicle is at each stop, what that does to later stops, and why.

In flows a day, planned and as it went or is forecast; out flow delays in whole milliseconds, less
than 0 where it is ahead. Each has its causes, and they add up to it exactly: what the wait before a
window absorbs is taken from the causes that there were before it, in proportion.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

Span = tuple[int, int | None]
Shares = dict["Cause", int]


class Cause(StrEnum):
    """Where time went."""

    LATE_START = "late_start"
    SERVICE = "service"
    SLOW_LEG = "slow_leg"
    DETOUR = "detour"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A stop by the plan.

    Attributes:
        stop: The stop.
        arrives_ms: When the vehicle comes, UTC; it waits until its window opens.
        service_ms: How long it takes there from then on.
        opens_ms: When its window opens; None: it is always open.
    """

    stop: str
    arrives_ms: int
    service_ms: int
    opens_ms: int | None = None

    def departs_ms(self, arrives_ms: int) -> int:
        """Return when the vehicle leaves if it comes at some time and all else is as planned."""
        return self.begins_ms(arrives_ms) + self.service_ms

    def begins_ms(self, arrives_ms: int) -> int:
        """Return when it begins there if it comes at some time."""
        return arrives_ms if self.opens_ms is None else max(arrives_ms, self.opens_ms)


@dataclass(frozen=True, slots=True)
class Call:
    """A stop as it went, or is forecast.

    Attributes:
        stop: The stop.
        arrived_ms: When the vehicle came, or will.
        departed_ms: When it left; None: not yet, and it is taken to leave as planned.
        is_forecast: It has not come yet.
    """

    stop: str
    arrived_ms: int
    departed_ms: int | None = None
    is_forecast: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A vehicle's day.

    Attributes:
        planned: Its stops by the plan, in order.
        calls: Those that it made, and those that are forecast, in the order of arrivals.
        departs_ms: When it should leave its depot; None: the plan does not say.
        departed_ms: When it did; None: unknown, or not yet.
        detours: When it was off its way; None: it still is.
        silences: When nothing came of it, likewise.
    """

    planned: tuple[PlannedCall, ...]
    calls: tuple[Call, ...]
    departs_ms: int | None = None
    departed_ms: int | None = None
    detours: tuple[Span, ...] = ()
    silences: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Delay:
    """How far behind its plan a vehicle came to a stop, or is forecast to.

    Attributes:
        stop: The stop.
        planned_ms: When it should have come.
        came_ms: When it did, or will.
        is_forecast: It has not come yet.
        shares: What the causes took, milliseconds; less than 0: what was made up. They add up to
            `delay_ms`.
    """

    stop: str
    planned_ms: int
    came_ms: int
    is_forecast: bool
    shares: Shares

    @property
    def delay_ms(self) -> int:
        """How late it came, milliseconds; less than 0: early."""
        return self.came_ms - self.planned_ms


def delays(day: Day) -> list[Delay]:
    """Return the delay at each stop of the plan that was made or is forecast, and its causes.

    Time between two stops is compared with the time that the plan has between them, whatever else
    was or was not done on the way: a stop that was left out is a leg that took less.
    """
    planned = {call.stop: call for call in day.planned}
    shares: Shares = dict.fromkeys(Cause, 0)
    left_ms = should_ms = None
    if day.departs_ms is not None:
        should_ms = day.departs_ms
        left_ms = should_ms if day.departed_ms is None else day.departed_ms
        shares[Cause.LATE_START] = left_ms - should_ms
    found = []
    for call in day.calls:
        plan = planned.pop(call.stop, None)
        if plan is None:
            continue
        ahead_ms = plan.arrives_ms - (plan.arrives_ms if should_ms is None else should_ms)
        from_ms = plan.arrives_ms if left_ms is None else left_ms
        _drive(shares, from_ms, call.arrived_ms, ahead_ms, day)
        delay = Delay(call.stop, plan.arrives_ms, call.arrived_ms, call.is_forecast, dict(shares))
        found.append(delay)
        left_ms = plan.departs_ms(call.arrived_ms) if call.departed_ms is None else call.departed_ms
        should_ms = plan.departs_ms(plan.arrives_ms)
        _stay(shares, plan, call.arrived_ms, left_ms - should_ms)
    return found


def carried(planned: Sequence[PlannedCall], stop: str, delay_ms: int) -> list[tuple[str, int]]:
    """Return by how much a delay at a stop moves the arrivals at it and all that come after it.

    Args:
        planned: The stops by the plan, in order.
        stop: Where the vehicle comes late.
        delay_ms: By how much, milliseconds; less than 0: early.

    Returns:
        Stops and milliseconds: what waits before windows have not absorbed.

    Raises:
        KeyError: There is no such stop.
    """
    places = {call.stop: place for place, call in enumerate(planned)}
    moved = []
    for call in planned[places[stop] :]:
        moved.append((call.stop, delay_ms))
        late_ms = call.departs_ms(call.arrives_ms + delay_ms)
        delay_ms = late_ms - call.departs_ms(call.arrives_ms)
    return moved


def _drive(shares: Shares, from_ms: int, to_ms: int, planned_ms: int, day: Day) -> None:
    """Give what a leg took more than planned to its causes; what it took less made the leg up."""
    excess_ms = to_ms - from_ms - planned_ms
    off_ms = _length_ms(day.detours, from_ms, to_ms)
    silent_ms = _length_ms((*day.detours, *day.silences), from_ms, to_ms) - off_ms
    for cause, most_ms in ((Cause.DETOUR, off_ms), (Cause.SILENCE, silent_ms)):
        taken_ms = min(max(excess_ms, 0), most_ms)
        shares[cause] += taken_ms
        excess_ms -= taken_ms
    shares[Cause.SLOW_LEG] += excess_ms


def _stay(shares: Shares, plan: PlannedCall, arrived_ms: int, behind_ms: int) -> None:
    """Give what a stay did to the delay: the wait absorbs, the rest is service.

    Args:
        shares: The causes, as they were on arrival; changed to what they are on departure.
        plan: The stop by the plan.
        arrived_ms: When the vehicle came.
        behind_ms: How far it was behind when it left.
    """
    delay_ms = sum(shares.values())
    waited_ms = plan.begins_ms(arrived_ms) - arrived_ms
    absorbed_ms = waited_ms - (plan.begins_ms(plan.arrives_ms) - plan.arrives_ms)
    _absorb(shares, absorbed_ms)
    shares[Cause.SERVICE] += behind_ms - delay_ms - absorbed_ms


def _absorb(shares: Shares, absorbed_ms: int) -> None:
    """Take time from the causes that are of the other sign, in proportion; the sum is exact."""
    sign = 1 if absorbed_ms > 0 else -1
    others = {cause: -sign * ms for cause, ms in shares.items() if ms * sign < 0}
    total_ms, left_ms = sum(others.values()), abs(absorbed_ms)
    for cause, ms in others.items():
        # What is left goes by what is left to take it from, so nothing is lost by rounding.
        taken_ms = min(left_ms * ms // total_ms, ms)
        shares[cause] += sign * taken_ms
        left_ms, total_ms = left_ms - taken_ms, total_ms - ms
    shares[Cause.SLOW_LEG] += sign * left_ms


def _length_ms(spans: Iterable[Span], from_ms: int, to_ms: int) -> int:
    """Return how much of a time some spans cover, together."""
    length_ms, until_ms = 0, from_ms
    for begin_ms, end_ms in sorted(spans, key=lambda span: span[0]):
        first_ms = max(begin_ms, until_ms)
        last_ms = to_ms if end_ms is None else min(end_ms, to_ms)
        if last_ms > first_ms:
            length_ms += last_ms - first_ms
            until_ms = last_ms
    return length_ms
