"""The truth of delivery days, as JSON: what a program that watches the tracks should find out.

In flow driven rounds, out flow JSON values. Times are RFC 3339 in UTC with milliseconds, lengths
metres, durations seconds; unknown is null. `arrived` is when the van came to stand at the place
where the road meets the address, `departed` when it began to roll there; `entered` and `exited` are
when it crossed the circle around the stop's own place, before and after.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from milepost_firmware_sim.day.congestion import Congestion
from milepost_firmware_sim.day.driven import DrivenDay, DrivenLeg, DrivenStop, Happened
from milepost_firmware_sim.day.planning import TIME_ZONE
from milepost_firmware_sim.plane import Projection
from milepost_firmware_sim.town.town import Town
from milepost_schemas.event import rfc3339

_Time = Callable[[float], str]


def truth_of(
    town: Town, congestion: Congestion, seed: int, drives: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """Tell of all days; each drive as `drive_truth` tells it."""
    return {
        "seed": seed,
        "town": town.name,
        "time_zone": TIME_ZONE,
        "slow_streets": [asdict(street) for street in congestion.slow_streets],
        "drives": list(drives),
    }


def drive_truth(day: DrivenDay, projection: Projection, track: str) -> dict[str, Any]:
    """Tell of one round.

    Args:
        day: The round.
        projection: Of its plane.
        track: The file of what its receiver said.
    """

    def time(elapsed_s: float) -> str:
        return rfc3339(day.time_ms(elapsed_s))

    plan = day.planned.plan
    return {
        "plan": plan.id,
        "vehicle": plan.vehicle,
        "date": plan.date.isoformat(),
        "track": track,
        "begin": time(0.0),
        "end": time(day.drive.duration_s),
        "planned_departure": rfc3339(day.planned.departs_ms),
        "departed": time(day.legs[0].departed_s),
        "returned": time(day.legs[-1].arrived_s),
        "length_m": round(day.drive.length_m, 1),
        "stops": [_stop(stop, projection, time) for stop in day.stops],
        "legs": [_leg(leg, time) for leg in day.legs],
        "events": [_event(one, time) for one in day.happened],
    }


def _stop(stop: DrivenStop, projection: Projection, time: _Time) -> dict[str, Any]:
    planned, stay = stop.planned, stop.stay
    lon_deg, lat_deg = projection.to_degrees(planned.customer.address.point)
    times = dict.fromkeys(("entered", "arrived", "departed", "exited"))
    if stay is not None:
        crossed = stay.entered_s, stay.arrived_s, stay.departed_s, stay.exited_s
        times = dict(zip(times, map(time, crossed), strict=True))
    return {
        "stop": planned.stop.id,
        "kind": planned.customer.kind.value,
        "lat_deg": lat_deg,
        "lon_deg": lon_deg,
        "planned_arrival": rfc3339(planned.arrives_ms),
        "planned_service_s": planned.stop.service_s,
        **times,
        "waited_s": None if stay is None else round(stay.waited_s, 3),
        "service_s": None if stay is None else round(stay.service_s, 3),
        "outcome": stop.outcome.value,
        "cause": stop.outcome.value if stay is None else stay.cause.value,
    }


def _leg(leg: DrivenLeg, time: _Time) -> dict[str, Any]:
    return {
        "from": leg.origin,
        "to": leg.goal,
        "departed": time(leg.departed_s),
        "arrived": time(leg.arrived_s),
        "length_m": round(leg.length_m, 1),
        "duration_s": round(leg.arrived_s - leg.departed_s, 3),
        "planned_length_m": _rounded(leg.planned_m),
        "planned_s": _rounded(leg.planned_s),
        "lights_s": round(leg.lights_s, 1),
        "delay_s": round(leg.delay_s, 1),
        "break_s": round(leg.break_s, 1),
    }


def _event(one: Happened, time: _Time) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "begin": time(one.begin_s),
        "end": time(one.end_s),
        "stop": one.stop,
        "lost_s": _rounded(one.lost_s),
        "street": one.street,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
