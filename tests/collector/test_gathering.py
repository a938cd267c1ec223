"""How long messages are gathered."""

import pytest

from milepost_collector.ingest.gathering import GATHER_S, gather_s


@pytest.mark.parametrize(
    ("took_s", "pause_s"), [(0.0, 0.0), (0.01, 0.01), (0.025, 0.025), (0.04, 0.01), (0.05, 0.0)]
)
def test_gathering_lasts_as_long_as_the_round_within_fifty_milliseconds(
    took_s: float, pause_s: float
) -> None:
    """Half of the time at the most is spent in short rounds, and a long one is followed at once."""
    assert gather_s(took_s) == pytest.approx(pause_s)


@pytest.mark.parametrize("took_s", [n / 200 for n in range(100)])
def test_gathering_and_round_together_never_exceed_the_limit_by_a_pause(took_s: float) -> None:
    """A message waits 50 ms at the most, unless the round before it takes longer."""
    assert took_s + gather_s(took_s) <= max(GATHER_S, took_s)
