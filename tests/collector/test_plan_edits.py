"""Edits and differences of plans: pure, whatever is asked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.delivery.changes import ChangeKind, Known, KnownOrder
from milepost_collector.delivery.difference import completed, differences
from milepost_collector.delivery.edits import (
    EditError,
    UnknownStopError,
    dropped,
    inserted,
    moved,
    reordered,
)
from milepost_collector.delivery.order_changes import PlanConflictError
from milepost_collector.delivery.states import (
    FINISHED,
    IllegalChangeError,
    OrderState,
    Standing,
    StopState,
)
from milepost_schemas.plan import Contact, Order, Plan, PlanError, read_stop
from tests.collector.plans import a_plan, stop_value

PLAN = a_plan(4)
STANDINGS = {stop.id: Standing() for stop in PLAN.stops}
DONE = STANDINGS | {"s1": Standing(StopState.COMPLETED)}
NEW = read_stop(stop_value(9))


def ids(plan: Plan) -> list[str]:
    """Return the stops of a plan."""
    return [stop.id for stop in plan.stops]


def known(plan: Plan | None, standings: dict[str, Standing]) -> Known:
    """Return what is known of a plan whose orders are all at their stops."""
    stops = plan.stops if plan else ()
    name = plan.id if plan else ""
    orders = {
        order.id: KnownOrder(
            order, OrderState.ORDERED, name, stop.id, standings.get(stop.id, Standing()).state
        )
        for stop in stops
        for order in stop.orders
    }
    placed = {order.id: stop.id for stop in stops for order in stop.orders}
    return Known(plan, standings, {}, placed, orders)


def test_insert_puts_a_stop_where_it_is_asked_for() -> None:
    """Before another one, or as the last."""
    assert ids(inserted(PLAN, STANDINGS, NEW)) == ["s1", "s2", "s3", "s4", "s9"]
    assert ids(inserted(PLAN, STANDINGS, NEW, "s3")) == ["s1", "s2", "s9", "s3", "s4"]


def test_insert_of_what_is_there_or_before_what_is_done_is_refused() -> None:
    """A stop, an order or a parcel stands once, and nothing comes before what is done."""
    with pytest.raises(EditError, match="stop s2 is in plan p1 already"):
        inserted(PLAN, STANDINGS, PLAN.stops[1])
    with pytest.raises(UnknownStopError, match="plan p1 has no stop s8"):
        inserted(PLAN, STANDINGS, NEW, "s8")
    with pytest.raises(EditError, match="cannot come before one that is finished"):
        inserted(PLAN, DONE, NEW, "s1")
    with pytest.raises(PlanError, match="order 'o1' stands 2 times"):
        inserted(PLAN, STANDINGS, replace(NEW, orders=PLAN.stops[0].orders))


def test_drop_of_a_finished_stop_is_refused() -> None:
    """What was done stays in the plan."""
    assert ids(dropped(PLAN, STANDINGS, "s2")) == ["s1", "s3", "s4"]
    with pytest.raises(EditError, match="stop s1 is completed and cannot be dropped"):
        dropped(PLAN, DONE, "s1")
    with pytest.raises(UnknownStopError):
        dropped(PLAN, STANDINGS, "s8")


def test_reorder_names_what_is_missing_foreign_or_twice() -> None:
    """All unfinished stops, each once; the error says in what the list is not that."""
    assert ids(reordered(PLAN, DONE, ["s4", "s3", "s2"])) == ["s1", "s4", "s3", "s2"]
    with pytest.raises(EditError, match="s1 cannot be reordered"):
        reordered(PLAN, DONE, ["s1", "s2", "s3", "s4"])
    with pytest.raises(EditError, match="s3 are missing; a stop stands twice"):
        reordered(PLAN, DONE, ["s4", "s4", "s2"])


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_reorder_moves_no_finished_stop(order: list[int], finished: set[int]) -> None:
    """Whatever the new order, finished stops stay in their places and nothing is lost."""
    plan = a_plan(6)
    standings = {
        stop.id: Standing(StopState.COMPLETED if at in finished else StopState.PENDING)
        for at, stop in enumerate(plan.stops)
    }
    free = [plan.stops[at].id for at in order if at not in finished]
    new = reordered(plan, standings, free)
    assert sorted(ids(new)) == sorted(ids(plan))
    assert [stop for stop in ids(new) if standings[stop].state not in FINISHED] == free
    for at in finished:
        assert new.stops[at] == plan.stops[at]


def test_move_takes_a_stop_with_its_orders_to_another_plan() -> None:
    """It is gone here and comes there; one that is being made, or was made, is not moved."""
    other = a_plan(2, name="p2", prefix="x")
    left, right = moved(PLAN, STANDINGS, "s2", (other, {}), "xs2")
    assert ids(left) == ["s1", "s3", "s4"]
    assert ids(right) == ["xs1", "s2", "xs2"]
    assert right.stops[1] == PLAN.stops[1]
    for state in (StopState.ARRIVED, StopState.COMPLETED, StopState.RETURNED):
        with pytest.raises(EditError, match=f"stop s2 is {state} and cannot be moved"):
            moved(PLAN, STANDINGS | {"s2": Standing(state)}, "s2", (other, {}), None)
    with pytest.raises(EditError, match="plan p2 has, or had, a stop s2"):
        moved(PLAN, STANDINGS, "s2", (other, {"s2": Standing()}), None)
    with pytest.raises(EditError, match="in plan p1 already"):
        moved(PLAN, STANDINGS, "s2", (PLAN, STANDINGS), None)


@st.composite
def variations(draw: st.DrawFn) -> Plan:
    """Draw a plan of some of six stops, in any order, with other radii and vehicles."""
    whole = a_plan(6)
    chosen = draw(st.lists(st.sampled_from(range(6)), unique=True))
    stops = tuple(
        replace(whole.stops[at], radius_m=draw(st.sampled_from([50.0, 80.0]))) for at in chosen
    )
    return replace(whole, stops=stops, vehicle=draw(st.sampled_from(["van-1", "van-2"])))


@given(variations(), variations())
def test_plans_of_equal_content_have_no_difference_and_others_have(old: Plan, new: Plan) -> None:
    """No difference is told exactly where there is none, and all stops stand afterwards."""
    standings = {stop.id: Standing() for stop in old.stops}
    found, after = differences(known(old, standings), new)
    assert (not found) == (old == new)
    assert set(after) == {stop.id for stop in (*old.stops, *new.stops)}
    gone = {each.stop for each in found if each.kind is ChangeKind.STOP_DROPPED}
    assert gone == set(ids(old)) - set(ids(new))
    for stop in after:
        assert after[stop].state is (StopState.SKIPPED if stop in gone else StopState.PENDING)


@given(variations(), variations())
def test_what_is_told_of_changes_is_not_personal(old: Plan, new: Plan) -> None:
    """No name, number, note, address or coordinate is among the words of the record."""
    standings = {stop.id: Standing() for stop in old.stops}
    found, _ = differences(known(old, standings), new)
    told = repr([(each.kind, each.stop, each.order, dict(each.said)) for each in found])
    for personal in ("Ada", "+49", "ring", "Ringstrasse", "48.0", "11.5"):
        assert personal not in told


def test_plan_that_contradicts_what_was_done_is_refused() -> None:
    """A finished stop is not dropped and not changed."""
    with pytest.raises(IllegalChangeError, match="stop s1 is completed"):
        differences(known(PLAN, DONE), replace(PLAN, stops=PLAN.stops[1:]))
    wider = replace(PLAN.stops[0], radius_m=99.0)
    with pytest.raises(PlanConflictError, match="stop s1 is completed: its radius_m cannot change"):
        differences(known(PLAN, DONE), replace(PLAN, stops=(wider, *PLAN.stops[1:])))


def test_order_that_another_plan_is_to_bring_is_refused() -> None:
    """Until that has failed, or has left it; and one that is delivered goes nowhere."""
    order = PLAN.stops[0].orders[0]
    for state, stop_state, refused in (
        (OrderState.ORDERED, StopState.PENDING, "order o1 is at stop s7 of plan p7"),
        (OrderState.DELIVERED, StopState.COMPLETED, "order o1 is delivered"),
        (OrderState.OUT_FOR_DELIVERY, StopState.INCIDENT, None),
        (OrderState.ORDERED, StopState.SKIPPED, None),
    ):
        there = {"o1": KnownOrder(order, state, "p7", "s7", stop_state)}
        if refused is None:
            found, _ = differences(Known(orders=there), PLAN)
            assert ChangeKind.ORDER_PLACED in [each.kind for each in found if each.order == "o1"]
        else:
            with pytest.raises(PlanConflictError, match=refused):
                differences(Known(orders=there), PLAN)


def test_order_named_by_its_id_alone_brings_what_is_known() -> None:
    """Parcels and contact stay as they are known; what the plan says goes before."""
    full = Order("o1", ("k1",), Contact(name="Ada"))
    stop = replace(PLAN.stops[0], orders=(Order("o1"),))
    there = {"o1": KnownOrder(full, OrderState.PACKED)}
    assert completed(replace(PLAN, stops=(stop,)), there).stops[0].orders == (full,)
    said = replace(stop, orders=(Order("o1", ("k2",)),))
    (whole,) = completed(replace(PLAN, stops=(said,)), there).stops[0].orders
    assert whole == Order("o1", ("k2",), Contact(name="Ada"))
