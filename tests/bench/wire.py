"""The wire: payload bytes a fix over the recorded drives, beside the limits and other formats.

`python -m tests.bench.wire [--batch N]` prints a table of all drives in Markdown.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from milepost_firmware_sim.wire.batches import batches_of
from milepost_firmware_sim.wire.measure import Cost, WireFile, costs_of, total
from milepost_firmware_sim.wire.peers.table import ENTROPY_KEY, ENTROPY_NAME, PEERS
from milepost_schemas.batch import Batch, encode_batch
from milepost_schemas.fix import KeptFix
from tests.agent.recorded_tracks import Track, recorded_tracks
from tests.agent.sampled import sample
from tests.bench.drawn import drawn_log, fixes_of

# What a batch may cost at most, bytes a fix with every fix kept, by fixes a batch.
LIMITS = {60: 4.0, 10: 7.3, 1: 42.0}
LIMIT_WORST, LIMIT_SAMPLED = 5.5, 7.5
LIMIT_ENCODE_US = 250.0
# Shorter drives say little of what a drive costs.
FEWEST_FIXES = 300

_TIMED_BATCH = 60
_NAMES = {peer.key: peer.name for peer in PEERS} | {ENTROPY_KEY: ENTROPY_NAME}


def wire_rows(_folder: Path) -> list[dict[str, Any]]:
    """Measure every fix kept at each size, the worst drive, sampled drives, and encoding."""
    whose, tracks = _tracks()
    files = [_kept(track) for track in tracks]
    rows: list[dict[str, Any]] = []
    for size, limit in LIMITS.items():
        costs = costs_of(files, size)
        cost = total(costs)
        what = f"wire: bytes a fix, batches of {size}, {whose}"
        rows.append(_row(what, cost.bytes_per_fix, "limit", limit))
        rows += [
            _row(what, cost.bytes_per_fix, name, cost.peers[key]) for key, name in _NAMES.items()
        ]
        if size == _TIMED_BATCH:
            worst = max(costs, key=lambda one: one.bytes_per_fix)
            name = files[costs.index(worst)].name
            what = f"wire: bytes a fix, batches of {size}, worst drive ({name})"
            rows.append(_row(what, worst.bytes_per_fix, "limit", LIMIT_WORST))
    thinned = total(costs_of([_sampled(track) for track in tracks], _TIMED_BATCH))
    what = f"wire: bytes a kept fix, batches of {_TIMED_BATCH}, default sampler, {whose}"
    rows.append(_row(what, thinned.bytes_per_fix, "limit", LIMIT_SAMPLED))
    what = f"wire: time to encode a batch of {_TIMED_BATCH}, {whose}"
    rows.append(_row(what, _encode_us(files), "limit", LIMIT_ENCODE_US, "µs"))
    return rows


def _row(what: str, ours: float, peer: str, peers: float, unit: str = "B") -> dict[str, Any]:
    return {"what": what, "ours": ours, "peer": peer, "peers": peers, "unit": unit}


def _tracks() -> tuple[str, list[Track]]:
    """Return the recorded drives, or a drawn one where they are absent, and what they are."""
    recorded = [track for track in recorded_tracks() if len(track.fixes) >= FEWEST_FIXES]
    if recorded:
        return f"{len(recorded)} recorded drives", recorded
    fixes = fixes_of(drawn_log(2, 60))
    return "a drawn drive", [Track("drawn", fixes, [False] * len(fixes))]


def _kept(track: Track) -> WireFile:
    pairs = zip(track.fixes, track.holes, strict=True)
    kept = tuple(KeptFix(seq, fix, hole=hole) for seq, (fix, hole) in enumerate(pairs, 1))
    return WireFile(track.name, (kept,))


def _sampled(track: Track) -> WireFile:
    """Return what the agent's sampler keeps by default, as the agent numbers it."""
    kept = tuple(
        KeptFix(seq, one.fix, one.stands_for, one.hole)
        for seq, one in enumerate(sample(track).kept, 1)
    )
    return WireFile(track.name, (kept,))


def _encode_us(files: Sequence[WireFile]) -> float:
    """Return the median time of a full batch, of five rounds the fastest."""
    batches = [
        batch
        for file in files
        for kept in file.streams
        for batch in batches_of(b"8 bytes.", kept, _TIMED_BATCH)
        if len(batch.fixes) == _TIMED_BATCH
    ]
    return min(statistics.median(map(_encoded_us, batches)) for _ in range(5))


def _encoded_us(batch: Batch) -> float:
    begin_s = time.perf_counter()
    encode_batch(batch)
    return (time.perf_counter() - begin_s) * 1e6


def _table(title: str, files: Sequence[WireFile], size: int) -> str:
    costs = costs_of(files, size)
    model = "the other drives" if len(files) > 1 else "the drive itself"
    heads = ["drive", "fixes", "Milepost", *_NAMES.values()]
    rows = [_cells(file.name, cost) for file, cost in zip(files, costs, strict=True)]
    rows.append(_cells("**total**", total(costs)))
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{title}: bytes a fix in batches of {size}, entropy modelled from {model}.\n\n{table}\n"


def _cells(name: str, cost: Cost) -> list[str]:
    figures = [cost.bytes_per_fix, *(cost.peers[key] for key in _NAMES)]
    return [name, f"{cost.fixes:,}", *(f"{figure:.1f}" for figure in figures)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=_TIMED_BATCH)
    size = parser.parse_args().batch
    _, tracks = _tracks()
    tables = [
        _table("Every fix kept", [_kept(track) for track in tracks], size),
        _table("Thinned by the default sampler", [_sampled(track) for track in tracks], size),
    ]
    sys.stdout.write("\n".join(tables))


if __name__ == "__main__":
    main()
