"""A round, driven: from the plan to the van's every moment, and the truth of it.

In flow a planned round, the traffic and what is to go wrong, out flows the driven one. Pure: the
same round, seed and mishaps are driven the same way, whoever asks and when.
"""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from zoneinfo import ZoneInfo

from milepost_firmware_sim.day import service
from milepost_firmware_sim.day.congestion import Congestion
from milepost_firmware_sim.day.crossing import entered_s, exited_s
from milepost_firmware_sim.day.driven import (
    Cause,
    DrivenDay,
    DrivenLeg,
    DrivenStop,
    Happened,
    Outcome,
    Stay,
)
from milepost_firmware_sim.day.fate import Fate, draw_fate
from milepost_firmware_sim.day.legs import Errand, Ride, ride
from milepost_firmware_sim.day.mishaps import Mishap
from milepost_firmware_sim.day.planning import DEPOT_STOP, PlannedDay, PlannedLeg, PlannedStop
from milepost_firmware_sim.day.roads import Roads
from milepost_firmware_sim.drive.drive import Layout
from milepost_firmware_sim.drive.motion import Motion
from milepost_firmware_sim.town.addresses import DEPOT, Address
from milepost_firmware_sim.town.router import GROUND_M, Way

# A van is loaded before it should leave, and stands for a while after it is back.
LOADING_S, UNLOADING_S = 600.0, 300.0
# Nobody leaves on the second.
_LEAVES_S = (-60.0, 240.0)
_REST_AFTER_S = (7200.0, 9900.0)
_MISHAPS = {Cause.NOT_HOME: Mishap.INCIDENT, Cause.LEFT: Mishap.LEFT}
_OUTCOMES = {Cause.NOT_HOME: Outcome.INCIDENT, Cause.LEFT: Outcome.LEFT}


def drive_day(
    roads: Roads,
    congestion: Congestion,
    planned: PlannedDay,
    seed: int,
    mishaps: Set[Mishap] = frozenset(),
) -> DrivenDay:
    """Drive a round.

    Args:
        roads: The town that it was planned in.
        congestion: Its traffic.
        planned: The round, of `fate.FEWEST_STOPS` stops or more.
        seed: Draws luck, lights and service times.
        mishaps: What goes wrong.
    """
    round_ = _Round(roads, congestion, planned, seed, draw_fate(planned, mishaps, seed))
    round_.leave()
    for number, stop in enumerate(planned.stops):
        round_.make(number, stop)
    round_.go_home()
    return round_.finished()


