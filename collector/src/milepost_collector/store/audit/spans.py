"""The times over which fixes are spread, cut so that no day is in two pieces."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from milepost_collector.store.connection import Database

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days of UTC: from `begin` until before `end`."""

    begin: datetime
    end: datetime


def spans_of(connection: Database) -> list[Span]:
    """Return the spans of all parts of the table of fixes; every fix is in one of them."""
    return joined(connection.execute("SELECT first_time, end_time FROM fix_parts()"))


def joined(parts: Iterable[tuple[datetime, ...]]) -> list[Span]:
    """Return parts rounded to whole days; those that have a day in common are one."""
    spans: list[Span] = []
    for first_time, end_time in sorted(parts):
        begin, end = _midnight(first_time), _midnight(end_time + _DAY - timedelta.resolution)
        if spans and begin < spans[-1].end:
            begin, end = spans[-1].begin, max(spans.pop().end, end)
        spans.append(Span(begin, end))
    return spans


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
