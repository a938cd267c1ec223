"""A town's delivery days through the real programs: planned, driven, imported, and told."""

import json
import subprocess
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from tests.collector.programs import run, settings
from tests.collector.web_program import web_program
from tests.fixtures.servers import FreshDatabase
from tests.system.fleets import MILEPOST_SIM

VANS, STOPS = 2, 8

# Edges are crossed within seconds of the truth; who stands at one while parking is told later.
USUALLY_S, MOST_S = 5.0, 120.0


def seconds(told: str) -> float:
    """An instant as seconds since 1970."""
    return datetime.fromisoformat(told).timestamp()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two vans: one meets a closed street, one leaves a stop without making it."""
    folder = tmp_path_factory.mktemp("days") / "out"
    command = [str(MILEPOST_SIM), "day", "--out", str(folder)]
    options = f"--seed 11 --vans {VANS} --stops {STOPS} --tracks csv --every 2"
    mishaps = "--detour van-1 --left van-2"
    subprocess.run(
        [*command, *options.split(), *mishaps.split()],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder


def truth(days: Path) -> list[dict[str, Any]]:
    """What really happened, a drive a van."""
    drives: list[dict[str, Any]] = json.loads((days / "truth.json").read_text())["drives"]
    return drives


def done(database: FreshDatabase, *arguments: str | Path) -> str:
    """Run a command of the collector to its end."""
    found = run(*arguments, more=settings(database.dsn))
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_delivery_day_is_told_as_it_was(
    days: Path, plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Plans and tracks go in by command; each true visit is arrived at and departed from."""
    database = plain_database
    done(database, "plans", "import", "--recorded", *sorted((days / "plans").iterdir()))
    done(database, "import", "--device-from-track", *sorted((days / "tracks").iterdir()))
    early, late = [], []
    for drive in truth(days):
        events = database.rows(
            "SELECT type, data ->> 'stop', extract(epoch FROM time)::float8 FROM event "
            "WHERE subject = %s AND data ->> 'plan' = %s ORDER BY time",
            drive["vehicle"],
            drive["plan"],
        )
        for stop in drive["stops"]:
            own = [each for each in events if each[1] == stop["stop"]]
            arrived = [at_s for kind, _, at_s in own if kind == "stop.arrived"]
            departed = [at_s for kind, _, at_s in own if kind == "stop.departed"]
            early.append(min(abs(at_s - seconds(stop["entered"])) for at_s in arrived))
            late.append(min(abs(at_s - seconds(stop["exited"])) for at_s in departed))
        off = [kind for kind, _, _ in events if kind == "route.deviated"]
        detours = [each for each in drive["events"] if each["kind"] == "detour"]
        assert len(off) <= len(detours)
    assert len(early) == VANS * STOPS
    for errors in (early, late):
        assert median(errors) < USUALLY_S
        assert max(errors) < MOST_S
    with web_program(tmp_path, database) as (url, _):
        day = httpx.get(f"{url}/v1/vehicles/van-1/days/2026-01-05", trust_env=False).json()
    (drive,) = (each for each in truth(days) if each["vehicle"] == "van-1")
    assert day["distance_m"] == pytest.approx(drive["length_m"], rel=0.03)
    assert [len(stop["visits"]) > 0 for stop in day["stops"]] == [True] * STOPS
    assert day["quality"]["completeness"] == 1.0
