"""Plans in the database: what changes, what does not, and what was in force when."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost_collector.delivery.order_changes import PlanConflictError
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import (
    IllegalChangeError,
    Incident,
    IncidentKind,
    OrderState,
    StopState,
)
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.orders import put_order, where_order
from milepost_collector.store.plans.rows import UnknownOrderError, stored_plan
from milepost_collector.store.plans.stopping import change_stop
from milepost_collector.store.plans.versions import load_versions
from milepost_collector.store.plans.writing import (
    Drop,
    Edit,
    Insert,
    Move,
    Reorder,
    edit_plan,
    put_plan,
)
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan import Contact, Order, Plan, read_stop
from tests.collector.plans import BY, NOW, a_plan, causes, kinds, put, stop_value, within
from tests.fixtures.servers import FreshDatabase

COUNTER = "SELECT version FROM plan_counter"


def later(seconds: float) -> By:
    """Return who changes something so much later."""
    return replace(BY, at=NOW + timedelta(seconds=seconds))


def bare(plan: Plan) -> Plan:
    """Return a plan as a version holds it: without orders and priorities."""
    return replace(plan, stops=tuple(replace(s, orders=(), priority=0) for s in plan.stops))


def test_plan_that_is_put_comes_back_and_again_changes_nothing(database: FreshDatabase) -> None:
    """What is read is what was put; the same once more makes no change, row or version."""
    plan = a_plan(3)
    first = put(database, plan)
    assert (first.is_new, first.version) == (True, 1)
    assert kinds(first)[:2] == [("plan.made", None), ("stop.inserted", "s1")]
    rows = database.rows("SELECT count(*), sum(xmin::text::bigint) FROM personal")
    again = put(database, plan, later(60))
    assert (again.is_new, again.version, again.changes) == (False, 1, [])
    assert database.rows("SELECT count(*), sum(xmin::text::bigint) FROM personal") == rows
    assert within(database, lambda c: stored_plan(c, "p1")).plan == plan
    assert database.value(COUNTER) == 1


def test_changed_plan_is_recorded_by_its_differences(database: FreshDatabase) -> None:
    """Each difference is a change with its source; what did not change is not told."""
    put(database, a_plan(3))
    new = a_plan(4)
    stops = [new.stops[3], replace(new.stops[1], radius_m=80.0), new.stops[0]]
    by = By(Source.IMPORT, "f.csv:1", NOW)
    written = put(database, replace(new, stops=tuple(stops), vehicle="van-2"), by)
    assert kinds(written) == [
        ("plan.changed", None),
        ("stop.dropped", "s3"),
        ("stop.inserted", "s4"),
        ("stop.changed", "s2"),
        ("stops.reordered", None),
        ("order.made", "s4"),
        ("order.placed", "s4"),
    ]
    assert {(row.entry.source, row.entry.input) for row in written.changes} == {
        ("import", "f.csv:1")
    }
    back = put(database, a_plan(3))
    assert ("stop.restored", "s3") in kinds(back)
    assert within(database, lambda c: stored_plan(c, "p1")).plan == a_plan(3)


def test_versions_are_kept_with_the_time_from_which_they_hold(database: FreshDatabase) -> None:
    """Ten seconds from each change, never before an older one; what is no stop makes none."""
    plan = a_plan(2)
    put(database, plan)
    put(database, replace(plan, stops=plan.stops[:1]), later(100))
    by = later(50)  # of a clock that was set back
    within(database, lambda c: put_order(c, Order("o1", ("k1", "k7")), by))
    put(database, plan, by)
    versions = within(database, load_versions)["p1"]
    start = milliseconds(NOW)
    assert versions == [
        (start + 10_000, bare(plan)),
        (start + 110_000, bare(replace(plan, stops=plan.stops[:1]))),
        (start + 110_000, bare(plan)),
    ]
    assert database.value(COUNTER) == 3
    assert within(database, lambda c: load_versions(c, plan.date + timedelta(days=1))) == {}


def test_edits_during_the_day_follow_in_orders_and_versions(database: FreshDatabase) -> None:
    """Insert, drop, reorder and move; orders are where their stops are."""
    put(database, a_plan(3))
    put(database, a_plan(1, name="p2", prefix="x", vehicle="van-2"))

    async def work(connection: AsyncDatabase) -> None:
        edits: list[Edit] = [
            Insert(read_stop(stop_value(7)), "s2"),
            Drop("s1"),
            Reorder(("s3", "s2", "s7")),
            Move("s2", "p2", "xs1"),
        ]
        for number, edit in enumerate(edits):
            await edit_plan(connection, "p1", edit, later(number))
        left, right = await stored_plan(connection, "p1"), await stored_plan(connection, "p2")
        assert [stop.id for stop in left.plan.stops] == ["s3", "s7"]
        assert [stop.id for stop in right.plan.stops] == ["s2", "xs1"]
        assert left.known.standings["s1"].state is StopState.SKIPPED
        assert "s2" not in left.known.standings
        where = (await where_order(connection, "o2")).at
        assert where is not None
        assert (where.plan, where.vehicle, where.stop, where.stops_before) == (
            *("p2", "van-2", "s2"),
            0,
        )
        dropped = (await where_order(connection, "o1")).at
        assert dropped is not None
        assert (dropped.state, dropped.stops_before) == ("skipped", None)

    within(database, work)
    assert set(causes(database).values()) == {None}


def test_stop_that_is_moved_keeps_its_attempts_and_its_incident(database: FreshDatabase) -> None:
    """What was tried is known in the other plan, with what was said of it."""
    put(database, a_plan(1))
    put(database, a_plan(0, name="p2"))
    not_home = Incident(IncidentKind.NOT_HOME, "a red door", "photo-1")

    async def work(connection: AsyncDatabase) -> None:
        await change_stop(connection, "p1", "s1", StopState.INCIDENT, BY, incident=not_home)
        await change_stop(connection, "p1", "s1", StopState.PENDING, BY)
        await edit_plan(connection, "p1", Move("s1", "p2"), BY)
        standing = (await stored_plan(connection, "p2")).known.standings["s1"]
        assert (standing.state, standing.attempts) == (StopState.PENDING, 2)
        assert standing.incident == not_home

    within(database, work)


def test_stop_takes_its_orders_along(database: FreshDatabase) -> None:
    """On its way, delivered; twice the same changes nothing, and what cannot be is refused."""
    put(database, a_plan(2))

    async def work(connection: AsyncDatabase) -> None:
        async def state() -> OrderState:
            return (await where_order(connection, "o1")).state

        assert await state() is OrderState.ORDERED
        for to, after in (
            (StopState.EN_ROUTE, OrderState.OUT_FOR_DELIVERY),
            (StopState.ARRIVED, OrderState.OUT_FOR_DELIVERY),
            (StopState.COMPLETED, OrderState.DELIVERED),
        ):
            at = NOW + timedelta(minutes=5)
            await change_stop(connection, "p1", "s1", to, BY, at=at)
            assert await state() is after
        again = await change_stop(connection, "p1", "s1", StopState.COMPLETED, later(9))
        assert again.changes == []
        with pytest.raises(IllegalChangeError, match="that is its end"):
            await change_stop(connection, "p1", "s1", StopState.EN_ROUTE, BY)
        stored = await stored_plan(connection, "p1")
        assert stored.stops["s1"].state_at == NOW + timedelta(minutes=5)

    within(database, work)


def test_skipped_stop_is_in_force_again_when_it_comes_back(database: FreshDatabase) -> None:
    """Whoever skips it, the version without it is told, and the one with it again."""
    put(database, a_plan(2))

    async def work(connection: AsyncDatabase) -> list[list[str]]:
        await change_stop(connection, "p1", "s1", StopState.SKIPPED, later(1))
        await change_stop(connection, "p1", "s1", StopState.PENDING, later(2))
        found = (await load_versions(connection))["p1"]
        return [[stop.id for stop in plan.stops] for _, plan in found]

    assert within(database, work) == [["s1", "s2"], ["s2"], ["s2", "s1"]]


def test_order_is_followed_before_any_plan(database: FreshDatabase) -> None:
    """Ordered, packed; a plan that names it alone brings its parcels to whom they are known."""
    full = Order("o1", ("k1", "k2"), Contact(name="Ada", locale="de-AT"))

    async def work(connection: AsyncDatabase) -> None:
        with pytest.raises(UnknownOrderError, match="there is no order o1"):
            await where_order(connection, "o1")
        assert (await put_order(connection, full, BY)).is_new
        assert (await put_order(connection, full, later(1))).changes == []
        await put_order(connection, full, BY, state=OrderState.PACKED)
        where = await where_order(connection, "o1")
        assert (where.order, where.state, where.at) == (full, OrderState.PACKED, None)
        plan = a_plan(1)
        stop = replace(plan.stops[0], orders=(Order("o1"),))
        await put_plan(connection, replace(plan, stops=(stop,)), BY)
        where = await where_order(connection, "o1")
        assert where.order == full
        assert where.at is not None
        assert (where.at.stop, where.at.state) == ("s1", "pending")
        with pytest.raises(IllegalChangeError, match="order o1 is packed and cannot become ord"):
            await put_order(connection, full, BY, state=OrderState.ORDERED)
        with pytest.raises(PlanConflictError, match="parcel k1 is of order o1"):
            await put_order(connection, Order("o2", ("k1",)), BY)

    within(database, work)
    assert set(causes(database)) == {"order/o1", "plan/p1"}
    assert set(causes(database).values()) == {None}


def test_order_of_a_stop_that_failed_is_tried_by_the_next_day_s_plan(
    database: FreshDatabase,
) -> None:
    """It is where it is brought next; the first day's plan still says that it had it."""
    first, second = a_plan(1), a_plan(1, name="p2", date="2026-11-20")
    put(database, first)
    with pytest.raises(PlanConflictError, match="order o1 is at stop s1 of plan p1, which is pen"):
        put(database, second)
    refused = Incident(IncidentKind.REFUSED)

    async def work(connection: AsyncDatabase) -> None:
        await change_stop(connection, "p1", "s1", StopState.INCIDENT, BY, incident=refused)
        await put_plan(connection, second, BY)
        where = (await where_order(connection, "o1")).at
        assert where is not None
        assert where.plan == "p2"
        assert (await put_plan(connection, first, BY)).changes == []
        with pytest.raises(PlanConflictError, match="order o1 is at stop s1 of plan p2"):
            await change_stop(connection, "p1", "s1", StopState.PENDING, BY)

    within(database, work)


