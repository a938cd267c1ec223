"""Waiting longer after each failure in a row."""

import pytest

from milepost_collector.backoff import FIRST_S, MAX_S, Backoff


def test_backoff_doubles_up_to_its_limit() -> None:
    """Each failure in a row doubles the wait, within ±20 %, up to the limit."""
    backoff = Backoff()
    for failures in range(12):
        expected_s = min(FIRST_S * 2**failures, MAX_S)
        assert backoff.failures == failures
        assert backoff.failed() == pytest.approx(expected_s, rel=0.2)


def test_backoff_after_a_success_begins_anew() -> None:
    """A success forgets the failures before it."""
    backoff = Backoff(first_s=1, max_s=30)
    for _ in range(5):
        backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == pytest.approx(1, rel=0.2)


def test_backoff_after_very_many_failures_still_waits_its_limit() -> None:
    """A server that is away for months changes nothing."""
    backoff = Backoff()
    backoff.failures = 100_000
    assert backoff.failed() == pytest.approx(MAX_S, rel=0.2)


def test_backoff_of_many_differs() -> None:
    """Many that fail together do not knock together again."""
    assert len({Backoff().failed() for _ in range(20)}) > 15
