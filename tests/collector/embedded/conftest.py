"""Folders to put servers in, and what the tests ask of the machine."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost_collector.embedded import EmbeddedPostgres


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass through (pytest's own are closed to other users)."""
    folder = Path(tempfile.mkdtemp(prefix="mp-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["reachable", "closed"])
def folder(request: pytest.FixtureRequest, open_folder: Path) -> Path:
    """A server's folder to be: for root where every user may pass, and where only root may."""
    place: str = request.param
    if place == "closed":
        if os.geteuid() != 0:
            pytest.skip("to be closed to others makes a difference to root alone")
        open_folder.chmod(0o700)
    return open_folder / "server"


@pytest.fixture(scope="session")
def made_cluster() -> Iterator[Path]:
    """One cluster for all tests that do not mind what is in it: making it takes the most time."""
    folder = Path(tempfile.mkdtemp(prefix="mp-", dir="/tmp"))
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "pg"):
        pass
    yield folder / "pg"
    shutil.rmtree(folder)
