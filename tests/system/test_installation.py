"""What is installed where: the agent alone on a unit, the same versions everywhere."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MEMBERS = ("schemas", "agent", "collector", "firmware-sim")
UV = Path(sys.executable).parent / "uv"


def project(member: str) -> dict[str, Any]:
    """Read what a distribution says of itself."""
    text = (ROOT / member / "pyproject.toml").read_text()
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that holds the agent and nothing else of ours."""
    folder = tmp_path_factory.mktemp("unit") / "venv"
    subprocess.run(
        [str(UV), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True
    )
    python = folder / "bin" / "python"
    subprocess.run(
        [
            *(str(UV), "pip", "install", "--quiet", "--python", str(python)),
            *(str(ROOT / "schemas"), str(ROOT / "agent")),
        ],
        check=True,
    )
    return python


@pytest.mark.parametrize(
    "module",
    ["psycopg", "starlette", "uvicorn", "milepost_collector", "milepost_firmware_sim", "numpy"],
)
def test_agent_alone_carries_no_server_code(unit: Path, module: str) -> None:
    """On a unit neither the database driver nor web code nor the collector can be imported."""
    done = subprocess.run(
        [str(unit), "-c", f"import {module}"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_agent_alone_runs_its_command(unit: Path) -> None:
    """On a unit the agent's command is there and says its version."""
    command = unit.parent / "milepost-agent"

    done = subprocess.run([str(command), "--version"], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == project("agent")["version"]


def test_members_pin_one_another_at_their_own_version() -> None:
    """Every distribution has the same version and asks for the others at exactly that one."""
    versions = {project(member)["version"] for member in MEMBERS}
    assert len(versions) == 1
    version = versions.pop()
    pins = [
        dependency
        for member in MEMBERS
        for dependency in project(member)["dependencies"]
        if dependency.startswith("milepost-")
    ]
    assert len(pins) == 3
    assert all(
        pin.partition("[")[0].endswith(f"=={version}") or f"=={version}" in pin for pin in pins
    )


def test_lock_names_a_hash_for_everything() -> None:
    """Every requirement of the lock file has at least one SHA-256, and none is ours."""
    text = (ROOT / "requirements.lock").read_text()
    blocks = [block for block in text.replace("\\\n", " ").splitlines() if "==" in block]

    assert len(blocks) > 30
    for block in blocks:
        assert "--hash=sha256:" in block
        assert not block.startswith("milepost")
