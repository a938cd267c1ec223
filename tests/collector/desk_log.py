"""A desk and its log, for tests: what is told to it, in times of day, and what it tells."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from milepost_collector.delivery.desk import DeskState, Told, desk, input_json, input_of_json
from milepost_collector.delivery.desk.inputs import (
    ForecastInput,
    HeardInput,
    Input,
    PlanInput,
    PlannedDay,
    PlannedOrder,
    PlannedStop,
    RulesInput,
    SilentInput,
    StopEta,
    TapInput,
    TapKind,
    TickInput,
    TrackInput,
)
from milepost_collector.delivery.desk.rules import DeskRules
from milepost_collector.delivery.source import Source
from milepost_schemas.event import Event, rfc3339
from milepost_schemas.plan import Window
from tests.schemas.described import assert_all_described

# Midnight of a day in UTC, and a town in which a hundredth of a degree north is 1.1 km.
MIDNIGHT_MS = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000
DEPOT = (48.0, 11.0)


def at(clock: str) -> int:
    """Return a time of the day, as `09:30` or `09:30:15`."""
    hours, minutes, *seconds = map(int, clock.split(":"))
    return MIDNIGHT_MS + 1000 * (3600 * hours + 60 * minutes + sum(seconds))


def clock(time_ms: int) -> str:
    """Return the time of the day of an instant."""
    return rfc3339(time_ms)[11:19]


def place(number: int) -> tuple[float, float]:
    """Return where a stop is: each a good kilometre from the one before."""
    return round(DEPOT[0] + 0.01 * number, 6), DEPOT[1]


def stop(
    number: int,
    window: tuple[str, str] | None = None,
    arrives: str | None = None,
    parcels: int = 1,
) -> PlannedStop:
    """Return a stop with one order."""
    name = f"s{number:02}"
    return PlannedStop(
        name,
        place(number),
        50.0,
        None if window is None else Window(at(window[0]), at(window[1])),
        180.0,
        None if arrives is None else at(arrives),
        (PlannedOrder(f"o{number:02}", tuple(f"p{number:02}-{n + 1}" for n in range(parcels))),),
    )


def planned(stops: Sequence[PlannedStop], departs: str | None = "08:00") -> PlannedDay:
    """Return a plan of van-1."""
    departs_ms = None if departs is None else at(departs)
    return PlannedDay("van-1", tuple(stops), DEPOT, 60.0, departs_ms)


@dataclass
class Log:
    """Inputs, as an edge would store them, and what came of each.

    Attributes:
        state: The desk.
        inputs: All of them.
        told: What came of each.
    """

    state: DeskState = field(default_factory=lambda: DeskState.of_plan("p1"))
    inputs: list[Input] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    _at_ms: int = MIDNIGHT_MS
    _feed: int = 100

    def take(self, entry: Input) -> Told:
        """Take an input in, through JSON and a packed state."""
        entry = input_of_json(json.loads(json.dumps(input_json(entry))))
        told = desk(self.state, entry)
        self.state = DeskState.decode(self.state.encode())
        self.inputs.append(entry)
        self.told.append(told)
        assert_all_described(told.events)
        return told

    def _next(self, when: str) -> tuple[int, int]:
        self._at_ms = max(self._at_ms, at(when))
        return len(self.inputs) + 1, self._at_ms

    def plan(self, when: str, day: PlannedDay, moved_away: tuple[str, ...] = ()) -> Told:
        """Put or edit the plan."""
        return self.take(PlanInput(*self._next(when), day, Source.DISPATCHER, moved_away))

    def tick(self, when: str) -> Told:
        """Let time pass."""
        return self.take(TickInput(*self._next(when)))

    def rules(self, when: str, **rules: float | None) -> Told:
        """Let other rules hold."""
        return self.take(RulesInput(*self._next(when), DeskRules(**rules)))  # type: ignore[arg-type]

    def tap(self, when: str, tap: TapKind, stop: str | None = None, **more: Any) -> Told:
        """Tap something; `tapped` is its own time, if it comes late."""
        number, at_ms = self._next(when)
        tapped_ms = at(more.pop("tapped", when))
        key = more.pop("key", f"key-{number}")
        return self.take(TapInput(number, at_ms, key, tap, tapped_ms, stop=stop, **more))

    def track(self, when: str, kind: str, told: str | None = None, **data: Any) -> Told:
        """Tell a track event; `when` it came, `told` when it happened, if that was before."""
        number, at_ms = self._next(when)
        self._feed += 1
        time_ms = at(told or when)
        identity = uuid.uuid5(uuid.UUID(int=1), f"{kind}{time_ms}{sorted(data.items())}")
        event = Event(identity, kind, "unit-1", "van-1", time_ms, data)
        return self.take(TrackInput(number, at_ms, self._feed, event))

    def arrive(self, when: str, stop: str, came: str | None = None) -> Told:
        """Tell that the vehicle arrived at a stop."""
        return self.track(when, "stop.arrived", came, plan="p1", stop=stop)

    def depart(self, when: str, stop: str, left: str | None = None, came: str = "00:00") -> Told:
        """Tell that the vehicle left a stop."""
        arrived_at = rfc3339(at(came))
        return self.track(when, "stop.departed", left, plan="p1", stop=stop, arrived_at=arrived_at)

    def set_out(self, when: str) -> Told:
        """Tell that the vehicle left the depot."""
        return self.track(when, "trip.started", lat_deg=DEPOT[0], lon_deg=DEPOT[1])

    def foresee(self, when: str, age_s: float | None = 5, **etas: Any) -> Told:
        """Tell a forecast: by stop the ETA, and the distance in metres if there is one."""
        number, at_ms = self._next(when)
        found = []
        for name, eta in etas.items():
            told, distance_m = eta if isinstance(eta, tuple) else (eta, 9_999.0)
            eta_ms = at(told)
            found.append(StopEta(name, eta_ms, eta_ms - 240_000, eta_ms + 300_000, distance_m))
        age_ms = None if age_s is None else round(age_s * 1000)
        return self.take(ForecastInput(number, at_ms, at_ms, age_ms, tuple(found)))

    def silent(self, when: str, since: str, reason: str | None = "no network") -> Told:
        """Tell that nothing comes of the unit."""
        return self.take(SilentInput(*self._next(when), "unit-1", at(since), reason))

    def heard(self, when: str, heard: str | None = None) -> Told:
        """Tell that something came of it."""
        return self.take(HeardInput(*self._next(when), "unit-1", at(heard or when)))

    def lines(self) -> list[str]:
        """Return all that was told: when it was told and when it happened, what, of what."""
        return [
            line(entry, event)
            for entry, told in zip(self.inputs, self.told, strict=True)
            for event in told.events
        ]


def line(entry: Input, event: Event) -> str:
    """Return an event as a line."""
    data = event.data
    of = data.get("parcel") or data.get("order") or data.get("stop") or data.get("device")
    if event.type == "event.withdrawn":
        of = data["type"].removeprefix("org.milepost.")
    happened = "" if entry.at_ms == event.time_ms else f" of {clock(event.time_ms)}"
    return f"{clock(entry.at_ms)}{happened} {event.type} {of}"


def types(told: Told) -> list[str]:
    """Return the types of what was told."""
    return [event.type for event in told.events]
