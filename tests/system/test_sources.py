"""The ways from a receiver to the agent: a pseudo-terminal and TCP carry the same fixes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from milepost_firmware_sim.demo.programs import Programs
from tests.system.world import wait_until

BIN = Path(sys.executable).parent


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Return a short drawn drive."""
    out = tmp_path / "drive.nmea"
    command = [str(BIN / "milepost-sim"), "drive", "--seed", "5", "--minutes", "3"]
    subprocess.run([*command, "--out", str(out)], check=True)
    return out


@pytest.mark.parametrize("source", ["pseudo-terminal", "tcp"])
def test_agent_makes_every_fix_of_a_drive(source: str, drive: Path, tmp_path: Path) -> None:
    """However the receiver is attached, each instant of the drive becomes one committed fix."""
    status = tmp_path / "status.json"

    def told() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(status.read_text()) if status.exists() else {}
        return found

    with Programs(tmp_path, {}) as programs:
        how = ["--tcp", "127.0.0.1:0"] if source == "tcp" else []
        programs.start("sim", "milepost-sim", "replay", str(drive), "--speed", "100", *how)
        port = json.loads(programs.first_line("sim", 60))["port"]
        (tmp_path / "agent.toml").write_text(
            f'[device]\nid = "van-1"\n[receiver]\nport = "{port}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = 1\n[buffer]\npath = "{tmp_path}/buffer.db"\n'
            f'[sampling]\ntolerance_m = 0\n[uplink]\ntick_s = 0.2\n[status]\npath = "{status}"\n'
        )
        programs.start("agent", "milepost-agent", "run", "--config", str(tmp_path / "agent.toml"))
        wait_until(lambda: not programs.is_running("sim"), 60, "the end of the drive")
        wait_until(
            lambda: told().get("receiver", {}).get("state") == "gone", 60, "an agent that notices"
        )
        programs.stop("agent")

    lines = [line for line in drive.read_text().splitlines() if "RMC" in line and ",A," in line]
    assert told()["fixes_committed"] == len(lines) > 100
    assert told()["backlog"] == len(lines)
