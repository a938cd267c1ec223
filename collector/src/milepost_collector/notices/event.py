"""Notices as events, for those who send them by systems of their own: ids and numbers alone."""

from typing import Any

from milepost_collector.delivery.notices.deciding import Notice
from milepost_schemas.event import Event, rfc3339

# Stands where other events have their device: no unit made this one.
SOURCE = "notices"


def notice_event(notice: Notice, vehicle: str, now_ms: int) -> Event:
    """Return the event of a notice: `notice.near` and the like, with the notice's id.

    Args:
        notice: That is told now.
        vehicle: Who brings it.
        now_ms: Our time, milliseconds since 1970.
    """
    it, at = notice.happening, notice.at
    data: dict[str, Any] = {
        "order": at.order,
        "plan": at.plan,
        "stop": at.stop,
        "attempt": at.attempt,
        "event": str(it.event),
        "happened_at": rfc3339(it.time_ms),
    }
    if it.span is not None:
        names = ("earliest_at", "latest_at", "eta_at")
        times = (it.span.from_ms, it.span.to_ms, it.span.eta_ms)
        data |= dict(zip(names, map(rfc3339, times), strict=True))
    if it.cause is not None:
        data["incident"] = it.cause
    return Event(notice.id, f"notice.{notice.kind}", SOURCE, vehicle, now_ms, data)
