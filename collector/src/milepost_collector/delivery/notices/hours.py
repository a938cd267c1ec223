"""Quiet hours, where somebody is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from milepost_collector.delivery.notices.rules import QuietHours
from milepost_schemas.fix import instant, milliseconds


def quiet_until(now_ms: int, zone: ZoneInfo, quiet: QuietHours) -> int | None:
    """Return when the quiet hours of now end, UTC milliseconds since 1970; None: it is not quiet.

    Args:
        now_ms: Our time, UTC milliseconds since 1970.
        zone: Where the recipient is.
        quiet: By the clock there.
    """
    there = instant(now_ms).astimezone(zone)
    minute = there.time()
    if quiet.begin < quiet.end:
        is_quiet, is_over_today = quiet.begin <= minute < quiet.end, True
    else:
        is_quiet, is_over_today = minute >= quiet.begin or minute < quiet.end, minute < quiet.end
    if not is_quiet:
        return None
    return _last(there.date() + timedelta(days=not is_over_today), quiet, zone)


def _last(day: date, quiet: QuietHours, zone: ZoneInfo) -> int:
    """Return when the quiet hours end on a day: after the hour that is skipped or comes twice."""
    ends = (datetime.combine(day, quiet.end.replace(fold=fold), zone) for fold in (0, 1))
    return milliseconds(max(end.astimezone(UTC) for end in ends))
