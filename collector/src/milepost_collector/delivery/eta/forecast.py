"""When a vehicle will be at each of its remaining stops: an interval and a point.

In flow a route with what is expected of it, and what has happened so far; out flow times: the sums
of `walk`, calibrated, and wider the longer nothing was heard.

Invariants: low <= point <= high; none before now; none before the same one of the stop before it;
from a minute of silence on, the longer nothing was heard, the wider.
"""

from dataclasses import dataclass

from milepost_collector.delivery.eta.outlook import Outlook
from milepost_collector.delivery.eta.walk import Now, raw_forecast

# A vehicle is heard of at least so often while all is well (the tick of one that is parked).
_TOLD_S = 60.0
# A vehicle of which nothing is heard may have stood all the while, and this much longer.
_SILENCE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Eta:
    """When a vehicle will be at a stop; milliseconds since 1970.

    Attributes:
        id: Of the call.
        low_ms: Where the interval begins.
        point_ms: As likely before as after.
        high_ms: Where it ends.
    """

    id: str
    low_ms: int
    point_ms: int
    high_ms: int


def forecast(outlook: Outlook, now: Now) -> tuple[Eta, ...]:
    """Tell when the vehicle will be at each remaining stop, in the order of the route.

    A stop that was passed by, a later one being made already, is expected after all others.
    """
    base_ms, raws = raw_forecast(outlook, now)
    silent_s = max(now.now_ms - base_ms, 0.0) / 1000.0
    calibration, calls = outlook.estimates.calibration, outlook.course.route.calls
    late_s = (1.0 + _SILENCE_SHARE) * max(silent_s - _TOLD_S, 0.0)
    low_s = point_s = high_s = silent_s
    etas = []
    for number, ahead_s, deviation_s in raws:
        low, point, high = calibration.at(ahead_s)
        low_s = max(low_s, ahead_s + low * deviation_s)
        point_s = max(point_s, low_s, ahead_s + point * deviation_s)
        high_s = max(high_s, point_s, ahead_s + high * deviation_s + late_s)
        etas.append(
            Eta(
                calls[number].id,
                max(round(base_ms + 1000.0 * low_s), now.now_ms),
                max(round(base_ms + 1000.0 * point_s), now.now_ms),
                max(round(base_ms + 1000.0 * high_s), now.now_ms),
            )
        )
    return tuple(etas)
