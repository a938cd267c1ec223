"""The desk over a whole day, and one thing at a time."""

from typing import Any

import pytest

from milepost_collector.delivery.desk import (
    DESK_TYPES,
    DeskState,
    DeskStateError,
    OutOfOrderError,
    desk,
)
from milepost_collector.delivery.desk.inputs import TapKind, TickInput
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind, StopState
from milepost_schemas.event import Event
from tests.collector import desk_day
from tests.collector.desk_log import Log, at, place, planned, stop, types
from tests.schemas.described import EVENT_SCHEMA

# All that the day tells, in order: when it was told, of when where that differs, what, of what.
DAY = """
08:05:00 stop.en_route s01
08:05:00 order.out_for_delivery o01
08:05:00 parcel.not_loaded p09-1
08:10:00 stop.approaching s01
08:23:00 stop.completed s01
08:23:00 order.delivered o01
08:24:00 stop.en_route s02
08:24:00 order.out_for_delivery o02
08:48:00 stop.incident s02
08:49:00 stop.en_route s03
08:49:00 order.out_for_delivery o03
09:15:00 stop.en_route s04
09:15:00 order.out_for_delivery o04
09:19:00 eta.moved s04
09:19:00 stop.at_risk s04
09:19:00 eta.moved s06
09:19:00 stop.at_risk s06
09:20:00 of 09:15:00 stop.left_without_completion s03
09:42:00 of 09:40:00 stop.late s04
09:55:00 stop.completed s04
09:55:00 order.delivered o04
09:56:00 stop.en_route s05
09:56:00 order.out_for_delivery o05
10:09:00 stop.en_route s06
10:09:00 order.out_for_delivery o06
10:10:00 stop.completed s05
10:10:00 stop.completed_elsewhere s05
10:10:00 order.delivered o05
10:12:00 of 09:19:00 event.withdrawn stop.at_risk
10:12:00 eta.moved s06
10:35:00 stop.completed s06
10:35:00 order.delivered o06
10:36:00 stop.en_route s07
10:36:00 order.out_for_delivery o07
11:20:00 of 11:02:00 stop.en_route s08
11:20:00 of 11:02:00 order.out_for_delivery o08
11:21:00 of 11:01:00 stop.completed s07
11:21:00 of 11:01:00 order.delivered o07
11:22:00 stop.completed s08
11:22:00 order.delivered o08
11:23:00 stop.en_route s09
11:23:00 order.out_for_delivery o09
11:46:00 stop.incident s09
11:47:00 stop.en_route s10
11:47:00 order.out_for_delivery o10
11:50:00 stop.skipped s11
12:08:00 stop.completed s10
12:08:00 order.delivered o10
12:09:00 stop.en_route s12
12:09:00 order.out_for_delivery o12
12:33:00 stop.completed s12
12:33:00 order.delivered o12
12:41:00 stop.en_route s02
12:57:00 stop.completed s02
12:57:00 order.delivered o02
13:10:00 stop.returned s09
13:10:00 order.returned o09
13:15:00 stop.skipped s03
""".strip().splitlines()

SILENCE = """
10:47:00 of 10:40:00 vehicle.silent unit-1
11:20:00 vehicle.heard unit-1
""".strip().splitlines()

# Far beyond what a plan of a day needs, far below what a row can hold.
MOST_BYTES = 16_384


def data_of(log: Log, kind: str, of: str) -> Any:
    """Return the data of the only event of a type and a stop that was told."""
    (found,) = [
        event.data
        for told in log.told
        for event in told.events
        if event.type == kind and event.data.get("stop") == of
    ]
    return found


