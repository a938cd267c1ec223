"""How a backtest is told: as a table for people, as JSON for machines."""

from collections.abc import Iterator
from typing import Any

from milepost_collector.delivery.eta.backtest import METHODS, Figures, Report

_TITLES = {
    "forecast": "forecast",
    "straight": "straight",
    "plan": "plan",
    "plan_shifted": "plan+delay",
}


def report_lines(report: Report) -> Iterator[str]:
    """Yield the lines of a report for people."""
    yield f"learned {report.learned} vehicle days into {report.rows} rows"
    yield f"held out {report.held_out} vehicle days with {report.arrivals} arrivals"
    if report.overall is None:
        yield "nothing was forecast"
        return
    yield f"intervals state {report.coverage:.0%}; errors are absolute, in seconds: median (mean)"
    yield ""
    titles = "".join(f"{_TITLES[name]:>16}" for name in METHODS)
    yield f"{'horizon':>8}{'forecasts':>11}{titles}{'held':>8}{'width':>8}{'gain':>7}"
    for minutes, figures in report.by_horizon.items():
        yield _line(f"{minutes} min", figures)
    yield _line("all", report.overall)
    better = _TITLES[report.overall.better]
    yield ""
    yield f"better baseline: {better}; the forecast's median error is {_than(report.overall)}"


def _line(title: str, figures: Figures) -> str:
    errors = "".join(
        f"{f'{figures.median_s[name]:.0f} ({figures.mean_s[name]:.0f})':>16}" for name in METHODS
    )
    held = f"{figures.coverage:>8.1%}{figures.width_s:>8.0f}{figures.gain:>7.0%}"
    return f"{title:>8}{figures.forecasts:>11}{errors}{held}"


def _than(figures: Figures) -> str:
    return f"{abs(figures.gain):.0%} {'below' if figures.gain >= 0.0 else 'above'} it"


def report_json(report: Report) -> dict[str, Any]:
    """Return a report for machines; durations are seconds, shares 0 to 1."""
    return {
        "learned_days": report.learned,
        "held_out_days": report.held_out,
        "held_out_arrivals": report.arrivals,
        "stated_coverage": report.coverage,
        "book_rows": report.rows,
        "overall": None if report.overall is None else _figures(report.overall),
        "by_horizon_min": {
            str(minutes): _figures(figures) for minutes, figures in report.by_horizon.items()
        },
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "forecasts": figures.forecasts,
        "median_error_s": {name: round(each, 1) for name, each in figures.median_s.items()},
        "mean_error_s": {name: round(each, 1) for name, each in figures.mean_s.items()},
        "coverage": round(figures.coverage, 4),
        "mean_width_s": round(figures.width_s, 1),
        "better_baseline": figures.better,
        "gain": round(figures.gain, 4),
    }
