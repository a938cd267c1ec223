"""What a forecast gives to tell of a stop: that it is near, at risk, or that its ETA has moved.

A forecast is of its moment: what was told by it stands, until it turns out that the stop had been
reached by then, or the risk is over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from milepost_collector.delivery.desk.claims import (
    APPROACHING,
    AT_RISK,
    ETA_MOVED,
    Claim,
    about,
    reached,
    still_holds,
)
from milepost_collector.delivery.desk.facts import Said, StopDesk
from milepost_collector.delivery.desk.inputs import ForecastInput, StopEta
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.delivery.desk.story import Story
from milepost_collector.delivery.states import OPEN, Standing
from milepost_schemas.event import rfc3339

_FORESEEN = frozenset({APPROACHING, AT_RISK, ETA_MOVED})


@dataclass(frozen=True, slots=True)
class Foresight:
    """A forecast, as desks look at it.

    Attributes:
        number: Of its input.
        made_ms: When it was made.
        shows_near: The vehicle is on its way, and the position fresh: who is near approaches.
        etas: By stop.
    """

    number: int
    made_ms: int
    shows_near: bool
    etas: Mapping[str, StopEta]

    @classmethod
    def of(cls, state: DeskState, entry: ForecastInput) -> "Foresight":
        """Return what a forecast is to a desk."""
        fresh_ms = state.rules.fresh_s * 1000
        is_fresh = entry.age_ms is not None and entry.age_ms <= fresh_ms
        return cls(
            entry.number,
            min(entry.made_ms, entry.at_ms),
            is_fresh and has_begun(state),
            {eta.stop: eta for eta in entry.etas},
        )


@dataclass(slots=True)
class Foreseen:
    """What a forecast comes to.

    Attributes:
        claims: What it gives to tell.
        kept: What was told by earlier ones, and holds.
    """

    claims: list[Claim] = field(default_factory=list)
    kept: list[Said] = field(default_factory=list)


def foresee(
    state: DeskState, stop: StopDesk, steps: Story, foresight: Foresight | None
) -> Foreseen:
    """Return what a forecast gives to tell of a stop, and what holds of earlier ones.

    Args:
        state: The desk.
        stop: The stop; what it promises is changed.
        steps: Its story.
        foresight: The forecast; None: there is no new one.
    """
    kept = [
        said
        for said in stop.said
        if said.type in _FORESEEN and not said.is_withdrawn and still_holds(stop, steps, said)
    ]
    standing = steps[-1].standing if steps else Standing()
    is_waited_for = standing.state in OPEN and reached(stop, steps, state.at_ms) is None
    eta = None if foresight is None else foresight.etas.get(stop.id)
    if foresight is None or eta is None or not is_waited_for:
        return Foreseen([], kept)
    number, made_ms = foresight.number, foresight.made_ms
    claims = [
        Claim(kind, number, stop.id, made_ms, about(state, stop) | data)
        for kind, data in (
            *(_near(state, stop, standing, eta, made_ms) if foresight.shows_near else ()),
            *_moved(state, stop, standing, eta, made_ms),
        )
    ]
    is_told = any(said.type == AT_RISK for said in kept)
    risk = _risk(state, stop, eta, is_told=is_told)
    if risk is not None and not is_told:
        claims.append(Claim(AT_RISK, number, stop.id, made_ms, about(state, stop) | risk))
    elif risk is None:
        kept = [said for said in kept if said.type != AT_RISK]
    return Foreseen(claims, kept)


def _times(eta: StopEta) -> dict[str, str]:
    names = ("eta_at", "earliest_at", "latest_at")
    return dict(zip(names, map(rfc3339, (eta.eta_ms, eta.low_ms, eta.high_ms)), strict=True))


def _near(
    state: DeskState,
    stop: StopDesk,
    standing: Standing,
    eta: StopEta,
    made_ms: int,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield that the vehicle approaches, once for each attempt."""
    rules = state.rules
    if stop.approached >= standing.attempts:
        return
    is_by_way = eta.distance_m is not None and eta.distance_m <= rules.approach_m
    if is_by_way or eta.eta_ms - made_ms <= rules.approach_s * 1000:
        stop.approached = standing.attempts
        distance_m = None if eta.distance_m is None else round(eta.distance_m, 1)
        yield (
            APPROACHING,
            {"attempt": standing.attempts, "by": "distance" if is_by_way else "time"}
            | _times(eta)
            | {"distance_m": distance_m},
        )


def _moved(
    state: DeskState, stop: StopDesk, standing: Standing, eta: StopEta, made_ms: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield that the ETA has moved since it was told, but not too often."""
    now = eta.eta_ms, made_ms, standing.attempts
    if stop.promised is None or stop.promised[2] != standing.attempts:
        stop.promised = now
        return
    was_ms, told_ms, _ = stop.promised
    is_far = abs(eta.eta_ms - was_ms) > state.rules.eta_moved_s * 1000
    if is_far and made_ms - told_ms >= state.rules.eta_every_s * 1000:
        stop.promised = now
        moved_s = round((eta.eta_ms - was_ms) / 1000, 3)
        yield ETA_MOVED, _times(eta) | {"was_at": rfc3339(was_ms), "moved_s": moved_s}


def _risk(
    state: DeskState, stop: StopDesk, eta: StopEta, *, is_told: bool
) -> dict[str, Any] | None:
    """Return what is to be known of a window that can be met but may be missed; None: no risk."""
    if stop.window is None:
        return None
    end_ms, rules = stop.window[1], state.rules
    if state.at_ms >= end_ms:
        # Too late to take anything back by what is only expected.
        return {} if is_told else None
    limit_ms = end_ms - rules.risk_margin_s * 1000
    if is_told:
        limit_ms -= rules.risk_clear_s * 1000
    if eta.eta_ms <= limit_ms:
        return None
    return _times(eta) | {
        "window_ends_at": rfc3339(end_ms),
        "lead_s": round((end_ms - state.at_ms) / 1000, 3),
        "over_s": round((eta.eta_ms - end_ms) / 1000, 3),
    }


def has_begun(state: DeskState) -> bool:
    """Say whether the vehicle has set out on its plan."""
    return bool(state.exits or state.starts) or any(
        stop.visits or any(not mark.is_edit for mark in stop.marks) for stop in state.stops.values()
    )
