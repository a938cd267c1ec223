"""The demo as a newcomer starts it: the whole system, and a report that is counted, not assumed."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.system.world import wait_until

BIN = Path(sys.executable).parent
DRIVES = Path(__file__).parents[3] / "shared" / "data" / "drives"


def run_demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the demo to its end."""
    return subprocess.run(
        [str(BIN / "milepost-sim"), "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def check_report(report: dict[str, Any], vehicles: int) -> None:
    """Check that everything was stored once, and that the figures are there."""
    total = report["total"]
    assert len(report["vehicles"]) == vehicles
    assert total["fixes_made"] > 0
    assert total["fixes_made"] == total["fixes_committed"] == total["fixes_stored"]
    assert (total["lost"], total["duplicates"], total["invented"]) == (0, 0, 0)
    assert total["sentences"] >= total["fixes_made"]
    assert 0 < total["latency_ms"]["p50"] <= total["latency_ms"]["p99"]
    assert total["bytes_per_fix"] > 0
    for figures in report["vehicles"].values():
        assert figures["lost"] == figures["duplicates"] == 0


@dataclass(frozen=True)
class Drawn:
    """A demo with drawn tracks that has ended: what it said, its report, and its data."""

    said: str
    report: dict[str, Any]
    data: Path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """One for all that look at it, or go on in its folder."""
    folder = tmp_path_factory.mktemp("drawn")
    report, data = folder / "out.json", folder / "data"
    done = run_demo("--seconds", "12", "--report", str(report), "--data", str(data))
    assert done.returncode == 0, done.stderr
    return Drawn(done.stdout, json.loads(report.read_text()), data)


def test_demo_with_drawn_tracks_stores_every_fix_and_makes_events(drawn: Drawn) -> None:
    """Without a track the demo drives its own town, loses nothing, and passes fences."""
    figures = drawn.report
    check_report(figures, vehicles=4)
    assert figures["total"]["events"]["org.milepost.fence.entered"] >= 4
    assert figures["total"]["events"]["org.milepost.fence.exited"] >= 4
    assert "Watch them at http://127.0.0.1:" in drawn.said


@pytest.mark.skipif(not DRIVES.is_dir(), reason="the recorded drives in ../shared are not here")
@pytest.mark.parametrize("name", ["switzerland_z205_a", "denver_evening", "berlin_bike_a"])
def test_demo_with_a_recorded_drive_stores_every_fix_and_makes_events(
    name: str, tmp_path: Path
) -> None:
    """A recorded drive, played by three vehicles in 0.7 of the time given, arrives whole."""
    report = tmp_path / "out.json"

    done = run_demo(
        *("--seconds", "14", "--track", str(DRIVES / f"{name}.nmea.gz")),
        *("--report", str(report), "--data", str(tmp_path / "data")),
    )

    assert done.returncode == 0, done.stderr
    figures = json.loads(report.read_text())
    check_report(figures, vehicles=3)
    assert sum(figures["total"]["events"].values()) > 0
    made = {vehicle["fixes_made"] for vehicle in figures["vehicles"].values()}
    assert len(made) == 1, "three vehicles on one track make the same fixes"


def test_demo_started_again_in_its_folder_finds_the_data(drawn: Drawn, tmp_path: Path) -> None:
    """The second demo in a folder adds to what the first one stored, and still accounts for all."""
    again = tmp_path / "again.json"

    done = run_demo("--seconds", "6", "--data", str(drawn.data), "--report", str(again))

    assert done.returncode == 0, done.stderr
    report = json.loads(again.read_text())
    check_report(report, vehicles=4)
    before, after = drawn.report["vehicles"]["van-1"], report["vehicles"]["van-1"]
    assert after["fixes_held"] == before["fixes_stored"] + after["fixes_stored"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_stopped_by_a_signal_reports_and_leaves_no_process(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C or SIGTERM ends the demo with its account, and everything that it started is gone."""
    process = subprocess.Popen(
        [str(BIN / "milepost-sim"), "demo", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    address = next(line.split()[3] for line in process.stdout if line.startswith("Watch them at"))

    def vehicles() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{address}/v1/vehicles", timeout=60).json()[
            "vehicles"
        ]
        return found

    wait_until(lambda: sum(vehicle["stored"] > 0 for vehicle in vehicles()) == 4, 60, "four vans")
    assert "<html" in httpx.get(address, timeout=60).text
    started = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(number)
    output = process.stdout.read()

    assert process.wait(60) == 0
    process.stdout.close()
    assert " 0 lost, 0 twice, 0 invented" in output
    wait_until(lambda: not any(_lives(child) for child in started), 60, "the end of all")


def test_demo_killed_outright_leaves_no_process(tmp_path: Path) -> None:
    """SIGKILL of the demo ends everything that it started."""
    process = subprocess.Popen(
        [str(BIN / "milepost-sim"), "demo", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("vehicle"))
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) > 8

    os.kill(process.pid, signal.SIGKILL)

    process.wait(10)
    process.stdout.close()
    wait_until(lambda: not any(_lives(child) for child in started), 60, "the end of all")


@pytest.mark.parametrize(
    ("track", "said"),
    [
        ("nothing.nmea", "no such file"),
        ("empty.nmea", "neither NMEA sentences"),
        ("empty_folder", "no file in it holds a drive"),
    ],
)
def test_demo_with_a_track_that_cannot_be_played_ends_with_one_line(
    track: str, said: str, tmp_path: Path
) -> None:
    """A track without a sentence is refused before anything starts: one line, exit code 2."""
    (tmp_path / "empty.nmea").write_text("hello\n")
    (tmp_path / "empty_folder").mkdir()

    done = run_demo("--track", str(tmp_path / track), "--data", str(tmp_path / "data"))

    assert done.returncode == 2
    assert said in done.stderr.lower() or said in done.stderr
    assert track in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
