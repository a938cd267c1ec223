"""Admission: what a batch is worth against what is stored, as a table."""

import pytest

from milepost_schemas.batch import Envelope, Gap, GapReason, Previous
from milepost_schemas.delivery.admission import OLDER_DATABASE, Admission, admit

STREAM, BEFORE = bytes(8), bytes([1] * 8)
CUT, RELEASED = GapReason.CUT, GapReason.RELEASED


def batch(after: int, upto: int, *gaps: Gap, previous: int | None = None) -> Envelope:
    """Build the envelope of a batch."""
    named = None if previous is None else Previous(BEFORE, previous)
    return Envelope(STREAM, 1, after, upto, upto, gaps, previous=named)


@pytest.mark.parametrize(
    ("envelope", "stored", "stored_before", "verdict"),
    [
        pytest.param(batch(0, 5), None, None, Admission(1, (), 5), id="first_of_a_stream"),
        pytest.param(batch(5, 9), 5, None, Admission(6, (), 9), id="the_next"),
        pytest.param(batch(3, 9), 5, None, Admission(6, (), 9), id="half_of_it_is_stored"),
        pytest.param(batch(0, 5), 5, None, Admission(None, (), 5), id="all_is_stored"),
        pytest.param(batch(0, 3), 5, None, Admission(None, (), 5), id="older_than_stored"),
        pytest.param(batch(5, 5), 5, None, Admission(None, (), 5), id="speaks_for_nothing"),
        pytest.param(batch(0, 0), None, None, Admission(None, (), 0), id="nothing_of_a_new_stream"),
        pytest.param(batch(6, 9), 5, None, OLDER_DATABASE, id="one_is_missing_before_it"),
        pytest.param(batch(6, 6), 5, None, OLDER_DATABASE, id="supposes_more_than_is_stored"),
        pytest.param(batch(1, 2), None, None, OLDER_DATABASE, id="middle_of_an_unknown_stream"),
        pytest.param(
            batch(0, 5, previous=7), None, 7, Admission(1, (), 5), id="run_before_is_whole"
        ),
        pytest.param(
            batch(0, 5, previous=7), None, 9, Admission(1, (), 5), id="run_before_has_more"
        ),
        pytest.param(
            batch(0, 5, previous=0), None, None, Admission(1, (), 5), id="before_is_empty"
        ),
        pytest.param(batch(0, 5, previous=7), None, 6, OLDER_DATABASE, id="run_before_has_less"),
        pytest.param(batch(0, 5, previous=7), None, None, OLDER_DATABASE, id="before_is_unknown"),
        pytest.param(
            batch(0, 5, previous=7),
            5,
            6,
            OLDER_DATABASE,
            id="run_before_has_less_and_all_is_stored",
        ),
        pytest.param(
            batch(0, 9, Gap(1, 4, CUT), Gap(6, 6, RELEASED)),
            None,
            None,
            Admission(1, (Gap(1, 4, CUT), Gap(6, 6, RELEASED)), 9),
            id="gaps_are_kept",
        ),
        pytest.param(
            batch(0, 9, Gap(1, 4, CUT), Gap(6, 8, RELEASED)),
            6,
            None,
            Admission(7, (Gap(7, 8, RELEASED),), 9),
            id="gaps_are_cut_at_what_is_stored",
        ),
        pytest.param(
            batch(0, 9, Gap(1, 9, CUT)), 9, None, Admission(None, (), 9), id="gap_is_stored_already"
        ),
    ],
)
def test_batch_is_judged_by_what_is_stored(
    envelope: Envelope, stored: int | None, stored_before: int | None, verdict: Admission
) -> None:
    """Equal applies, below drops what is there, above or a shorter run before applies nothing."""
    assert admit(envelope, stored, stored_before) == verdict
