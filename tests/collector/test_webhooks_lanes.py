"""Who is sent what next: order, schedules, receivers that are down, events that nobody takes."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_collector.config import WebhooksConfig
from milepost_collector.webhooks.lane import Waiting
from milepost_collector.webhooks.lanes import Failure, Lanes, Verdict
from milepost_collector.webhooks.schedule import Patience

DEFAULTS = WebhooksConfig()
PATIENCE = Patience(DEFAULTS.retry_s, DEFAULTS.probe_s)
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

# (vehicle, number of its event, moment) -> taken, refused or away, and the seconds that it takes
Outcome = tuple[str, float]
World = Callable[[str, int, float], Outcome]

TAKEN, REFUSED, AWAY = "taken", "refused", "away"


@dataclass
class Simulation:
    """A queue whose receiver behaves as a world says, in simulated time."""

    world: World
    parallel: int = 8
    now_s: float = 0.0
    seed: int = 1
    taken: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    taken_at_s: dict[tuple[str, int], float] = field(default_factory=dict)
    dead: dict[tuple[str, int], float] = field(default_factory=dict)
    tries: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.lanes = Lanes(PATIENCE, self.parallel)
        self.random = random.Random(self.seed)
        self.queued: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.coming: list[tuple[float, str, int]] = []
        self.running: list[tuple[float, str, int, str]] = []

    def put(self, at_s: float, vehicle: str, number: int) -> None:
        """An event happens at a moment, not before those put already."""
        self.coming.append((at_s, vehicle, number))

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while True:
            while self.coming and self.coming[0][0] <= self.now_s:
                at_s, vehicle, number = self.coming.pop(0)
                self.queued[vehicle].append((number, at_s))
                self.lanes.add([(vehicle, 1)], self.now_s)
            while (found := self.lanes.pick(self.now_s)) is not None:
                self._begin(found)
            next_s = self.now_s + self.lanes.wait_s(self.now_s)
            if self.coming:
                next_s = min(next_s, self.coming[0][0])
            if self.running:
                next_s = min(next_s, self.running[0][0])
            if next_s > until_s or next_s == float("inf"):
                self.now_s = min(until_s, max(self.now_s, next_s))
                return
            self.now_s = max(self.now_s, next_s)
            while self.running and self.running[0][0] <= self.now_s:
                self._end(*heappop(self.running)[1:])

    def _begin(self, vehicle: str) -> None:
        assert vehicle not in {each[1] for each in self.running}
        number, _ = self.queued[vehicle][0]
        self.tries[vehicle, number].append(self.now_s)
        outcome, takes_s = self.world(vehicle, number, self.now_s)
        heappush(self.running, (self.now_s + takes_s, vehicle, number, outcome))
        self.most_at_once = max(self.most_at_once, len(self.running))

    def _end(self, vehicle: str, number: int, outcome: str) -> None:
        if outcome == TAKEN:
            self.queued[vehicle].pop(0)
            self.taken[vehicle].append(number)
            self.taken_at_s[vehicle, number] = self.now_s
            self.lanes.taken(vehicle, self.now_s)
        else:
            first_s = self.tries[vehicle, number][0]
            failure = Failure(
                outcome == AWAY, first_s - self.queued[vehicle][0][1], self.now_s - first_s
            )
            verdict = self.lanes.failed(vehicle, failure, self.now_s, self.random.random())
            if verdict.delay_s is None:
                self.queued[vehicle].pop(0)
                self.dead[vehicle, number] = self.now_s
        self.lanes.release(vehicle, self.now_s)


def all_well(_vehicle: str, _number: int, _now_s: float) -> Outcome:
    """Everything is taken at once."""
    return TAKEN, 0.01


def test_lanes_of_a_good_receiver_take_turns() -> None:
    """All is taken in order, by as many at a time as may be."""
    world = Simulation(all_well)
    for number in range(30):
        for vehicle in range(20):
            world.put(0.0, f"v{vehicle}", number)
    world.run(60.0)
    assert all(world.taken[f"v{vehicle}"] == list(range(30)) for vehicle in range(20))
    assert world.most_at_once == 8


@pytest.mark.parametrize("vehicles", [1, 2, 5, 300])
@pytest.mark.parametrize("takes_s", [0.01, 15.0])
def test_lanes_of_a_receiver_that_was_down_for_a_day_are_empty_minutes_later(
    vehicles: int, takes_s: float
) -> None:
    """Whether it refuses or hangs, for one vehicle or many: nothing dies, all soon comes."""

    def world(_vehicle: str, _number: int, now_s: float) -> Outcome:
        return (AWAY, takes_s) if now_s < DAY_S else (TAKEN, 0.01)

    simulation = Simulation(world)
    for number in range(24):
        for vehicle in range(vehicles):
            simulation.put(number * HOUR_S, f"v{vehicle:03}", number)
    simulation.run(DAY_S + 600)
    assert simulation.dead == {}
    assert all(found == list(range(24)) for found in simulation.taken.values())
    assert len(simulation.taken) == vehicles
    assert max(simulation.taken_at_s.values()) < DAY_S + 400


def test_lanes_of_a_receiver_that_refuses_everything_for_a_day_are_empty_minutes_later() -> None:
    """A receiver that answers 500 to all is as one that does not answer."""

    def world(_vehicle: str, _number: int, now_s: float) -> Outcome:
        return (REFUSED, 0.01) if now_s < DAY_S else (TAKEN, 0.01)

    simulation = Simulation(world)
    for number in range(24):
        for vehicle in range(50):
            simulation.put(number * HOUR_S, f"v{vehicle}", number)
    simulation.run(DAY_S + 600)
    assert simulation.dead == {}
    assert max(simulation.taken_at_s.values()) < DAY_S + 400


@pytest.mark.parametrize("outcome", [REFUSED, AWAY])
def test_event_that_is_never_taken_holds_up_its_vehicle_alone(outcome: str) -> None:
    """Others go on at once; what waits behind it comes in order as soon as it is given up."""

    def world(vehicle: str, number: int, _now_s: float) -> Outcome:
        return (outcome, 15.0) if (vehicle, number) == ("bad", 3) else (TAKEN, 0.01)

    simulation = Simulation(world)
    minutes = int(PATIENCE.total_s / 60) + 600
    for number in range(minutes):
        for vehicle in ("bad", "a", "b"):
            simulation.put(number * 60.0, vehicle, number)
    simulation.run(minutes * 60.0 + 600)
    late = {
        key: at_s - key[1] * 60 for key, at_s in simulation.taken_at_s.items() if key[0] != "bad"
    }
    assert len(late) == 2 * minutes
    assert max(late.values()) < 0.1
    assert list(simulation.dead) == [("bad", 3)]
    assert simulation.taken["bad"] == [n for n in range(minutes) if n != 3]
    assert simulation.dead["bad", 3] < 2 * PATIENCE.total_s
    tries = len(
        simulation.tries["bad", 3]
    )  # one that hangs looks at first like a receiver that is down
    assert tries == len(PATIENCE.retry_s) + 1 if outcome == REFUSED else tries < 80


def test_events_of_a_vehicle_that_are_all_refused_need_no_days_each() -> None:
    """What waited for the length of a schedule gets two tries, so the vehicle's queue is short."""

    def world(vehicle: str, _number: int, _now_s: float) -> Outcome:
        return (REFUSED, 0.01) if vehicle == "bad" else (TAKEN, 0.01)

    simulation = Simulation(world)
    for number in range(20 * 24):
        simulation.put(number * HOUR_S, "bad", number)
        simulation.put(number * HOUR_S, "good", number)
    simulation.run(40 * DAY_S)
    lifetimes = [at_s - number * HOUR_S for (_, number), at_s in simulation.dead.items()]
    assert len(lifetimes) == 20 * 24
    assert max(lifetimes) < 2.5 * PATIENCE.total_s
    assert len(simulation.taken["good"]) == 20 * 24


