"""Rules of desks: from when on something is told; in flows JSON, out flow metres and seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from milepost_collector.ranges import fault


class DeskRulesError(ValueError):
    """Rules cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class DeskRules:
    """From when on something is told of stops. Durations in seconds, lengths in metres.

    Attributes:
        approach_m: Who is so near to a stop, along the way, approaches it; 0 to 50,000.
        approach_s: Likewise who will be there so soon; 0 to 7,200.
        fresh_s: Nobody approaches by a position that is older; 10 to 3,600.
        risk_margin_s: A stop is at risk when it is forecast later than so long before its window
            ends; 0 to 7,200.
        risk_clear_s: It is not any more when it is forecast earlier by so much; 0 to 3,600.
        late_after_s: So long after the window has ended a stop is told to be late: arrivals need
            some time to be known; 0 to 3,600.
        eta_moved_s: An ETA has moved when it differs by more from what was told last; 30 to 14,400.
        eta_every_s: It is told at most once in so long, of each stop; 0 to 86,400.
        left_after_s: Who has left a stop has so long to tap; None: nothing is told; 0 to 86,400.
        elsewhere_m: A proof that is farther from the edge of the stop is from elsewhere;
            0 to 10,000.
        depot_margin_m: Who sets out so near to the edge of the depot sets out there; 0 to 5,000.
        oldest_tap_s: A phone that says it was tapped longer ago has no clock: it was tapped when
            it came; 3,600 to 2,592,000.
    """

    approach_m: float = 1000.0
    approach_s: float = 600.0
    fresh_s: float = 180.0
    risk_margin_s: float = 0.0
    risk_clear_s: float = 120.0
    late_after_s: float = 120.0
    eta_moved_s: float = 600.0
    eta_every_s: float = 900.0
    left_after_s: float | None = 300.0
    elsewhere_m: float = 200.0
    depot_margin_m: float = 100.0
    oldest_tap_s: float = 172_800.0


# The least and the most of each.
RANGES: dict[str, tuple[float, float]] = {
    "approach_m": (0, 50_000),
    "approach_s": (0, 7200),
    "fresh_s": (10, 3600),
    "risk_margin_s": (0, 7200),
    "risk_clear_s": (0, 3600),
    "late_after_s": (0, 3600),
    "eta_moved_s": (30, 14_400),
    "eta_every_s": (0, 86_400),
    "left_after_s": (0, 86_400),
    "elsewhere_m": (0, 10_000),
    "depot_margin_m": (0, 5000),
    "oldest_tap_s": (3600, 2_592_000),
}
_MAY_BE_NONE = {"left_after_s"}


def desk_rules_from_json(value: object) -> DeskRules:
    """Read rules by name; what is not said is as usual.

    Raises:
        DeskRulesError: A rule is unknown or out of range; the message names it and the value.
    """
    if not isinstance(value, Mapping):
        raise DeskRulesError("is no JSON object of rules")
    given: dict[str, float | None] = {}
    for name, told in value.items():
        if name not in RANGES:
            raise DeskRulesError(f"unknown rule {str(name)!r}")
        if told is None and name in _MAY_BE_NONE:
            given[name] = None
        elif (wrong := fault(told, *RANGES[name])) is not None:
            raise DeskRulesError(f"{name} = {told!r} {wrong}")
        else:
            given[name] = float(told)
    return DeskRules(**given)  # type: ignore[arg-type]


def desk_rules_json(rules: DeskRules) -> dict[str, float | None]:
    """Write rules, all of them, as `desk_rules_from_json` reads them."""
    return {each.name: getattr(rules, each.name) for each in fields(rules)}
