"""What was added up as fixes came, beside what the fixes come to: hours, days, newest positions.

Hour rows are dropped with their fixes. Day rows stay: they may hold more fixes than are stored, as
many as were dropped of the device, and never fewer.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from milepost_collector.store.audit.numbers import NAMED
from milepost_collector.store.audit.spans import Span
from milepost_collector.store.connection import Database


@dataclass(slots=True)
class Sums:
    """Rows that are wrong, and the first few of them in words."""

    hours: int = 0
    days: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Late:
    """Devices whose position is wrong, and the first few of them in words."""

    count: int
    faults: list[str]


_FIGURES = ", ".join(
    f"made.{name}"
    for name in ("first_time", "last_time", "measured", "fixes", "holes", "max_speed_dmps")
)
_KEPT = _FIGURES.replace("made.", "kept.")

_MADE = f"""
WITH made AS MATERIALIZED (
    SELECT device, date_bin('1 hour', time, 'epoch') AS span, min(time) AS first_time,
           max(time) AS last_time, sum(stands_for) AS measured, count(*) AS fixes,
           count(*) FILTER (WHERE hole) AS holes, max(speed_dmps) AS max_speed_dmps
    FROM fix
    WHERE time >= %(begin)s AND time < %(end)s
    GROUP BY 1, 2
), made_day AS (
    SELECT device, date_bin('1 day', span, 'epoch') AS span, min(first_time) AS first_time,
           max(last_time) AS last_time, sum(measured) AS measured, sum(fixes) AS fixes,
           sum(holes) AS holes, max(max_speed_dmps) AS max_speed_dmps
    FROM made
    GROUP BY 1, 2
), kept AS (
    SELECT *, hour AS span FROM fix_hour WHERE hour >= %(begin)s AND hour < %(end)s
), kept_day AS (
    SELECT *, day AS span FROM fix_day WHERE day >= %(begin)s AND day < %(end)s
), unlike AS (
    SELECT false AS is_day, device, span, made.fixes AS made, kept.fixes AS kept
    FROM made FULL JOIN kept USING (device, span)
    WHERE ({_FIGURES}) IS DISTINCT FROM ({_KEPT})
    UNION ALL
    SELECT true, device, span, made.fixes, kept.fixes
    FROM made_day AS made FULL JOIN kept_day AS kept USING (device, span)
    WHERE ({_FIGURES}) IS DISTINCT FROM ({_KEPT})
)
SELECT is_day, device, span, coalesce(made, 0)::bigint, coalesce(kept, 0)::bigint
FROM unlike ORDER BY device, span
"""  # noqa: S608 - put together from constants

# Rows of times at which there is no part of the table of fixes.
_ELSEWHERE = """
WITH part AS (SELECT * FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS part (begin, "end"))
SELECT false AS is_day, device, hour AS span, 0, fixes
FROM fix_hour WHERE NOT EXISTS (SELECT FROM part WHERE hour >= begin AND hour < "end")
UNION ALL
SELECT true, device, day, 0, fixes
FROM fix_day WHERE NOT EXISTS (SELECT FROM part WHERE day >= begin AND day < "end")
ORDER BY device, span
"""

_EXPIRED = """
SELECT stream.device, sum(expired.fixes)::bigint
FROM expired JOIN stream ON stream.no = expired.stream
GROUP BY stream.device
"""

# The last number of a stream was the last of the batch it came in, whose place the map shows. Where
# the newest fix has another number, a clock was set back, or what came last is in quarantine.
_LATE = """
SELECT device.device, device.position_time, newest.time, count(*) OVER ()
FROM device
CROSS JOIN LATERAL (
    SELECT * FROM fix WHERE fix.device = device.no ORDER BY fix.time DESC LIMIT 1
) AS newest
JOIN stream ON stream.no = newest.stream AND stream.last_seq = newest.seq
WHERE (
    device.position_time IS NULL OR device.position_time < newest.time
    OR device.position_time = newest.time AND NOT EXISTS (
        SELECT FROM fix
        WHERE (fix.device, fix.time, fix.lat_e6, fix.lon_e6)
            = (device.no, newest.time, device.lat_e6, device.lon_e6)
    )
)
ORDER BY device.device
LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class _Unlike:
    """A row that is not what its fixes come to: how many these are, and how many it says."""

    is_day: bool
    device: int
    span: datetime
    made: int
    kept: int


def compare_sums(connection: Database, spans: Sequence[Span], step: Callable[[int], None]) -> Sums:
    """Compare hour and day rows with the fixes, a span at a time.

    Args:
        connection: In a transaction that sees one moment.
        spans: Every fix is in one of them, and so is its whole day.
        step: Is told of each span.
    """
    unlike: list[_Unlike] = []
    for span in spans:
        found = connection.execute(_MADE.encode(), {"begin": span.begin, "end": span.end})
        unlike += [_Unlike(*row) for row in found]
        step(1)
    begins, ends = [span.begin for span in spans], [span.end for span in spans]
    unlike += [_Unlike(*row) for row in connection.execute(_ELSEWHERE, (begins, ends))]
    expired: dict[int, int] = dict(connection.execute(_EXPIRED).fetchall())
    names: dict[int, str] = dict(connection.execute("SELECT no, device FROM device").fetchall())
    return judged(unlike, expired, names)


def judged(unlike: Sequence[_Unlike], expired: dict[int, int], names: dict[int, str]) -> Sums:
    """Tell what is wrong from what is due to fixes that were dropped for their age.

    Args:
        unlike: Rows that are not what is stored.
        expired: Fixes that were dropped, by the row number of the device.
        names: Of the devices, likewise.
    """
    more: dict[int, int] = defaultdict(int)
    for row in unlike:
        if row.is_day:
            more[row.device] += max(0, row.kept - row.made)
    wrong: dict[bool, list[_Unlike]] = {False: [], True: []}
    for row in unlike:
        is_dropped = row.is_day and row.kept > row.made
        if not is_dropped or more[row.device] > expired.get(row.device, 0):
            wrong[row.is_day].append(row)
    faults = [
        f"{names.get(row.device, f'device row {row.device}')}: {'day' if is_day else 'hour'} "
        f"{row.span.isoformat()[: 10 if is_day else 13]} has {row.made} fixes, its row says "
        f"{row.kept}{'' if row.made != row.kept else ' and other sums'}"
        for is_day, rows in wrong.items()
        for row in rows[:NAMED]
    ]
    return Sums(len(wrong[False]), len(wrong[True]), faults)


def count_late_positions(connection: Database) -> Late:
    """Count devices whose position is older than their newest fix, or elsewhere at its time."""
    rows = connection.execute(_LATE, (NAMED,)).fetchall()
    faults = [
        f"{device}: the newest fix is of {newest.isoformat()}, the position "
        + (
            "is unknown"
            if at is None
            else f"of {at.isoformat()}"
            if at < newest
            else "is elsewhere"
        )
        for device, at, newest, _ in rows
    ]
    return Late(rows[0][3] if rows else 0, faults)
