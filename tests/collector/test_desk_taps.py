"""Taps at the desk: once each, at their own time, and never what cannot be."""

import uuid

import pytest

from milepost_collector.delivery.desk import Refusal
from milepost_collector.delivery.desk.inputs import TapKind
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind, StopState
from tests.collector.desk_log import Log, at, place, planned, stop, types

NOT_HOME = {"incident": IncidentKind.NOT_HOME}


@pytest.fixture
def log() -> Log:
    """A plan of four stops, put at six."""
    log = Log()
    log.plan("06:00", planned([stop(n) for n in range(1, 5)]))
    return log


def withdrawn(log: Log) -> list[str]:
    """Return the types of what was withdrawn by the newest input."""
    prefix = "org.milepost."
    return [
        event.data["type"].removeprefix(prefix)
        for event in log.told[-1].events
        if event.type == "event.withdrawn"
    ]


def test_tap_has_its_own_time(log: Log) -> None:
    """What was tapped without a network is told when it comes, with the time of the tap."""
    told = log.tap("10:30", TapKind.COMPLETE, "s01", tapped="10:00", proof="proof-7")
    assert {event.time_ms for event in told.events} == {at("10:00")}
    assert types(told) == ["stop.completed", "order.delivered"]
    assert told.events[0].data == {
        "plan": "p1",
        "stop": "s01",
        "attempt": 1,
        "source": "driver",
        "proof": "proof-7",
    }
    (change,) = told.changes
    assert (change.stop, change.standing.state) == ("s01", StopState.COMPLETED)
    assert change.since_ms == at("10:00")


def test_tap_of_a_clock_ahead_is_never_later_than_ours(log: Log) -> None:
    """A phone whose clock is ahead, or was never set, tapped when the tap came."""
    ahead = log.tap("10:00", TapKind.COMPLETE, "s01", tapped="11:00")
    unset = log.tap("10:01", TapKind.COMPLETE, "s02", tapped="-72:00")
    assert [event.time_ms for event in ahead.events] == [at("10:00")] * 2
    assert [event.time_ms for event in unset.events] == [at("10:01")] * 2


def test_tap_that_is_sent_again_counts_once(log: Log) -> None:
    """The same key changes nothing, however often it comes, and says that it counted."""
    first = log.tap("10:00", TapKind.COMPLETE, "s01", key="k1")
    again = log.tap("10:05", TapKind.COMPLETE, "s01", key="k1", tapped="10:00")
    assert first.events
    assert not first.repeated
    assert again.repeated
    assert (again.events, again.changes, again.refusal) == ((), (), None)


def test_tap_that_cannot_be_is_refused_with_what_can(log: Log) -> None:
    """An incident has to be tried again before it can be completed."""
    log.tap("10:00", TapKind.INCIDENT, "s01", **NOT_HOME)
    packed = log.state.encode()
    told = log.tap("10:05", TapKind.COMPLETE, "s01", key="k1")
    assert (told.events, told.changes) == ((), ())
    assert told.refusal == Refusal(
        "stop s01 is incident and cannot become completed:"
        " it can become pending, returned, skipped",
        ("pending", "returned", "skipped"),
    )
    assert log.tap("10:06", TapKind.COMPLETE, "s09").refusal == Refusal(
        "plan/p1 has no stop s09", is_unknown=True
    )
    log.state.number, log.state.at_ms = 2, at("10:00")
    assert log.state.encode() == packed, "a refused tap leaves something behind"


def test_refused_tap_counts_when_what_it_needs_has_come(log: Log) -> None:
    """Taps that come in another order than they were made are all counted in the end."""
    log.tap("10:00", TapKind.INCIDENT, "s01", **NOT_HOME)
    assert log.tap("12:00", TapKind.COMPLETE, "s01", key="k2").refusal
    log.tap("12:01", TapKind.REATTEMPT, "s01", tapped="11:00")
    told = log.tap("12:02", TapKind.COMPLETE, "s01", key="k2", tapped="12:00")
    assert types(told) == ["stop.completed", "order.delivered"]
    assert told.events[0].time_ms == at("12:00")
    assert told.events[0].data["attempt"] == 2


