"""Forecasts on recorded drives: bus trips along one route, and single drives with known stops."""

import json
from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from milepost_collector.delivery.eta.backtest import (
    FORECAST,
    HORIZONS_MIN,
    Figures,
    Report,
    backtest,
)
from milepost_collector.eta.telling import report_lines
from tests.agent.line import RECORDED, needs_recorded
from tests.collector.eta_recorded import announced_day, bus_days, stop_days

LEARNED_TRIPS = 6
# Whole days by car, with hours between stops that nobody planned, are among them.
NOT_WORSE = 1.0


def entries() -> list[dict[str, Any]]:
    """Return the entries of the manifest; none where the data is absent."""
    path = RECORDED / "manifest.json"
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["entries"]
    return found


def routes() -> list[str]:
    """Return the files of one route driven many times."""
    return [each["file"] for each in entries() if "same route" in each.get("family", "")]


def announced() -> list[str]:
    """Return the drives of which stops and arrivals are told."""
    return [each["file"] for each in entries() if "arrivals" in (each.get("expect") or {})]


@needs_recorded
@pytest.mark.parametrize("file", routes())
def test_learned_legs_of_a_bus_route_beat_the_baselines(file: str, record_property: Any) -> None:
    """Six trips learned, the others predicted: 30 % below the better baseline, and learned."""
    days = bus_days(file, LEARNED_TRIPS)
    report = backtest(days, LEARNED_TRIPS, every_s=15.0)
    told(report, file, record_property)
    assert report.held_out == len(days) - LEARNED_TRIPS >= 2
    assert report.arrivals >= 10 * report.held_out
    assert report.overall is not None
    assert report.overall.gain >= 0.3
    assert report.overall.coverage == pytest.approx(0.8, abs=0.12)
    for minutes in (5, 15, 30):
        figures = report.by_horizon[minutes]
        assert figures.median_s[FORECAST] < figures.median_s[figures.better]
    unlearned = backtest(days[LEARNED_TRIPS:], 0, every_s=15.0).overall
    assert unlearned is not None
    assert report.overall.median_s[FORECAST] < unlearned.median_s[FORECAST]


@needs_recorded
def test_single_drives_are_in_the_median_not_worse_than_the_better_baseline(
    record_property: Any,
) -> None:
    """Nothing learned: over the drives, errors are in the median not above the better baseline's.

    On some they are, on others not: the better of three is chosen for each of them afterwards.
    """
    shares = {}
    for day in [*stop_days(), *(announced_day(file) for file in announced())]:
        report = backtest([replace(day, number=0)], 0, every_s=30.0)
        told(report, day.name, record_property)
        if report.overall is not None:
            shares[day.name] = 1.0 - report.overall.gain
    assert len(shares) >= 10
    assert median(shares.values()) <= NOT_WORSE, shares


def told(report: Report, name: str, record_property: Any) -> None:
    """Print a report and put its figures into the test's record."""
    print(name, *report_lines(report), sep="\n")  # noqa: T201 - figures are asked for
    figures: dict[int, Figures] = report.by_horizon
    for minutes in HORIZONS_MIN:
        if minutes in figures:
            record_property(f"{name}.{minutes}min.median_s", figures[minutes].median_s)
    if report.overall is not None:
        record_property(f"{name}.median_s", report.overall.median_s)
