"""The agent: processor time from bytes to fixes, beside a bare pynmea2 loop over the same lines."""

import gzip
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pynmea2

from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.decoder import NmeaDecoder
from tests.bench.drawn import drawn_log

DRIVES = Path(__file__).parents[2] / "../shared/data/drives"

# The two loops take turns, for the machine is not the same from second to second.
RUNS = 7

_SENTENCE = re.compile(rb"\$[A-Z][ -#%-)+-~]{3,}\*[0-9A-Fa-f]{2}")
_TIME = re.compile(rb"\$..(?:RMC|GGA),(\d{6}[.\d]*),")


@dataclass(frozen=True, slots=True)
class Log:
    """A recording, cut into what is read at once: the bytes of an instant.

    Attributes:
        reads: The bytes of each instant.
        lines: The sentences that pynmea2 parses without an exception.
        sentences: How many our reader finds, needed or not.
    """

    reads: list[bytes]
    lines: list[str]
    sentences: int


def agent_rows(_folder: Path) -> list[dict[str, Any]]:
    """Measure a log of our own drawing, and recorded drives by how much an instant says."""
    rows = [_row("a drawn log", [_log(drawn_log(1, 60))])]
    kinds = defaultdict(list)
    for path in sorted(DRIVES.glob("*.gz")):
        log = _log(gzip.decompress(path.read_bytes()))
        kinds[_kind(log.sentences / len(log.reads))].append(log)
        kinds["all recorded drives"].append(log)
    return rows + [_row(kind, logs) for kind, logs in sorted(kinds.items())]


def _kind(sentences: float) -> str:
    for most in (2.5, 5, 10):
        if sentences <= most:
            return f"drives, up to {most:g} sentences an instant"
    return "drives, more than 10 sentences an instant"


def _log(data: bytes) -> Log:
    reads, read, last = [], b"", None
    for line in data.splitlines(keepends=True):
        match = _TIME.search(line)
        if match is not None:
            if read and match[1] != last:
                reads.append(read)
                read = b""
            last = match[1]
        read += line
    reads.append(read)
    lines = [match[0].decode() for match in _SENTENCE.finditer(data)]
    return Log(reads, [line for line in lines if _parses(line)], _decoded(reads))


def _parses(line: str) -> bool:
    try:
        pynmea2.parse(line)
    except pynmea2.ParseError:
        return False
    return True


def _parsed(lines: list[str]) -> None:
    for line in lines:
        pynmea2.parse(line)


def _decoded(reads: list[bytes]) -> int:
    decoder = NmeaDecoder(RecordedDating())
    for now_s, read in enumerate(reads):
        decoder.feed(read, float(now_s))
    decoder.close()
    return decoder.sentences


def _row(kind: str, logs: list[Log]) -> dict[str, Any]:
    lines = [line for log in logs for line in log.lines]
    sentences = sum(log.sentences for log in logs)
    runs = [
        (
            _processor_s(lambda: [_decoded(log.reads) for log in logs]) / sentences,
            _processor_s(lambda: _parsed(lines)) / len(lines),
        )
        for _ in range(RUNS)
    ]
    return {
        "what": f"agent: bytes to fixes, processor time a sentence; {kind}",
        "ours": median(ours for ours, _ in runs) * 1e6,
        "peer": "bare pynmea2.parse",
        "peers": median(peers for _, peers in runs) * 1e6,
        "unit": "µs",
    }


def _processor_s(work: Callable[[], object]) -> float:
    begin_s = time.process_time()
    work()
    return time.process_time() - begin_s