def test_day_tells_what_happened_and_nothing_else() -> None:
    """Twelve stops: one late, one tried again, one left, one completed elsewhere, and silence."""
    log = desk_day.day()
    assert log.lines() == DAY
    assert log.state.due_ms is None, "nothing is waited for at the end of the day"
    assert len(log.state.encode()) < MOST_BYTES
    assert data_of(log, "stop.at_risk", "s04")["lead_s"] == 21 * 60
    assert data_of(log, "stop.at_risk", "s04")["over_s"] == 10 * 60
    assert data_of(log, "stop.completed", "s02")["attempt"] == 2
    assert data_of(log, "stop.incident", "s02")["photo"] == "photo-1"
    assert data_of(log, "stop.completed_elsewhere", "s05")["distance_m"] > 4000
    assert data_of(log, "stop.approaching", "s01")["by"] == "time"


def test_vehicle_tells_of_its_own_silence() -> None:
    """Silence is the vehicle's, whatever plans it has: each has its time, and the reason."""
    log = desk_day.silence()
    assert log.lines() == SILENCE
    (silent,), (heard,) = (told.events for told in log.told)
    assert silent.data["reason"] == heard.data["reason"] == "no network"
    assert heard.data["silent_s"] == 40 * 60
    assert silent.subject == heard.subject == "van-1"


def test_silence_that_was_none_when_it_was_told_is_withdrawn() -> None:
    """What came before the silence was told, and is known only now, was a sign of life."""
    log = Log(DeskState.of_vehicle("van-1"))
    (silent,) = log.silent("10:47", "10:40").events
    assert types(log.silent("10:50", "10:40")) == []
    (gone,) = log.heard("10:52", heard="10:46").events
    assert gone.data["withdraws"] == str(silent.id)
    assert types(log.heard("10:53")) == []


def test_every_type_of_the_day_is_described_and_none_other() -> None:
    """The schema has each type that desks tell, closed; a member more is refused."""
    for kind in DESK_TYPES:
        assert EVENT_SCHEMA["$defs"][kind]["additionalProperties"] is False
        assert kind in " ".join(DAY + SILENCE), f"the day does not tell {kind}"


def test_inputs_are_taken_in_their_order_alone() -> None:
    """An input that is missing, comes twice or is older than the one before is an error."""
    state = DeskState.of_plan("p1")
    desk(state, TickInput(1, 1000))
    for number, at_ms in ((1, 1000), (3, 2000), (2, 999)):
        with pytest.raises(OutOfOrderError, match=f"plan/p1: input {number} at {at_ms} ms"):
            desk(state, TickInput(number, at_ms))
    desk(state, TickInput(2, 1000))


@pytest.mark.parametrize("data", [b"", b"\x91\x63", b"\x92\x01\x01", b"hello", b"\xc1"])
def test_state_that_is_damaged_or_of_another_version_is_refused(data: bytes) -> None:
    """It is never taken for another one."""
    with pytest.raises(DeskStateError):
        DeskState.decode(data)


@pytest.fixture
def log() -> Log:
    """A plan of four stops, put at six, which the vehicle has set out for."""
    log = Log()
    windows = {2: ("09:00", "10:00")}
    log.plan("06:00", planned([stop(n, windows.get(n)) for n in range(1, 5)]))
    log.set_out("08:00")
    return log


def test_approaching_is_told_once_by_distance_or_by_time(log: Log) -> None:
    """Whichever is first, by a position that is fresh, once for each attempt."""
    assert types(log.foresee("08:05", s01=("08:30", 9000.0))) == []
    assert types(log.foresee("08:06", age_s=600, s01=("08:08", 90.0))) == []
    assert types(log.foresee("08:06", age_s=None, s01=("08:08", 90.0))) == []
    (event,) = log.foresee("08:10", s01=("08:30", 999.0)).events
    assert (event.type, event.data["by"]) == ("stop.approaching", "distance")
    assert types(log.foresee("08:15", s01=("08:16", 100.0))) == []
    log.tap("08:20", TapKind.INCIDENT, "s01", incident=IncidentKind.NOT_HOME)
    assert types(log.foresee("08:21", s01=("08:22", 100.0))) == []
    log.tap("12:00", TapKind.REATTEMPT, "s01")
    (event,) = log.foresee("12:01", s01=("12:03", 2000.0)).events
    assert (event.type, event.data["by"], event.data["attempt"]) == ("stop.approaching", "time", 2)


