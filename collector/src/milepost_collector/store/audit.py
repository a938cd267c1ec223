"""Proof of what was promised: nothing stored twice, nothing missing that is not accounted for."""

from dataclasses import dataclass

from milepost_collector.store.connection import Database


@dataclass(frozen=True, slots=True)
class Audit:
    """What the database says of itself; duplicates, unaccounted and misplaced are 0 in a sound one.

    Attributes:
        devices: Devices heard of.
        streams: Runs of agents.
        fixes: Stored fixes.
        quarantined: Fixes whose GPS time cannot be.
        duplicates: Stored rows beyond the first of their device, stream and number.
        unaccounted: Numbers up to `last_seq` that are neither stored nor thinned nor in a gap.
        misplaced: Rows whose number is above the `last_seq` of their stream.
        abandoned: Numbers that a unit told of in a run that it has left unfinished: lost with its
            buffer, unless it finds them again.
    """

    devices: int
    streams: int
    fixes: int
    quarantined: int
    duplicates: int
    unaccounted: int
    misplaced: int
    abandoned: int

    @property
    def is_sound(self) -> bool:
        """Nothing is doubled, unaccounted or misplaced."""
        return not (self.duplicates or self.unaccounted or self.misplaced)


_AUDIT = """
WITH row AS (
    SELECT device, stream, seq FROM fix UNION ALL SELECT device, stream, seq FROM fix_quarantine
), number AS (
    SELECT device, stream, seq, count(*) AS times FROM row GROUP BY device, stream, seq
), held AS (
    SELECT stream, count(*) AS numbers, sum(times - 1) AS doubled, max(seq) AS newest
    FROM number GROUP BY stream
)
SELECT (SELECT count(*) FROM device),
       count(*),
       (SELECT count(*) FROM fix),
       (SELECT count(*) FROM fix_quarantine),
       coalesce(sum(held.doubled), 0)::bigint,
       coalesce(sum(abs(last_seq - coalesce(held.numbers, 0) - thinned - missing)), 0)::bigint,
       count(*) FILTER (WHERE held.newest > last_seq),
       (SELECT coalesce(sum(last_seq - first_seq + 1), 0)::bigint FROM missing WHERE at_least)
FROM stream LEFT JOIN held ON held.stream = stream.no
"""


def audit(connection: Database) -> Audit:
    """Count; reads every fix."""
    row = connection.execute(_AUDIT).fetchone()
    if row is None:
        raise LookupError("an aggregate without GROUP BY has one row")
    return Audit(*row)
