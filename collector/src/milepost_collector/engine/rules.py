"""Rules: from when on standing is a stop, driving a trip, fast too fast; for all, or one vehicle.

In flows JSON, out flow numbers in metres and seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from milepost_collector.ranges import fault


class RulesError(ValueError):
    """Rules cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When something is told of a vehicle. Durations in seconds, lengths in metres.

    Attributes:
        stop_s: Who stays at one place so long has stopped; 20 to 3,600.
        stop_radius_m: How large a place is; 10 to 200.
        trip_m: Who has gone so far from a stop, along the way, is on a trip; 50 to 10,000.
        trip_s: Who has been on the move so long is on a trip, however short the way; 30 to 3,600.
        trip_end_s: A stop of so long ends a trip; `stop_s` to 86,400.
        idle_s: Who stands so long and whose unit has power all the while is idling; None: never
            told; from `stop_s`.
        gap_s: Nothing measured for so long is a gap; 60 to 86,400.
        speed_limit_mps: Faster is too fast, metres a second; None: no limit.
        speeding_s: It is told when it has lasted so long; 0 to 600.
        max_speed_mps: Nobody goes faster than this: who seems to has not been there; 10 to 400.
        enter_margin_m: How far inside a fence counts as in it; never more than a quarter of the
            fence's depth; 0 to 100.
        exit_margin_m: How far outside counts as out of it; 0 to 500.
    """

    stop_s: float = 60.0
    stop_radius_m: float = 30.0
    trip_m: float = 300.0
    trip_s: float = 240.0
    trip_end_s: float = 180.0
    idle_s: float | None = 300.0
    gap_s: float = 300.0
    speed_limit_mps: float | None = None
    speeding_s: float = 10.0
    max_speed_mps: float = 70.0
    enter_margin_m: float = 5.0
    exit_margin_m: float = 15.0


_RANGES: dict[str, tuple[float, float]] = {
    "stop_s": (20, 3600),
    "stop_radius_m": (10, 200),
    "trip_m": (50, 10_000),
    "trip_s": (30, 3600),
    "trip_end_s": (20, 86_400),
    "idle_s": (20, 86_400),
    "gap_s": (60, 86_400),
    "speed_limit_mps": (1, 100),
    "speeding_s": (0, 600),
    "max_speed_mps": (10, 400),
    "enter_margin_m": (0, 100),
    "exit_margin_m": (0, 500),
}
_MAY_BE_NONE = {"idle_s", "speed_limit_mps"}
_VEHICLES = "vehicles"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of a fleet.

    Attributes:
        usual: For every vehicle of which nothing else is said.
        vehicles: For those of which it is.
    """

    usual: Rules = Rules()
    vehicles: Mapping[str, Rules] = field(default_factory=dict)

    def of(self, vehicle: str) -> Rules:
        """Return the rules that hold for a vehicle."""
        return self.vehicles.get(vehicle, self.usual)


def rules_from_json(value: object) -> RuleBook:
    """Read a rule book: the rules by name, and under `vehicles` what differs for some.

    Raises:
        RulesError: A rule is unknown or out of range; the message names it and the value.
    """
    if not isinstance(value, Mapping):
        raise RulesError("is no JSON object of rules")
    usual = _rules(Rules(), {k: v for k, v in value.items() if k != _VEHICLES}, "")
    others = value.get(_VEHICLES, {})
    if not isinstance(others, Mapping):
        raise RulesError("vehicles is no JSON object")
    vehicles = {}
    for name, differing in others.items():
        where = f"vehicles.{name}"
        if not isinstance(differing, Mapping):
            raise RulesError(f"{where} is no JSON object of rules")
        vehicles[str(name)] = _rules(usual, differing, f"{where}.")
    return RuleBook(usual, vehicles)


def _rules(base: Rules, given: Mapping[str, Any], where: str) -> Rules:
    known = {each.name for each in fields(Rules)}
    for name, value in given.items():
        if name not in known:
            raise RulesError(f"unknown rule {where + str(name)!r}")
        if value is None and name in _MAY_BE_NONE:
            continue
        if (wrong := fault(value, *_RANGES[name])) is not None:
            raise RulesError(f"{where}{name} = {value!r} {wrong}")
    made = replace(base, **given)
    for name in ("trip_end_s", "idle_s"):
        later = getattr(made, name)
        if later is not None and later < made.stop_s:
            raise RulesError(f"{where}{name} = {later:g} is less than stop_s = {made.stop_s:g}")
    return made
