"""Backtests: the goals on a seeded fleet, and the command on folders of days."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.delivery.eta.backtest import BASELINES, FORECAST, backtest
from milepost_collector.delivery.eta.baselines import MeanSpeed, delay_ms, planned_ms
from milepost_collector.delivery.eta.day import Day, left_ms, positions
from milepost_collector.delivery.eta.route import Call, Route, Visit
from milepost_collector.eta.errors import EtaError
from milepost_collector.eta.folder import TRUTH, read_days
from milepost_collector.eta.telling import report_lines
from milepost_schemas.event import rfc3339
from milepost_schemas.plan import Depot, Place, Plan, Stop, write_plan
from tests.collector.eta_fleet import DAY_MS, MONDAY, Fleet, fleet_days
from tests.collector.programs import run

# A fleet that nothing was chosen by.
SEED = 77
LEARNED_DAYS = 20
DAYS = 32


def test_goals_on_a_fleet_that_was_not_learned_from() -> None:
    """With traffic by hour and random service, errors are 30 % lower, and intervals hold."""
    days = fleet_days(SEED, DAYS, Fleet(vans=24, stops=14))
    report = backtest(days, LEARNED_DAYS, every_s=600.0)
    assert report.arrivals >= 1_600
    assert report.overall is not None
    print(*report_lines(report), sep="\n")  # noqa: T201 - figures are asked for
    assert report.overall.gain >= 0.3
    assert report.overall.coverage == pytest.approx(0.8, abs=0.03)
    for figures in report.by_horizon.values():
        assert figures.median_s[FORECAST] < figures.median_s[figures.better]
        assert figures.coverage == pytest.approx(0.8, abs=0.05)


def test_held_out_days_teach_nothing() -> None:
    """What comes after the learned days changes no forecast of the day behind them."""
    days = fleet_days(5, 6, Fleet(vans=2, stops=6))
    first = [day for day in days if day.number <= days[0].number + 4]
    late = [replace(day, visits=_later(day, 3_600_000)) for day in days if day not in first]
    one, other = backtest(first, 3, every_s=600.0), backtest([*first, *late], 3, every_s=600.0)
    assert one.overall is not None
    assert other.overall is not None
    assert one.rows == other.rows
    assert other.overall.forecasts > one.overall.forecasts
    assert other.overall.mean_s[FORECAST] > one.overall.mean_s[FORECAST]


def _later(day: Day, by_ms: int) -> tuple[Visit, ...]:
    return tuple(
        Visit(visit.id, visit.arrived_ms + by_ms, (visit.departed_ms or 0) + by_ms)
        for visit in day.visits
    )


def test_nothing_learned_is_no_error() -> None:
    """A fleet on its first day has forecasts, from the priors."""
    days = fleet_days(6, 1, Fleet(vans=2, stops=5))
    report = backtest(days, 0, every_s=600.0)
    assert (report.learned, report.rows, report.held_out, report.arrivals) == (0, 0, 2, 10)
    assert report.overall is not None
    assert all(report.overall.median_s[name] > 0.0 for name in (FORECAST, *BASELINES))


def test_plan_is_shifted_by_the_delay_at_the_newest_thing() -> None:
    """Late at the last departure is late at all stops to come."""
    calls = tuple(Call(f"s{n}", 0.0, n / 100.0, 60.0, None, n * 600_000) for n in (1, 2, 3))
    route = Route(calls, (), (0.0, 0.0), 0)
    planned = planned_ms(route, 0, 5.0)
    assert planned == {"s1": 600_000.0, "s2": 1_200_000.0, "s3": 1_800_000.0}
    assert delay_ms(route, planned, (), 30_000) == 30_000.0
    assert delay_ms(route, planned, (Visit("s1", 700_000),), 0) == 100_000.0
    assert delay_ms(route, planned, (Visit("s1", 700_000, 800_000),), 0) == 140_000.0


def test_mean_speed_is_straight_metres_over_time() -> None:
    """Two kilometres as the crow flies in ten minutes of driving, service left out."""
    east = 1_000.0 / 111_195.0
    calls = (Call("s0", 0.0, east, 60.0), Call("s1", 0.0, 2 * east, 60.0))
    visits = (Visit("s0", 300_000, 900_000), Visit("s1", 1_200_000))
    speed = MeanSpeed()
    speed.learn(Day("d", 0, Route(calls, (), (0.0, 0.0)), 0, visits))
    assert speed.mps == pytest.approx(2_000.0 / 600.0, rel=0.001)


def test_start_was_left_after_the_last_position_there() -> None:
    """A round in the yard is no departure."""
    route = Route((), (), (0.0, 0.0), start_radius_m=100.0)
    places = [(0, 0.0, 0.0), (10_000, 0.0, 0.005), (20_000, 0.0, 0.0), (30_000, 0.0, 0.005)]
    assert left_ms(route, positions(places), 40_000) == 20_000
    assert left_ms(route, positions(places), 20_000) == 0
    assert left_ms(replace(route, start=None), positions(places), 40_000) is None


def write_folder(folder: Path, days: list[Day]) -> None:
    """Write days as `milepost-sim day` does, as far as forecasts need it."""
    (folder / "plans").mkdir(parents=True)
    (folder / "tracks").mkdir()
    drives = [_drive(folder, day) for day in days]
    truth = {"seed": 1, "town": "-", "time_zone": "UTC", "slow_streets": [], "drives": drives}
    (folder / TRUTH).write_text(json.dumps(truth), encoding="utf-8")


def _drive(folder: Path, day: Day) -> dict[str, Any]:
    route = day.route
    assert route.start is not None
    stops = tuple(
        Stop(call.id, Place(call.lat_deg, call.lon_deg), 10.0, service_s=call.service_s)
        for call in route.calls
    )
    date = datetime.fromtimestamp(day.number * DAY_MS / 1_000, UTC).date()
    depot = Depot(Place(*route.start), 10.0, route.departs_ms)
    plan = Plan(day.name, day.name[:5], date, stops, "UTC", depot, route.path)
    path = folder / "plans" / f"{plan.id}.json"
    path.write_text(json.dumps(write_plan(plan)), encoding="utf-8")
    lines = [f"{rfc3339(at.time_ms)},{at.lat_deg:.6f},{at.lon_deg:.6f}\n" for at in day.track]
    track = f"tracks/{plan.id}.csv"
    (folder / track).write_text("".join(["time,lat_deg,lon_deg\n", *lines]), encoding="utf-8")
    told: list[dict[str, str | None]] = [
        {
            "stop": visit.id,
            "planned_arrival": rfc3339(call.planned_ms or 0),
            "entered": rfc3339(visit.arrived_ms),
            "exited": rfc3339(visit.departed_ms or 0),
        }
        for visit, call in zip(day.visits, route.calls, strict=True)
    ]
    told[-1] |= {"entered": None, "exited": None}  # never driven to
    left = rfc3339(day.left_ms or 0)
    return {"plan": plan.id, "track": track, "departed": left, "stops": told}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five calendar days of two vans."""
    days = fleet_days(9, 5, Fleet(vans=2, stops=5))
    write_folder(tmp_path / "days", days)
    return tmp_path / "days"


