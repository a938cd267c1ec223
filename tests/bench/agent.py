"""The agent: processor time from bytes to fixes, beside a bare pynmea2 loop over the same lines."""

import time
from pathlib import Path
from typing import Any

import pynmea2

from tests.bench.drawn import drawn_log, fixes_of


def agent_rows(_folder: Path) -> list[dict[str, Any]]:
    """Measure, the better of three."""
    log = drawn_log(1, 60)
    lines = [line.decode() for line in log.splitlines()]
    ours_s = min(_processor_s(lambda: fixes_of(log)) for _ in range(3))
    peers_s = min(_processor_s(lambda: [pynmea2.parse(line) for line in lines]) for _ in range(3))
    return [
        {
            "what": "agent: bytes to fixes, processor time a sentence",
            "ours": ours_s / len(lines) * 1e6,
            "peer": "bare pynmea2.parse",
            "peers": peers_s / len(lines) * 1e6,
            "unit": "µs",
        }
    ]


def _processor_s(work: Any) -> float:
    begin_s = time.process_time()
    work()
    return time.process_time() - begin_s