def test_late_proof_undoes_what_a_dispatcher_skipped_meanwhile(log: Log) -> None:
    """Who delivered before the stop was skipped has delivered; that it was skipped is withdrawn."""
    told = log.tap("10:20", TapKind.SKIP, "s01", source=Source.DISPATCHER)
    (skipped,) = told.events
    told = log.tap("10:40", TapKind.COMPLETE, "s01", tapped="10:10")
    *done, gone = told.events
    assert [event.type for event in done] == ["stop.completed", "order.delivered"]
    assert (gone.type, gone.time_ms) == ("event.withdrawn", at("10:20"))
    assert gone.data["withdraws"] == str(skipped.id)
    (change,) = told.changes
    assert change.standing.state is StopState.COMPLETED


def test_late_proof_undoes_an_edit_that_dropped_the_stop(log: Log) -> None:
    """Likewise where the plan was edited."""
    told = log.plan("10:20", planned([stop(n) for n in range(2, 5)]))
    assert types(told) == ["stop.skipped"]
    told = log.tap("10:40", TapKind.COMPLETE, "s01", tapped="10:10")
    assert withdrawn(log) == ["stop.skipped"]
    assert "stop.completed" in types(told)
    assert log.tap("10:41", TapKind.COMPLETE, "s01", tapped="10:35").refusal


def test_stop_that_was_dropped_cannot_be_completed_after_that(log: Log) -> None:
    """A proof that was made later is refused: the stop was not to be made any more."""
    log.plan("10:20", planned([stop(n) for n in range(2, 5)]))
    refusal = log.tap("10:40", TapKind.COMPLETE, "s01", tapped="10:30").refusal
    assert refusal is not None
    assert refusal.allowed == ("pending",)


def test_late_tap_never_undoes_another_tap(log: Log) -> None:
    """Who has delivered has delivered, whatever is told to have been before."""
    log.tap("10:30", TapKind.COMPLETE, "s01")
    told = log.tap("10:40", TapKind.INCIDENT, "s01", tapped="10:00", **NOT_HOME)
    assert told.events == ()
    assert told.refusal is not None
    assert told.refusal.message == (
        "stop s01 was told to be completed after that: incident is too late"
    )
    assert "incident" not in told.refusal.allowed


def test_event_whose_data_turn_out_to_be_others_is_told_anew(log: Log) -> None:
    """A second attempt that becomes known late: the completion was of that one."""
    rest, whole = planned([stop(n) for n in (2, 3, 4)]), planned([stop(n) for n in range(1, 5)])
    log.tap("10:00", TapKind.INCIDENT, "s01", **NOT_HOME)
    log.plan("10:30", rest)
    log.plan("10:40", whole)
    done = log.tap("12:00", TapKind.COMPLETE, "s01").events[0]
    assert done.data["attempt"] == 1
    told = log.tap("12:10", TapKind.REATTEMPT, "s01", tapped="10:20").events
    anew = {event.id: event for event in told}
    (gone,) = [event for event in told if event.data.get("withdraws") == str(done.id)]
    again = anew[uuid.UUID(gone.data["instead"])]
    assert (again.type, again.time_ms) == (done.type, done.time_ms)
    assert again.data == {**done.data, "attempt": 2}


def test_turning_away_is_no_second_attempt(log: Log) -> None:
    """The vehicle went elsewhere; a late tap tells that it had been there, and nobody was home."""
    log.set_out("08:00")
    log.arrive("09:00", "s03")
    told = log.tap("10:00", TapKind.INCIDENT, "s01", tapped="08:50", **NOT_HOME)
    (change,) = [each for each in told.changes if each.stop == "s01"]
    assert (change.standing.state, change.standing.attempts) == (StopState.INCIDENT, 1)


def test_stop_is_left_without_completion_after_a_grace_time(log: Log) -> None:
    """Nobody taps for five minutes after the vehicle left: told then, of when it left."""
    log.arrive("09:00", "s01")
    log.depart("09:04", "s01")
    assert log.state.due_ms == at("09:09")
    assert types(log.tick("09:08:59")) == []
    (event,) = log.tick("09:09").events
    assert event.type == "stop.left_without_completion"
    assert event.time_ms == at("09:04")
    assert event.data["inside_s"] == 240
    assert types(log.tick("09:30")) == []