def test_failures_that_hang_leave_workers_to_others() -> None:
    """Events of some vehicles that make a receiver hang hold up no other vehicle."""

    def world(vehicle: str, _number: int, _now_s: float) -> Outcome:
        return (AWAY, 15.0) if vehicle.startswith("bad") else (TAKEN, 0.01)

    simulation = Simulation(world)
    for number in range(2000):
        for vehicle in range(40):
            simulation.put(number * 1.0, f"good{vehicle}", number)
        if number == 60:
            for vehicle in range(6):
                simulation.put(60.0, f"bad{vehicle}", 0)
    simulation.run(2100)
    late = [at_s - number for (_, number), at_s in simulation.taken_at_s.items()]
    assert len(late) == 2000 * 40
    assert max(late) < 1
    assert all(len(simulation.tries[f"bad{vehicle}", 0]) > 2 for vehicle in range(6))


def test_tries_follow_the_schedule_with_full_jitter() -> None:
    """The n-th wait is up to the schedule's n-th value, and spread over all of it."""
    waits = defaultdict(list)
    for seed in range(40):
        draw = random.Random(seed)
        lanes = Lanes(PATIENCE, 8)
        now_s = 0.0
        lanes.add([("v", 1), ("other", 10_000)], now_s)
        for n in range(len(PATIENCE.retry_s)):
            while (found := lanes.pick(now_s)) != "v":
                assert found == "other"  # something is taken between, the receiver is not down
                lanes.taken(found, now_s)
                lanes.release(found, now_s)
            verdict = lanes.failed("v", Failure(False, 0.0, now_s), now_s, draw.random())
            lanes.release("v", now_s)
            assert verdict.failures == n + 1
            assert verdict.delay_s is not None
            waits[n].append(verdict.delay_s)
            now_s += verdict.delay_s
    for n, longest_s in enumerate(PATIENCE.retry_s):
        assert max(waits[n]) <= longest_s
        assert max(waits[n]) > 0.8 * longest_s
        assert min(waits[n]) < 0.2 * longest_s


