"""The promise under faults, with real processes: nothing lost, nothing twice, nothing invented."""

import pytest

from tests.system.chaos import ROUNDS, SCENARIOS, run_scenario


@pytest.mark.parametrize("name", SCENARIOS)
def test_delivery_survives_faults_at_random_moments(name: str) -> None:
    """After twenty faults of a kind and the drain, the table holds what the buffers hold, once."""
    verdict = run_scenario(SCENARIOS[name], ROUNDS, seed=2026)

    assert verdict.held > 300
    assert (verdict.lost, verdict.duplicates, verdict.invented) == (0, 0, 0)


def test_delivery_over_nats_survives_a_killed_broker() -> None:
    """The broker that every machine can have from a package does as well as mosquitto."""
    verdict = run_scenario(SCENARIOS["B1"], rounds=5, seed=2026, broker="nats")

    assert verdict.held > 100
    assert (verdict.lost, verdict.duplicates, verdict.invented) == (0, 0, 0)