class _Round:
    """A round while it is driven."""

    def __init__(
        self, roads: Roads, congestion: Congestion, planned: PlannedDay, seed: int, fate: Fate
    ) -> None:
        self._roads, self._congestion = roads, congestion
        self._planned, self._seed, self._fate = planned, seed, fate
        self._begin_ms = planned.departs_ms - round(LOADING_S * 1000.0)
        zone = ZoneInfo(planned.plan.time_zone)
        self._begin = datetime.fromtimestamp(self._begin_ms / 1000.0, zone)
        depot = roads.book.depot
        self._layout = Layout(roads.town.projection, DEPOT, depot.point, GROUND_M)
        self._here, self._at = depot, DEPOT_STOP
        who = f"driver of {planned.plan.vehicle}, {seed}"
        self._driver = service.draw_driver(Random(who))  # noqa: S311 - a drawing, not a secret
        self._rested_s = 0.0
        self._detours = False
        self._driven: list[tuple[DrivenLeg, Motion]] = []
        self._stood: dict[str, tuple[float, Cause]] = {}
        self._happened: list[Happened] = []

    def leave(self) -> None:
        """Stand at the depot until it is time, or later."""
        luck_s = self._chance("departure").uniform(*_LEAVES_S)
        self._layout.stand(LOADING_S + luck_s + self._fate.late_s)
        leaves_s = self._rested_s = self._layout.now_s
        if self._fate.late_s > 0.0:
            kind, lost_s = Mishap.LATE_START.value, leaves_s - LOADING_S
            self._happened.append(Happened(kind, LOADING_S, leaves_s, DEPOT_STOP, lost_s))

    def make(self, number: int, stop: PlannedStop) -> None:
        """Drive to a stop and make it, unless it is skipped."""
        name, now_s, fate = stop.stop.id, self._layout.now_s, self._fate
        if number == fate.skipped:
            self._happened.append(Happened(Mishap.SKIPPED.value, now_s, now_s, name))
            return
        if number == fate.detour:
            self._detours = True
        self._go(stop.leg, stop.customer.address, delay=number == fate.delay)
        waited_s = self._wait_s(stop)
        seconds, cause = self._service(number, stop)
        self._layout.stand(waited_s + seconds)
        self._stood[name] = waited_s, cause
        if cause in _MISHAPS:
            end_s = self._layout.now_s
            self._happened.append(Happened(_MISHAPS[cause].value, end_s - seconds, end_s, name))

    def go_home(self) -> None:
        """Drive back to the depot and stand there."""
        self._go(self._planned.home, self._roads.book.depot)
        self._layout.stand(UNLOADING_S)

    def finished(self) -> DrivenDay:
        """Return all of it."""
        departed_s, returned_s = self._driven[0][0].departed_s, self._driven[-1][0].arrived_s
        for mishap, silence in ((Mishap.UNSENT, self._fate.unsent), (Mishap.OFF, self._fate.off)):
            if silence is not None:
                between = silence.within(departed_s, returned_s)
                self._happened.append(Happened(mishap.value, *between))
        return DrivenDay(
            planned=self._planned,
            drive=self._layout.finished(),
            begin_ms=self._begin_ms,
            stops=tuple(self._stop(stop) for stop in self._planned.stops),
            legs=tuple(leg for leg, _ in self._driven),
            happened=tuple(sorted(self._happened, key=attrgetter("begin_s"))),
        )

    def _go(self, leg: PlannedLeg, goal: Address, *, delay: bool = False) -> None:
        """Drive a leg; a van that stands otherwise than planned finds its own way."""
        way: Way | None = leg.way
        if self._here != leg.start:
            way = self._roads.router.way(self._here, goal, turned=False)
        departed_s = self._layout.now_s
        errand = Errand(
            here=self._here,
            way=leg.way if way is None else way,
            goal=leg.goal,
            leaves=self._begin + timedelta(seconds=departed_s),
            van=self._planned.plan.vehicle,
            chance=lambda purpose: self._chance(f"{purpose} to {leg.goal}"),
            delay=delay,
            detour=self._detours,
            rests=departed_s - self._rested_s >= self._chance("rest").uniform(*_REST_AFTER_S),
        )
        driven = ride(self._roads, self._congestion, errand)
        self._note(leg, driven)
        self._layout.drive(driven.motion, driven.arrival.name, driven.arrival.point)
        self._here, self._at = driven.arrival, leg.goal
        self._detours = self._detours and not driven.detoured
        if driven.break_s > 0.0:
            self._rested_s = self._layout.now_s

    def _note(self, leg: PlannedLeg, driven: Ride) -> None:
        """Write down a leg that is about to be driven."""
        departed_s, motion = self._layout.now_s, driven.motion
        is_planned = self._here.point == leg.start.point
        told = DrivenLeg(
            origin=self._at,
            goal=leg.goal,
            departed_s=departed_s,
            arrived_s=departed_s + motion.duration_s,
            length_m=motion.length_m,
            planned_m=leg.way.length_m if is_planned else None,
            planned_s=leg.drive_s if is_planned else None,
            lights_s=driven.lights_s,
            delay_s=driven.delay_s,
            break_s=driven.break_s,
        )
        self._driven.append((told, motion))
        self._happened += [
            replace(one, begin_s=departed_s + one.begin_s, end_s=departed_s + one.end_s)
            for one in driven.happened
        ]

    def _wait_s(self, stop: PlannedStop) -> float:
        """Return how long it is until the stop's window begins."""
        if stop.stop.window is None:
            return 0.0
        now_ms = self._begin_ms + self._layout.now_s * 1000.0
        return max(0.0, (stop.stop.window.from_ms - now_ms) / 1000.0)

    def _service(self, number: int, stop: PlannedStop) -> tuple[float, Cause]:
        """Return how long the stop takes, and why."""
        random = self._chance(f"service at {stop.stop.id}")
        if number == self._fate.incident:
            return random.uniform(*service.NOT_HOME_S), Cause.NOT_HOME
        if number == self._fate.left:
            return random.uniform(*service.LEFT_S), Cause.LEFT
        seconds, is_long = service.draw_s(stop.customer, stop.parcels, self._driver, random)
        return seconds, Cause.LONG if is_long else Cause.USUAL

    def _stop(self, planned: PlannedStop) -> DrivenStop:
        """Return what became of a stop."""
        name = planned.stop.id
        if name not in self._stood:
            return DrivenStop(planned, Outcome.SKIPPED, None)
        waited_s, cause = self._stood[name]
        to, coming = next(one for one in self._driven if one[0].goal == name)
        away, going = next(one for one in self._driven if one[0].origin == name)
        door = self._roads.town.projection.to_plane(planned.customer.door)
        radius_m = planned.stop.radius_m
        stay = Stay(
            entered_s=to.departed_s + entered_s(coming, door, radius_m),
            arrived_s=to.arrived_s,
            departed_s=away.departed_s,
            exited_s=away.departed_s + exited_s(going, door, radius_m),
            waited_s=waited_s,
            cause=cause,
        )
        return DrivenStop(planned, _OUTCOMES.get(cause, Outcome.COMPLETED), stay)

    def _chance(self, purpose: str) -> Random:
        """Return random numbers of their own for each purpose: one mishap moves no other."""
        return Random(f"{purpose} of {self._planned.plan.id}, {self._seed}")  # noqa: S311 - a drawing
