"""The examples in the documentation of plans work as they stand there."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.config import GeocoderConfig
from milepost_collector.delivery.states import STOP_CHANGES, IncidentKind, OrderState
from milepost_collector.planning.command import app
from milepost_collector.planning.drafts import COLUMNS
from tests.collector.plans import causes, plan_value
from tests.collector.programs import MILEPOST_COLLECTOR, environment, settings
from tests.collector.snippets import DOCS
from tests.collector.web_program import web_program
from tests.fixtures.servers import FreshDatabase

TEXT = (DOCS / "plans.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """Return the commands of the documentation, one by one."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    return [
        command for block in blocks for command in re.split(r"\n(?=curl|milepost)", block.strip())
    ]


def test_commands_of_the_documentation_work_in_their_order(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Each request is answered with 2xx, each command exits with 0."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on PATH")
    (tmp_path / "tours.json").write_text(json.dumps([plan_value(1, name="t", prefix="t")]))
    (tmp_path / "day.csv").write_text("vehicle;date;order;lat;lon\nv;2026-11-19;c-1;48,1;11\n")
    point = {"type": "Point", "coordinates": [11.5, 48.1]}
    feature = {"type": "Feature", "geometry": point, "properties": {"order": "g-1"}}
    whole = {"type": "FeatureCollection", "vehicle": "w", "date": "2026-11-19"}
    (tmp_path / "day.geojson").write_text(json.dumps({**whole, "features": [feature]}))
    more = settings(plain_database.dsn)
    more["PATH"] = f"{MILEPOST_COLLECTOR.parent}:{environment()['PATH']}"
    with web_program(tmp_path, plain_database) as (url, _):
        for command in commands():
            asked = command.replace("http://127.0.0.1:8080", url).replace(
                "curl -sS", "curl -sS --noproxy '*' -w '\\n%{http_code}'"
            )
            done = subprocess.run(
                ["/bin/sh", "-c", asked],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
                env=environment(more),
                timeout=60,
            )
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            if command.startswith("curl"):
                assert done.stdout.splitlines()[-1] in ("200", "201"), (command, done.stdout)
    assert set(causes(plain_database).values()) == {None}
    erased: Any = plain_database.rows("SELECT id FROM plan WHERE erased_at IS NOT NULL")
    assert ("tour-1",) in erased


def test_documentation_names_all_that_there_is() -> None:
    """Every command, column, key and kind; and the table of states is that of the code."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        assert f"plans {name}" in TEXT
    for word in (*COLUMNS, *IncidentKind, *OrderState):
        assert f"`{word}`" in TEXT
    for key in GeocoderConfig.model_fields:
        assert key in TEXT or key == "timeout_s"
    told: dict[str, set[str]] = {}
    for states, following in re.findall(r"^\| (`[a-z_`, ]+`) \| (.*) \|$", TEXT, re.MULTILINE):
        for state in re.findall(r"`(\w+)`", states):
            if state in list(STOP_CHANGES):
                told[state] = set(re.findall(r"`(\w+)`", following))
    assert told == {str(state): set(map(str, after)) for state, after in STOP_CHANGES.items()}
