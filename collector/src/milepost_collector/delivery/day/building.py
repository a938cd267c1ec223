"""A day's record: plans and events beside what the fixes come to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from milepost_collector.delivery.day.figures import Figures, figures_of, told_ms
from milepost_collector.delivery.day.span import Span
from milepost_collector.delivery.states import Standing, StopState
from milepost_collector.engine import RuleBook
from milepost_schemas.bulk import FixRows
from milepost_schemas.event import Event
from milepost_schemas.plan import Plan, Stop

ARRIVED, DEPARTED = "stop.arrived", "stop.departed"


@dataclass(frozen=True, slots=True)
class Visit:
    """A time at a stop, GPS milliseconds since 1970; None: it is not known to have left."""

    arrived_ms: int
    departed_ms: int | None


@dataclass(frozen=True, slots=True)
class DayStop:
    """A stop of the day, as planned and as it was.

    Attributes:
        plan: Its plan.
        planned: What was planned.
        standing: How it stands now.
        visits: When the vehicle was there, in order.
    """

    plan: str
    planned: Stop
    standing: Standing
    visits: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True)
class DayRecord:
    """All that is known of a vehicle's day.

    Attributes:
        vehicle: Its name.
        span: The day.
        figures: What its fixes come to.
        late: How many of them were stored more than two minutes after their time; None: unknown.
        stops: In the order of the plans.
        events: What happened, in the order of time, without what was withdrawn.
        fixes: The track.
    """

    vehicle: str
    span: Span
    figures: Figures
    late: int | None
    stops: tuple[DayStop, ...]
    events: tuple[Event, ...]
    fixes: FixRows = field(repr=False)


def build(
    vehicle: str,
    span: Span,
    fixes: FixRows,
    events: Sequence[Event],
    plans: Sequence[tuple[Plan, dict[str, Standing]]],
    rules: RuleBook,
    late: int | None = None,
) -> DayRecord:
    """Put a day together.

    Args:
        vehicle: Its name.
        span: The day.
        fixes: What is stored of it, in the order of time.
        events: Those of the vehicle that happened in it, without what was withdrawn.
        plans: The plans of the day, each with how its stops stand.
        rules: When standing is a stop, for the figures.
        late: How many fixes came late.
    """
    ordered = tuple(sorted(events, key=lambda each: (each.time_ms, each.type, each.id)))
    visits = _visits(ordered)
    stops = tuple(
        DayStop(
            plan.id,
            stop,
            standings.get(stop.id, Standing(StopState.PENDING)),
            tuple(visits.get((plan.id, stop.id), ())),
        )
        for plan, standings in sorted(plans, key=lambda each: each[0].id)
        for stop in plan.stops
    )
    figures = figures_of(vehicle, fixes, rules)
    return DayRecord(vehicle, span, figures, late, stops, ordered, fixes)


def _visits(events: Sequence[Event]) -> dict[tuple[str, str], list[Visit]]:
    """Return when the vehicle was at which stop; one that it left on that day only began before."""
    found: dict[tuple[str, str], list[Visit]] = {}
    for event in events:
        if event.type not in (ARRIVED, DEPARTED):
            continue
        own = found.setdefault((str(event.data["plan"]), str(event.data["stop"])), [])
        if event.type == ARRIVED:
            own.append(Visit(event.time_ms, None))
            continue
        arrived_ms = told_ms(event, "arrived_at")
        if own and own[-1].arrived_ms == arrived_ms:
            own.pop()
        own.append(Visit(arrived_ms, event.time_ms))
    return found
