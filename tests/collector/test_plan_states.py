"""The tables of states: what may follow what, and that nothing else may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.delivery.states import (
    FINISHED,
    ORDER_CHANGES,
    ORDERS_FOLLOW,
    STOP_CHANGES,
    IllegalChangeError,
    Incident,
    IncidentError,
    IncidentKind,
    OrderState,
    Standing,
    StopState,
    changed_order,
    changed_stop,
    order_after,
)

REFUSED = Incident(IncidentKind.REFUSED, "the dog did not agree")


def incident_for(state: StopState) -> Incident | None:
    """Return the incident that a change to a state needs."""
    return REFUSED if state is StopState.INCIDENT else None


def test_tables_hold_every_state() -> None:
    """No state is forgotten, none follows itself, and the end is one."""
    assert set(STOP_CHANGES) == set(StopState)
    assert set(ORDER_CHANGES) == set(OrderState)
    for stop, following in STOP_CHANGES.items():
        assert stop not in following
        assert (not following) == (stop in FINISHED)
    for order, after in ORDER_CHANGES.items():
        assert order not in after
    assert ORDER_CHANGES[OrderState.DELIVERED] == set()


def test_stop_on_its_usual_way() -> None:
    """Pending, on the way, arrived, completed; and that is its end."""
    standing = Standing()
    for state in (StopState.EN_ROUTE, StopState.ARRIVED, StopState.COMPLETED):
        standing = changed_stop(standing, state)
    assert standing == Standing(StopState.COMPLETED, 1)
    with pytest.raises(IllegalChangeError, match="that is its end") as refused:
        changed_stop(standing, StopState.PENDING)
    assert refused.value.allowed == ()


def test_attempts_after_incidents_are_counted() -> None:
    """Each incident that is followed by pending is another attempt; the incident stays known."""
    standing = Standing()
    for attempt in range(1, 4):
        assert standing.attempts == attempt
        standing = changed_stop(standing, StopState.INCIDENT, REFUSED)
        standing = changed_stop(standing, StopState.PENDING)
    assert standing == Standing(StopState.PENDING, 4, REFUSED)


def test_stop_that_was_left_and_skipped_is_no_other_attempt() -> None:
    """Only an incident makes an attempt of its own."""
    standing = Standing(StopState.ARRIVED)
    for state in (StopState.PENDING, StopState.SKIPPED, StopState.PENDING):
        standing = changed_stop(standing, state)
    assert standing.attempts == 1


def test_incident_without_its_kind_is_refused() -> None:
    """An incident says which, and nothing else says one."""
    with pytest.raises(IncidentError, match="needs its kind: late, damaged, lost, refused"):
        changed_stop(Standing(), StopState.INCIDENT)
    with pytest.raises(IncidentError, match="completed is no incident"):
        changed_stop(Standing(), StopState.COMPLETED, REFUSED)


@given(st.sampled_from(StopState), st.sampled_from(StopState))
def test_change_of_stop_that_is_not_in_the_table_names_those_that_are(
    state: StopState, to: StopState
) -> None:
    """What is allowed is done, what is not is refused with what would be."""
    standing = Standing(state)
    if to in STOP_CHANGES[state]:
        assert changed_stop(standing, to, incident_for(to)).state is to
        return
    with pytest.raises(IllegalChangeError) as refused:
        changed_stop(standing, to, incident_for(to), stop="stop s1")
    assert set(refused.value.allowed) == STOP_CHANGES[state]
    assert f"stop s1 is {state} and cannot become {to}" in str(refused.value)
    for allowed in STOP_CHANGES[state]:
        assert allowed in str(refused.value)


@given(st.sampled_from(OrderState), st.sampled_from(OrderState))
def test_change_of_order_that_is_not_in_the_table_names_those_that_are(
    state: OrderState, to: OrderState
) -> None:
    """Likewise for orders."""
    if to in ORDER_CHANGES[state]:
        assert changed_order(state, to) is to
        return
    with pytest.raises(IllegalChangeError) as refused:
        changed_order(state, to)
    assert set(refused.value.allowed) == ORDER_CHANGES[state]


@given(st.sampled_from(OrderState), st.sampled_from(StopState))
def test_order_follows_its_stop_where_its_table_allows(state: OrderState, stop: StopState) -> None:
    """It never takes a way that its own table forbids, and stays where the stop says nothing."""
    after = order_after(state, stop)
    assert after is state or after in ORDER_CHANGES[state]
    if stop not in ORDERS_FOLLOW:
        assert after is state


@given(st.lists(st.sampled_from(StopState), max_size=30))
def test_attempts_never_fall(wished: list[StopState]) -> None:
    """Whatever is tried, attempts grow by one at most, and only from an incident to pending."""
    standing = Standing()
    for to in wished:
        try:
            after = changed_stop(standing, to, incident_for(to))
        except IllegalChangeError:
            continue
        again = standing.state is StopState.INCIDENT and to is StopState.PENDING
        assert after.attempts == standing.attempts + again
        standing = after