def test_receiver_that_asks_for_time_gets_it() -> None:
    """Until then nothing is sent at all, of no vehicle."""
    lanes = Lanes(PATIENCE, 8)
    lanes.add([("a", 1), ("b", 1)], 0.0)
    assert lanes.pick(0.0) == "a"
    lanes.failed("a", Failure(True, 0.0, 0.0), 0.0, 0.0)
    lanes.hold(100.0)
    lanes.release("a", 0.0)
    assert lanes.pick(99.9) is None
    assert lanes.wait_s(90.0) == 10.0
    assert {lanes.pick(100.0), lanes.pick(100.0)} == {"a", "b"}


def test_lanes_that_are_loaded_go_on_where_they_were() -> None:
    """After a start a lane waits for its time, and one of those that failed is tried soon."""
    lanes = Lanes(PATIENCE, 8)
    lanes.load([Waiting("late", 5, 4, 7000.0), Waiting("new", 2)], 0.0, 0.5)
    assert lanes.pick(0.0) == "new"
    lanes.release("new", 0.0)
    assert lanes.pick(0.0) == "new"
    assert lanes.pick(3.0) == "late"
    assert lanes.failed("late", Failure(True, 0.0, 0.0), 3.0, 0.5) == Verdict(4, 6997.0)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_lanes_in_any_world_keep_the_order_and_lose_nothing(data: st.DataObject) -> None:
    """Whatever fails and when: order per vehicle, each taken or dead, never more than may be."""
    vehicles = data.draw(st.integers(1, 6))
    parallel = data.draw(st.integers(1, 4))
    bad = data.draw(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=8))
    down_s = data.draw(
        st.lists(st.tuples(st.integers(0, 10**5), st.integers(1, 10**5)), max_size=4)
    )
    seed = data.draw(st.integers(0, 2**16))
    kinds = data.draw(st.lists(st.sampled_from([REFUSED, AWAY]), min_size=2, max_size=2))

    def world(vehicle: str, number: int, now_s: float) -> Outcome:
        if any(begin <= now_s < begin + length for begin, length in down_s):
            return kinds[0], 1.0
        if (int(vehicle), number) in bad:
            return kinds[1], 1.0
        return TAKEN, 0.01

    simulation = Simulation(world, parallel=parallel, seed=seed)
    for number in range(10):
        for vehicle in range(vehicles):
            simulation.put(number * 3000.0, str(vehicle), number)
    simulation.run(60 * DAY_S)
    assert simulation.most_at_once <= parallel
    for vehicle in range(vehicles):
        taken = simulation.taken[str(vehicle)]
        dead = {number for name, number in simulation.dead if name == str(vehicle)}
        assert taken == [number for number in range(10) if number not in dead]
        if kinds[0] == AWAY:
            assert all((vehicle, number) in bad for number in dead)