def test_nobody_approaches_before_the_vehicle_has_set_out() -> None:
    """A stop beside the depot is not told to be near while the vehicle is being loaded."""
    log = Log()
    log.plan("06:00", planned([stop(1)]))
    assert types(log.foresee("07:55", s01=("08:03", 300.0))) == []
    log.set_out("08:00")
    assert types(log.foresee("08:00:10", s01=("08:03", 290.0))) == ["stop.approaching"]


def test_approaching_is_withdrawn_where_the_stop_had_been_reached(log: Log) -> None:
    """A late tap shows that the forecast was of a stop that was done."""
    (near,) = log.foresee("08:10", s01=("08:15", 900.0)).events
    told = log.tap("08:30", TapKind.COMPLETE, "s01", tapped="08:09")
    gone = [event.data["withdraws"] for event in told.events if event.type == "event.withdrawn"]
    assert str(near.id) in gone


def test_risk_is_told_once_and_taken_back_once(log: Log) -> None:
    """It is told when the window is forecast to be missed, and withdrawn when it clearly is not."""
    assert types(log.foresee("09:00", s02="09:59")) == []
    (risk,) = log.foresee("09:10", s02="10:01").events
    assert risk.data["lead_s"] == 50 * 60
    assert types(log.foresee("09:15", s02="10:04")) == []
    assert types(log.foresee("09:20", s02="09:59")) == [], "within two minutes nothing is clear"
    (gone,) = log.foresee("09:25", s02="09:57").events
    assert gone.data == {
        "withdraws": str(risk.id),
        "type": "org.milepost.stop.at_risk",
        "instead": None,
    }
    assert types(log.foresee("09:26", s02="09:56")) == []
    assert types(log.foresee("09:40", s02="10:05")) == ["stop.at_risk"]


def test_risk_is_over_when_the_stop_is_reached_in_time(log: Log) -> None:
    """An arrival within the window takes the risk back; one after it does not."""
    log.foresee("09:30", s02="10:05")
    assert "event.withdrawn" in types(log.arrive("09:58", "s02"))
    assert types(log.tick("10:10")) == []


def test_late_is_told_when_the_window_has_ended_and_withdrawn_if_it_was_met(log: Log) -> None:
    """A vehicle that was out of reach had been there in time: known late, it is taken back."""
    assert log.state.due_ms == at("10:02")
    (late,) = log.tick("10:02").events
    assert (late.type, late.time_ms) == ("stop.late", at("10:00"))
    told = log.arrive("11:00", "s02", came="09:59")
    withdrawn = [event.data["withdraws"] for event in told.events if "withdraws" in event.data]
    assert withdrawn == [str(late.id)]


def test_late_follows_the_window_of_the_plan(log: Log) -> None:
    """A window that is moved takes the event back; moved there again it is told anew."""
    windows = ("09:00", "11:00"), ("09:00", "10:00")
    (late,) = log.tick("10:30").events
    told: list[Event] = []
    for minute, window in enumerate(windows):
        day = planned([stop(n, window if n == 2 else None) for n in range(1, 5)])
        told += log.plan(f"10:3{minute}", day).events
    assert [event.type for event in told] == ["event.withdrawn", "stop.late"]
    assert told[1].id != late.id, "the first of a repeated id is the one that consumers know"
    assert told[1].data == late.data


def test_eta_that_moves_is_told_from_ten_minutes_on_and_every_quarter_of_an_hour(
    log: Log,
) -> None:
    """More than X against what was told last, and at most every Y."""
    assert types(log.foresee("08:05", s03="10:00")) == [], "the first is no move"
    assert types(log.foresee("08:30", s03="10:10")) == []
    (moved,) = log.foresee("08:31", s03="10:11").events
    assert moved.data["moved_s"] == 11 * 60
    assert types(log.foresee("08:45", s03="10:40")) == [], "too soon after the last"
    (moved,) = log.foresee("08:46", s03="10:40").events
    assert moved.data["moved_s"] == 29 * 60
    assert moved.data["was_at"].endswith("T10:11:00.000Z")


