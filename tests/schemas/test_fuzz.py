"""A short run of the fuzz target of the wire, so that it is alive when somebody needs it."""

import pytest

from tests.fuzz.batch import REASONS, run


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_messages_are_legal_or_refused_by_all_readers_alike(seed: int) -> None:
    """Mutants of the golden bytes are read, or refused, the same one by one and in bulk."""
    outcome = run(seed, messages=2000)
    assert outcome.total() == 2000
    assert set(outcome) == {"read", *REASONS} - {"size"}
    assert outcome["read"] >= 100