@pytest.mark.parametrize(
    ("tapped", "stands"),
    [("09:02", False), ("09:04", False), ("09:09", False), ("09:09:01", True), ("09:20", True)],
)
def test_late_tap_withdraws_left_without_completion_by_its_own_time(
    log: Log, tapped: str, stands: bool
) -> None:
    """A tap that was made within the grace time was there, whenever it comes."""
    log.arrive("09:00", "s01")
    log.depart("09:04", "s01")
    log.tick("09:09")
    told = log.tap("11:00", TapKind.COMPLETE, "s01", tapped=tapped)
    assert "stop.completed" in types(told)
    assert withdrawn(log) == ([] if stands else ["stop.left_without_completion"])


def test_who_comes_back_within_the_grace_time_has_not_left(log: Log) -> None:
    """A van that is moved by some metres is not alarmed about."""
    log.arrive("09:00", "s01")
    log.depart("09:04", "s01")
    log.arrive("09:06", "s01")
    assert types(log.tick("09:30")) == []
    log.tap("09:31", TapKind.COMPLETE, "s01")
    log.depart("09:32", "s01")
    assert types(log.tick("10:00")) == []


def test_second_attempt_can_be_left_too(log: Log) -> None:
    """What was tapped at the first attempt says nothing of the second."""
    log.arrive("09:00", "s01")
    log.tap("09:03", TapKind.INCIDENT, "s01", **NOT_HOME)
    log.depart("09:04", "s01")
    assert types(log.tick("10:00")) == []
    log.tap("14:00", TapKind.REATTEMPT, "s01")
    log.arrive("14:10", "s01")
    log.depart("14:12", "s01")
    assert types(log.tick("14:17")) == ["stop.left_without_completion"]


@pytest.mark.parametrize(("north_m", "is_told"), [(0, False), (240, False), (260, True)])
def test_proof_from_elsewhere_is_told(log: Log, north_m: int, is_told: bool) -> None:
    """A proof farther than 200 m from the edge of the stop is told beside its completion."""
    lat_deg, lon_deg = place(1)
    where = (lat_deg + north_m / 111_195, lon_deg)
    told = log.tap("09:00", TapKind.COMPLETE, "s01", place=where)
    assert ("stop.completed_elsewhere" in types(told)) is is_told
    if is_told:
        assert told.events[1].data == {"plan": "p1", "stop": "s01", "distance_m": 210}


def test_parcels_that_were_not_scanned_are_told_when_the_vehicle_leaves(log: Log) -> None:
    """One that is scanned is loaded; a scan that comes late takes back what was told."""
    scanned = ("p01-1", "p02-1")
    assert types(log.tap("07:30", TapKind.SCAN, parcels=scanned)) == []
    told = log.set_out("08:05")
    missing = [event for event in told.events if event.type == "parcel.not_loaded"]
    assert [event.data["parcel"] for event in missing] == ["p03-1", "p04-1"]
    assert missing[0].data["order"] == "o03"
    log.tap("08:30", TapKind.SCAN, parcels=("p03-1",), tapped="08:04")
    assert withdrawn(log) == ["parcel.not_loaded"]
    log.tap("08:40", TapKind.SCAN, parcels=("p04-1",), tapped="08:35")
    assert withdrawn(log) == []


def test_parcels_are_not_missed_where_nobody_scans(log: Log) -> None:
    """A fleet that scans nothing is told nothing; nor of parcels that were ordered later."""
    assert "parcel.not_loaded" not in types(log.set_out("08:05"))
    log.plan("09:00", planned([stop(n) for n in range(1, 6)]))
    told = log.tap("09:30", TapKind.SCAN, parcels=("p01-1", "p02-1", "p03-1"), tapped="08:00")
    missing = [event.data["parcel"] for event in told.events]
    assert missing == ["p04-1"], "p05-1 came into the plan after the vehicle had left"