def test_edit_does_not_change_what_was_promised(log: Log) -> None:
    """What was told last is what an ETA moves from, whatever the plan says now."""
    log.foresee("08:05", s03="10:00")
    assert types(log.foresee("08:30", s03="10:20")) == ["eta.moved"]
    log.plan("08:40", planned([stop(n, arrives="09:00") for n in range(1, 5)]))
    assert types(log.foresee("09:30", s03="10:21")) == []


def test_stop_without_a_tap_is_arrived_at_and_left_by_movement_alone(log: Log) -> None:
    """Without any driver the day goes on: what is next is headed for."""
    for name, hour in (("s01", 9), ("s02", 10)):
        (change,) = log.arrive(f"{hour:02}:00", name).changes
        assert change.standing.state is StopState.ARRIVED
        changes = {
            each.stop: each.standing.state for each in log.depart(f"{hour:02}:05", name).changes
        }
        assert list(changes.values()) == [StopState.EN_ROUTE], "who was there was there"


def test_vehicle_that_goes_elsewhere_turns_from_where_it_was_headed(log: Log) -> None:
    """Who arrives at the third stop first is not on the way to the first one any more."""
    changes = {c.stop: c.standing.state for c in log.arrive("09:00", "s03").changes}
    assert changes == {"s01": StopState.PENDING, "s03": StopState.ARRIVED}
    log.tap("09:01", TapKind.COMPLETE, "s03")
    told = log.depart("09:02", "s03")
    assert [event.data["stop"] for event in told.events] == ["s04", "s04"]


def test_driver_who_says_where_to_is_believed(log: Log) -> None:
    """Who taps start for the third stop is on the way there, also when leaving another one."""
    assert log.tap("08:05", TapKind.START, "s01").refusal is None, "it is that already"
    log.arrive("08:30", "s01")
    log.tap("08:33", TapKind.COMPLETE, "s01")
    told = log.tap("08:34", TapKind.START, "s03")
    assert [e.data["stop"] for e in told.events if e.type == "stop.en_route"] == ["s03"]
    assert "stop.en_route" not in types(log.depart("08:35", "s01"))
    refusal = log.tap("08:40", TapKind.START, "s01").refusal
    assert refusal is not None
    assert refusal.allowed == ()


def test_edit_of_the_order_changes_where_the_vehicle_is_headed(log: Log) -> None:
    """The next stop of the new order is the one that is on the way; what is done stays."""
    order = [stop(n) for n in (3, 1, 2, 4)]
    told = log.plan("08:10", planned(order))
    assert [(e.type, e.data["stop"]) for e in told.events if e.type.startswith("stop")] == [
        ("stop.en_route", "s03")
    ]
    assert types(log.plan("08:11", planned(order))) == []


def test_stop_that_another_plan_takes_is_not_skipped(log: Log) -> None:
    """It leaves this plan quietly, and may come back."""
    rest = planned([stop(n) for n in (1, 2, 3)])
    assert types(log.plan("08:30", rest, moved_away=("s04",))) == []
    assert types(log.plan("08:40", planned([stop(n) for n in range(1, 5)]))) == []
    assert types(log.tap("12:00", TapKind.COMPLETE, "s04"))[0] == "stop.completed"


def test_track_event_that_is_withdrawn_has_not_happened(log: Log) -> None:
    """History that was run again with other fences takes back what followed from it."""
    log.arrive("09:00", "s01")
    log.depart("09:05", "s01")
    left = log.tick("09:10").events
    assert [event.type for event in left] == ["stop.left_without_completion"]
    departed = log.inputs[-2].event.id  # type: ignore[attr-defined]
    told = log.track("12:00", "event.withdrawn", "09:05", withdraws=str(departed))
    withdrawn = {e.data["withdraws"] for e in told.events if e.type == "event.withdrawn"}
    assert str(left[0].id) in withdrawn
    assert {c.stop: c.standing.state for c in told.changes} == {
        "s02": StopState.PENDING,
    }


