"""How a stop came to stand as it does: its facts in the order of their own times.

Facts that cannot be, where they stand in that order, change nothing: a fence does not undo what
people said, and what a plan did is nothing where it turns out that somebody had been there before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost_collector.delivery.desk.facts import Mark, StopDesk
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import (
    FINISHED,
    STOP_CHANGES,
    Incident,
    IncidentKind,
    Standing,
    StopState,
    changed_stop,
)

# What people say of a stop: after it, nothing was left undone.
SETTLED = FINISHED | {StopState.INCIDENT, StopState.SKIPPED}


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a stop.

    Attributes:
        mark: Its cause.
        standing: How the stop stood then.
    """

    mark: Mark
    standing: Standing

    @property
    def state(self) -> StopState:
        """Which state it came to."""
        return self.standing.state


Story = Sequence[Step]


def story(stop: StopDesk, *more: Mark) -> list[Step]:
    """Return how a stop came to stand as it does.

    Args:
        stop: What is known of it.
        more: What would be known of it, too.
    """
    standing = Standing()
    steps = []
    for mark in sorted((*stop.marks, *more, *_arrivals(stop)), key=lambda each: each[:2]):
        if _may(standing, mark):
            standing = changed_stop(standing, StopState(mark.to), _incident(mark), stop=stop.id)
            steps.append(Step(mark, standing))
    return steps


def standing_at(steps: Story, time_ms: int) -> Standing:
    """Return how a stop stood at some time, what happened then included."""
    known = [step.standing for step in steps if step.mark.time_ms <= time_ms]
    return known[-1] if known else Standing()


def standing_before(steps: Story, mark: Mark) -> Standing:
    """Return how a stop stood before a mark."""
    known = [step.standing for step in steps if step.mark[:2] < mark[:2]]
    return known[-1] if known else Standing()


def _arrivals(stop: StopDesk) -> list[Mark]:
    """Return what visits make of a stop: who leaves it has been there still."""
    to, source = StopState.ARRIVED.value, Source.FENCE.value
    return [Mark(visit.arrived_ms, visit.number, to, source) for visit in stop.visits]


def _may(standing: Standing, mark: Mark) -> bool:
    if mark.to not in STOP_CHANGES[standing.state]:
        return False
    turns_away = mark.to == StopState.PENDING and mark.source == Source.FENCE
    return not turns_away or standing.state is StopState.EN_ROUTE


def _incident(mark: Mark) -> Incident | None:
    return None if mark.kind is None else Incident(IncidentKind(mark.kind), mark.note, mark.photo)
