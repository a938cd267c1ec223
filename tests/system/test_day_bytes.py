"""What a day costs on a mobile line, with real programs, counted at a proxy."""

import tempfile
from pathlib import Path

from tests.bench.day import LIMIT_BYTES, OVERHEAD_LIMIT_BYTES, measure_day

HOURS = 0.3

# An answer takes two seconds of the day, which is a hundred times as fast.
DELAY_S = 0.01


def test_day_stays_within_its_bytes_and_both_policies_bring_the_same_track() -> None:
    """A day under each policy fits its limit, a batch's envelope fits 80 bytes, no fix differs."""
    with tempfile.TemporaryDirectory(prefix="mp-") as folder:
        Path(folder).chmod(0o755)
        days = measure_day(Path(folder) / "day", HOURS, delay_s=DELAY_S)
    for policy, day in days.items():
        assert day.day_bytes <= LIMIT_BYTES[policy], policy
    assert days["default"].overhead_bytes <= OVERHEAD_LIMIT_BYTES
    # Once a minute; what is not answered in time is sent again. The default sends twelve.
    assert days["economy"].batches <= days["economy"].hours * 60 * 2 + 5
    # Stream and time are those of two receivers that were started one after the other.
    tracks = [[(row[1], *row[3:]) for row in day.rows] for day in days.values()]
    assert tracks[0] == tracks[1]
    assert len(tracks[0]) > 50
