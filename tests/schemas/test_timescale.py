"""The scaled clock: MILEPOST_CLOCK is read strictly, and its line can be walked both ways."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from milepost_schemas.timescale import TRUE_TIME, Timescale, TimescaleError, timescale_from

INSTANTS = st.floats(0, 4e9)
FACTORS = st.floats(0.01, 1000)


def test_clock_is_true_time_without_the_variable() -> None:
    """Neither a missing nor an empty variable scales anything."""
    assert timescale_from({}) == TRUE_TIME
    assert timescale_from({"MILEPOST_CLOCK": ""}) == TRUE_TIME
    assert TRUE_TIME.scaled(1_700_000_000.25) == 1_700_000_000.25


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("2026-11-21T08:00:00Z,60", Timescale(1_795_248_000.0, 60.0)),
        ("2026-11-21T09:00:00+01:00,0.5", Timescale(1_795_248_000.0, 0.5)),
        ("1795248000.5,10", Timescale(1_795_248_000.5, 10.0)),
        ("-3600,2", Timescale(-3600.0, 2.0)),
    ],
)
def test_clock_is_read_from_start_and_factor(text: str, scale: Timescale) -> None:
    """The start is RFC 3339 with an offset or Unix seconds, and the factor a number."""
    assert timescale_from({"MILEPOST_CLOCK": text}) == scale


@pytest.mark.parametrize(
    "text",
    [
        "60",
        ",",
        "2026-11-21T08:00:00Z",
        "2026-11-21T08:00:00Z,",
        "2026-11-21T08:00:00,60",
        "2026-11-21,60",
        "yesterday,60",
        "2026-11-21T08:00:00Z,0",
        "2026-11-21T08:00:00Z,-1",
        "2026-11-21T08:00:00Z,nan",
        "2026-11-21T08:00:00Z,inf",
        "2026-11-21T08:00:00Z,fast",
        "2026-11-21T08:00:00Z,60,1",
        "nan,60",
        "inf,60",
    ],
)
def test_clock_of_another_form_is_refused_with_its_text(text: str) -> None:
    """Whatever is not `start,factor` raises one error that names variable and value."""
    with pytest.raises(TimescaleError) as caught:
        timescale_from({"MILEPOST_CLOCK": text})
    assert f"MILEPOST_CLOCK={text!r}" in str(caught.value)


@given(INSTANTS, FACTORS, INSTANTS)
def test_clock_walks_back_to_the_true_time(start_s: float, factor: float, true_s: float) -> None:
    """True to scaled and back is the same instant, to a fraction of a millisecond."""
    scale = Timescale(start_s, factor)
    assert scale.true(scale.scaled(true_s)) == pytest.approx(true_s, rel=0, abs=2e-3)


@given(INSTANTS, FACTORS)
def test_clock_runs_through_its_start(start_s: float, factor: float) -> None:
    """At its start both clocks agree, and a true second later it has run its factor."""
    scale = Timescale(start_s, factor)
    assert scale.scaled(start_s) == start_s
    assert scale.scaled(start_s + 1) - start_s == pytest.approx(factor, rel=1e-3)


@given(INSTANTS, INSTANTS, FACTORS)
def test_clock_drawn_through_a_point_reads_it(
    true_s: float, scaled_s: float, factor: float
) -> None:
    """A line through a point reads that point, also after a trip through the environment."""
    assume(abs(factor - 1) > 1e-3)
    scale = Timescale.through(true_s, scaled_s, factor)
    told = timescale_from({"MILEPOST_CLOCK": str(scale)})
    assert told == scale
    assert told.scaled(true_s) == pytest.approx(scaled_s, rel=0, abs=0.01)


def test_clock_of_factor_one_reads_no_other_time() -> None:
    """A clock that is only shifted has no start, and is refused; one that agrees is fine."""
    with pytest.raises(TimescaleError):
        Timescale.through(1000.0, 2000.0, 1.0)
    assert Timescale.through(1000.0, 1000.0, 1.0).scaled(5.0) == 5.0