def test_arrival_and_detour_that_are_withdrawn_have_not_happened(log: Log) -> None:
    """The stop is waited for again, and nothing was a detour."""
    log.arrive("09:00", "s02")
    log.track("09:10", "route.deviated", plan="p1")
    log.track("09:20", "route.rejoined", plan="p1")
    arrived, deviated, _ = [entry.event.id for entry in log.inputs[-3:]]  # type: ignore[attr-defined]
    told = log.track("12:00", "event.withdrawn", "09:00", withdraws=str(arrived))
    assert [event.type for event in told.events if event.type == "stop.late"] == ["stop.late"]
    assert {c.stop: c.standing.state for c in told.changes}["s02"] is StopState.PENDING
    assert log.state.stops["s02"].visits == []
    log.track("12:01", "event.withdrawn", "09:10", withdraws=str(deviated))
    assert log.state.detours == []


def test_departure_from_the_depot_that_is_withdrawn_has_not_happened() -> None:
    """Nothing was left behind, and nobody is on the way."""
    log = Log()
    log.plan("06:00", planned([stop(1), stop(2)]))
    log.tap("07:30", TapKind.SCAN, parcels=("p01-1",))
    first = log.set_out("08:00").events
    assert [event.type for event in first] == [
        "stop.en_route",
        "order.out_for_delivery",
        "parcel.not_loaded",
    ]
    departed = log.inputs[-1].event.id  # type: ignore[attr-defined]
    told = log.track("12:00", "event.withdrawn", "08:00", withdraws=str(departed))
    assert [event.data["withdraws"] for event in told.events] == [str(e.id) for e in first]
    assert log.state.exits == []


def test_track_event_that_is_repeated_counts_once(log: Log) -> None:
    """Whoever reads the feed gets events at least once: numbers that are not new are repeats."""
    log.arrive("09:00", "s01")
    log._feed -= 1
    told = log.arrive("09:01", "s01", came="09:00")
    assert (told.events, told.changes) == ((), ())
    assert len(log.state.stops["s01"].visits) == 1


def test_trip_from_elsewhere_is_no_departure_from_the_depot() -> None:
    """Who sets out at a stop has not left the depot."""
    log = Log()
    log.plan("06:00", planned([stop(1)]))
    lat_deg, lon_deg = place(3)
    assert types(log.track("08:00", "trip.started", lat_deg=lat_deg, lon_deg=lon_deg)) == []
    assert log.state.exits == []


def test_completion_before_the_arrival_is_known_turns_to_the_next_stop(log: Log) -> None:
    """A quick driver taps before the engine is sure: the arrival then tells nothing."""
    told = log.tap("09:00:20", TapKind.COMPLETE, "s01")
    assert "stop.en_route" in types(told)
    assert types(log.arrive("09:00:31", "s01", came="09:00")) == []
    assert types(log.depart("09:01", "s01")) == []


def test_rules_hold_for_the_day_from_when_they_come(log: Log) -> None:
    """What other rules would not have told is withdrawn, and what they would have told is told."""
    log.rules("08:01", left_after_s=None)
    log.arrive("09:00", "s01")
    log.depart("09:05", "s01")
    assert types(log.tick("09:30")) == []
    assert types(log.rules("09:31", left_after_s=600)) == ["stop.left_without_completion"]
    assert types(log.rules("09:32", left_after_s=86_400)) == ["event.withdrawn"]


def test_source_of_a_change_is_told(log: Log) -> None:
    """Who skipped a stop is known from the event."""
    (event,) = log.tap("09:00", TapKind.SKIP, "s04", source=Source.DISPATCHER).events
    assert event.data["source"] == "dispatcher"
