"""`make bench REPORT=bench.json`: figures, each beside its peer or limit measured in the same run.

These machines are noisy: only ratios of one run mean anything.
"""

import argparse
import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.agent import agent_rows
from tests.bench.buffer import buffer_rows
from tests.bench.day import day_rows
from tests.bench.engine import engine_rows
from tests.bench.feed import feed_rows
from tests.bench.ingest import ingest_rows
from tests.bench.ingest_full import ingest_full_rows
from tests.bench.ingest_process import ingest_process_rows
from tests.bench.process import process_rows
from tests.bench.sampler import sampler_rows
from tests.bench.storage import storage_rows
from tests.bench.wire import wire_rows

LIBRARIES = (
    "aiomqtt",
    "msgpack",
    "numpy",
    "paho-mqtt",
    "psycopg",
    "psycopg-binary",
    "pynmea2",
    "shapely",
)
MEASURES = (
    agent_rows,
    sampler_rows,
    buffer_rows,
    process_rows,
    wire_rows,
    day_rows,
    engine_rows,
    ingest_rows,
    ingest_process_rows,
    feed_rows,
    storage_rows,
    ingest_full_rows,  # into what the one before has filled
)


def main() -> None:
    """Measure, print a Markdown table, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="mp-") as folder:
        Path(folder).chmod(0o755)
        for measure in MEASURES:
            sys.stderr.write(f"measuring {measure.__name__.removesuffix('_rows')} ...\n")
            rows += measure(Path(folder))
    sys.stdout.write("| what | ours | beside | its figure | ratio |\n|---|---|---|---|---|\n")
    for row in rows:
        sys.stdout.write(
            f"| {row['what']} | {row['ours']:,.6g} {row['unit']} | {row['peer']} "
            f"| {row['peers']:,.6g} {row['unit']} | {row['ours'] / row['peers']:.2f} |\n"
        )
    if options.report:
        machine = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "system": platform.platform(),
            **{name: version(name) for name in LIBRARIES},
        }
        for row in rows:
            row["ratio"] = round(row["ours"] / row["peers"], 3)
        options.report.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


main()
