"""Replaying a desk's log: the same bytes, in whatever pieces, from any saved state."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_collector.delivery.desk import DeskState, Told, desk, input_json, input_of_json
from milepost_collector.delivery.desk.inputs import Input, PlannedStop, TapInput, TapKind
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind
from milepost_schemas.event import Event, cloud_event
from tests.collector import desk_day
from tests.collector.desk_log import MIDNIGHT_MS, Log, clock, place, planned, stop

STOPS = [f"s{number:02}" for number in range(1, 5)]
BEGIN_MS = MIDNIGHT_MS + 7 * 3_600_000

# What can come; what days are made of comes more often.
KINDS = (
    *("complete", "arrive", "depart", "foresee") * 3,
    *("incident", "reattempt", "start", "skip", "return", "scan", "tick", "set_out", "plan"),
    *("repeat", "undo", "silent", "heard", "rules", "deviated", "rejoined"),
)
# How many minutes later, which kind, which stop, how many minutes late, and which of some choices.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(KINDS),
        st.sampled_from(STOPS),
        st.integers(0, 40),
        st.integers(0, 5),
    ),
    min_size=5,
    max_size=60,
)
SETTINGS = settings(max_examples=100, deadline=None)


def written(told: Iterable[Told]) -> list[bytes]:
    """Return events as their bytes."""
    return [json.dumps(cloud_event(event)).encode() for each in told for event in each.events]


def stops(order: int) -> list[PlannedStop]:
    """Return stops in one of some orders, one of them left out in some."""
    windows = {1: ("08:00", "08:10"), 2: ("08:30", "09:30"), 3: ("09:00", "11:00")}
    made = [stop(n, windows.get(n), f"{8 + n:02}:10") for n in range(1, 5)]
    return (made[order % 4 :] + made[: order % 4])[: 4 if order < 3 else 3]


class Play:
    """Makes a log of steps that are drawn."""

    def __init__(self) -> None:
        self.log = Log()
        self.log.plan("06:00", planned(stops(0)))
        self.now_ms = BEGIN_MS

    def step(self, later: int, kind: str, name: str, late: int, choice: int) -> None:
        """Play one step."""
        self.now_ms += later * 60_000
        now = clock(min(self.now_ms, MIDNIGHT_MS + 86_399_000))
        before = clock(max(self.now_ms - late * 60_000, BEGIN_MS))
        log, taps = self.log, {kind.value for kind in TapKind} - {"scan"}
        if kind in taps:
            self.tap(now, before, TapKind(kind), name, choice)
        elif kind == "scan":
            log.tap(now, TapKind.SCAN, tapped=before, parcels=(f"p{name[1:]}-1",))
        elif kind in ("arrive", "depart"):
            getattr(log, kind)(now, name, before)
        elif kind == "foresee":
            etas = {
                each: (clock(self.now_ms + (late + n) * 60_000), 150.0 * late + 500 * n)
                for n, each in enumerate(STOPS)
            }
            log.foresee(now, choice * 60, **etas)
        elif kind == "plan":
            moved = STOPS[3:] if choice == 5 else []
            log.plan(now, planned(stops(choice)), tuple(moved))
        else:
            self.other(now, before, kind, choice)

    def tap(self, now: str, before: str, tap: TapKind, name: str, choice: int) -> None:
        """Tap something at a stop."""
        source = Source.DISPATCHER if choice == 0 else Source.DRIVER
        incident = IncidentKind.NOT_HOME if tap is TapKind.INCIDENT else None
        where = place(choice) if tap is TapKind.COMPLETE else None
        more: dict[str, Any] = {"source": source, "incident": incident, "place": where}
        self.log.tap(now, tap, name, tapped=before, **more)

    def other(self, now: str, before: str, kind: str, choice: int) -> None:
        """Play what is of no stop."""
        log = self.log
        tapped = [entry for entry in log.inputs if isinstance(entry, TapInput)]
        known = [entry.event.id for entry in log.inputs if hasattr(entry, "event")]
        if kind == "tick":
            log.tick(now)
        elif kind == "set_out":
            log.set_out(now)
        elif kind == "repeat" and tapped:
            old = tapped[choice % len(tapped)]
            log.tap(now, old.tap, old.stop, key=old.key, tapped=before, incident=old.incident)
        elif kind == "undo" and known:
            gone = known[choice % len(known)]
            log.track(now, "event.withdrawn", before, withdraws=str(gone))
        elif kind == "silent":
            log.silent(now, before)
        elif kind == "heard":
            log.heard(now, before)
        elif kind == "rules":
            log.rules(now, left_after_s=60.0 * choice, elsewhere_m=1000.0 * choice)
        elif kind in ("deviated", "rejoined"):
            log.track(now, f"route.{kind}", before, plan="p1")


def play(steps: Sequence[tuple[int, str, str, int, int]]) -> Log:
    """Return the log of drawn steps."""
    made = Play()
    for step in steps:
        made.step(*step)
    return made.log


def replay(inputs: Sequence[Input], cuts: Iterable[int] = ()) -> tuple[list[bytes], bytes]:
    """Run a log, with the state packed and unpacked at some places; return all that comes of it."""
    state, told, places = DeskState.of_plan("p1"), [], set(cuts)
    for number, entry in enumerate(inputs):
        if number in places:
            state = DeskState.decode(state.encode())
        told.append(desk(state, entry))
    return written(told), state.encode()


@given(STEPS, st.sets(st.integers(0, 40)))
@SETTINGS
def test_any_log_cut_anywhere_gives_the_same_bytes(
    steps: Sequence[tuple[int, str, str, int, int]], cuts: set[int]
) -> None:
    """Whole, in pieces, and packed at each step as it was first run: the same events and state."""
    log = play(steps)
    first = written(log.told), log.state.encode()
    assert replay(log.inputs) == first
    assert replay(log.inputs, cuts) == first


@given(STEPS)
@SETTINGS
def test_what_is_told_is_told_once_and_withdrawn_once(
    steps: Sequence[tuple[int, str, str, int, int]],
) -> None:
    """Ids are unique, nothing is later than it was known, and what is withdrawn had been told."""
    log = play(steps)
    told: dict[str, Event] = {}
    withdrawn: set[str] = set()
    for entry, each in zip(log.inputs, log.told, strict=True):
        for event in each.events:
            assert event.time_ms <= entry.at_ms
            assert str(event.id) not in told
            told[str(event.id)] = event
            if event.type == "event.withdrawn":
                gone = event.data["withdraws"]
                assert gone not in withdrawn
                withdrawn.add(gone)
                assert (told[gone].time_ms, told[gone].subject) == (event.time_ms, event.subject)
                assert event.data["type"] == f"org.milepost.{told[gone].type}"
                instead = event.data["instead"]
                assert instead is None or instead in {str(other.id) for other in each.events}
    assert log.state.due_ms is None or log.state.due_ms > log.state.at_ms


@given(STEPS)
@SETTINGS
def test_no_tap_is_lost_that_counted(steps: Sequence[tuple[int, str, str, int, int]]) -> None:
    """Whoever was not refused has delivered for good: it is told, at the time of the tap."""
    log = play(steps)
    withdrawn = {e.data.get("withdraws") for told in log.told for e in told.events}
    stands = [
        (event.data["stop"], event.time_ms)
        for told in log.told
        for event in told.events
        if event.type == "stop.completed" and str(event.id) not in withdrawn
    ]
    counted = [
        (entry.stop, min(entry.tapped_ms, entry.at_ms))
        for entry, told in zip(log.inputs, log.told, strict=True)
        if isinstance(entry, TapInput) and entry.tap is TapKind.COMPLETE
        if told.refusal is None and not told.repeated
    ]
    assert sorted(stands) == sorted(counted)


def test_day_is_the_same_from_its_log() -> None:
    """The day by hand, stored as JSON and read again, tells the same bytes."""
    log = desk_day.day()
    stored = [json.dumps(input_json(entry), sort_keys=True) for entry in log.inputs]
    inputs = [input_of_json(json.loads(line)) for line in stored]
    assert inputs == log.inputs
    assert replay(inputs) == (written(log.told), log.state.encode())
    assert [json.dumps(input_json(entry), sort_keys=True) for entry in inputs] == stored