def test_folder_gives_the_days_that_were_written(folder: Path) -> None:
    """Plans, visits, planned times, departure and track come back; what was skipped is no visit."""
    days = list(read_days(folder))
    written = fleet_days(9, 5, Fleet(vans=2, stops=5))
    assert [day.name for day in days] == [day.name for day in written]
    for day, was in zip(days, written, strict=True):
        assert (day.number, day.left_ms) == (was.number, was.left_ms)
        assert day.visits == was.visits[:-1]
        assert [call.planned_ms for call in day.route.calls] == [
            call.planned_ms for call in was.route.calls
        ]
        assert len(day.track) == len({at.time_ms for at in was.track})
    assert days[0].number == MONDAY


def test_command_prints_figures_and_writes_them(folder: Path, tmp_path: Path) -> None:
    """`eta backtest` learns, forecasts, and tells people and machines the same."""
    report = tmp_path / "report.json"
    asked = ["eta", "backtest", "--days", str(folder), "--learn", "3", "--every", "300"]
    people = run(*asked, "--report", str(report))
    assert people.returncode == 0, people.stderr
    assert "held out 4 vehicle days with 16 arrivals" in people.stdout
    machines = run(*asked, "--json")
    figures = json.loads(machines.stdout)
    assert figures == json.loads(report.read_text(encoding="utf-8"))
    assert figures["learned_days"] == 6
    assert figures["held_out_arrivals"] == 16
    assert set(figures["overall"]["median_error_s"]) == {FORECAST, *BASELINES}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--days", "nowhere"], "holds truth.json"),
        ([], "give either --days"),
        (["--from", "2026-01-05"], "give either --days"),
        (["--from", "2026-01-05", "--to", "2026-01-05"], "--to is not after --from"),
    ],
)
def test_command_without_days_says_what_to_mend(arguments: list[str], said: str) -> None:
    """A wrong question is one clear line and exit code 2."""
    done = run("eta", "backtest", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_command_that_would_forecast_nothing_is_refused(folder: Path) -> None:
    """All days learned leaves none to be held out."""
    done = run("eta", "backtest", "--days", str(folder), "--learn", "5")
    assert done.returncode == 2
    assert "none is left to forecast" in done.stderr


def test_damaged_truth_is_named(folder: Path) -> None:
    """What is no truth is told with its file."""
    (folder / TRUTH).write_text('{"drives": [{"plan": "none"}]}', encoding="utf-8")
    with pytest.raises(EtaError, match=r"plans/none\.json"):
        list(read_days(folder))
    (folder / TRUTH).write_text('{"drives": [{}]}', encoding="utf-8")
    with pytest.raises(EtaError, match=r"truth\.json"):
        list(read_days(folder))