def test_plans_put_by_many_at_once_end_whole(database: FreshDatabase) -> None:
    """Ten writers of one plan and of others: no deadlock, every chain is whole."""

    async def one(number: int) -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            plan = a_plan(number % 3 + 1)
            await put_plan(connection, plan, later(number))
            await put_plan(connection, a_plan(1, name=f"q{number}", prefix=f"q{number}"), BY)

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(10)))

    asyncio.run(all_of_them())
    assert len(causes(database)) == 11
    assert set(causes(database).values()) == {None}
    assert database.value("SELECT count(*) FROM plan_version") == database.value(COUNTER)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop", "insert", "reorder", "move", "state"]),
        st.integers(1, 4),
        st.sampled_from(StopState),
        st.permutations(["s1", "s2", "s3", "s4"]),
    ),
    max_size=12,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(actions=ACTIONS)
def test_whatever_is_done_the_record_is_whole_and_the_versions_agree(
    plain_database: FreshDatabase, actions: list[tuple[Any, ...]]
) -> None:
    """After any actions, refused ones too: chains intact, the newest version is what stands."""
    database = plain_database
    database.run("DELETE FROM plan_order")
    tables = "plan_order, parcel, customer_order, plan_stop, plan_version, plan, personal"
    database.run("ALTER TABLE plan_version DISABLE TRIGGER ALL")
    database.run("ALTER TABLE plan_change DISABLE TRIGGER ALL")
    database.run(f"TRUNCATE {tables}, plan_change".encode())  # type: ignore[arg-type]
    put(database, a_plan(3))
    put(database, a_plan(1, name="p2", prefix="x"))

    async def act(connection: AsyncDatabase, action: tuple[Any, ...]) -> None:
        what, number, state, order = action
        stop = f"s{number}"
        match what:
            case "put":
                await put_plan(connection, a_plan(number), BY)
            case "state":
                kind = Incident(IncidentKind.OTHER, "so") if state == "incident" else None
                await change_stop(connection, "p1", stop, state, BY, incident=kind)
            case "insert":
                await edit_plan(connection, "p1", Insert(read_stop(stop_value(number))), BY)
            case "reorder":
                await edit_plan(connection, "p1", Reorder(tuple(order[:number])), BY)
            case "drop":
                await edit_plan(connection, "p1", Drop(stop), BY)
            case "move":
                await edit_plan(connection, "p1", Move(stop, "p2"), BY)

    async def work(connection: AsyncDatabase) -> None:
        for action in actions:
            try:
                await act(connection, action)
            except (ValueError, LookupError):  # refused, in the words of the other tests
                continue
        versions = await load_versions(connection)
        for name in ("p1", "p2"):
            stored = await stored_plan(connection, name)
            assert versions[name][-1][1] == bare(stored.plan)
            assert len(versions[name]) == stored.version

    within(database, work)
    assert set(causes(database).values()) == {None}
