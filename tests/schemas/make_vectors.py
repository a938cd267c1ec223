"""Writes the golden bytes of version 1: `python -m tests.schemas.make_vectors FOLDER`.

The files in schemas/vectors/v1 are frozen: units in the field say these bytes. This script shows
how they came about, and a test holds both together; it is no way to change them.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from milepost_schemas.ack import Ack, encode_ack
from milepost_schemas.batch import Batch, encode_batch
from milepost_schemas.fix import Fix, KeptFix
from tests.schemas.golden_batches import ACKS, BATCHES, OTHERS, Case
from tests.schemas.golden_refused import REFUSED

ROW = (
    *("seq", "time_ms", "lat_e6", "lon_e6", "altitude_dm", "speed_dmps", "course_deg"),
    *("hdop_tenths", "satellites", "kind", "error_dm", "date_repaired", "stands_for", "hole"),
)

# More fixes than these are described by the first one and the step from each to the next.
_MOST_ROWS = 200


def described_row(kept: KeptFix) -> list[Any]:
    """Return a fix as a row of a file."""
    return [kept.seq, kept.fix.time_ms, *kept.fix.measured(), kept.stands_for, kept.hole]


def described_fixes(fixes: Sequence[KeptFix]) -> Any:
    """Return fixes as rows, or as a first row, a step and a count."""
    if len(fixes) <= _MOST_ROWS:
        return [described_row(kept) for kept in fixes]
    first, second = described_row(fixes[0]), described_row(fixes[1])
    step = [None if a is None else int(b) - int(a) for a, b in zip(first, second, strict=True)]
    return {"count": len(fixes), "first": first, "step": step}


def described_fix(fix: Fix | None) -> dict[str, Any] | None:
    """Return a fix without a number as a file says it."""
    return None if fix is None else {**asdict(fix), "kind": int(fix.kind)}


def described(batch: Batch) -> dict[str, Any]:
    """Return a batch as a file says it."""
    envelope = batch.envelope
    previous = envelope.previous
    return {
        "envelope": {
            "stream": envelope.stream.hex(),
            "batch": envelope.batch,
            "after": envelope.after,
            "upto": envelope.upto,
            "newest": envelope.newest,
            "gaps": [[gap.first, gap.last, int(gap.reason)] for gap in envelope.gaps],
            "live": described_fix(envelope.live),
            "previous": previous and {"stream": previous.stream.hex(), "stored": previous.stored},
            "volatile": envelope.volatile,
        },
        "fixes": described_fixes(batch.fixes),
    }


def batches() -> Iterator[dict[str, Any]]:
    """Yield the cases of batches.json."""
    for case in BATCHES:
        yield _batch(case, encode_batch(case.batch), ours=True)
    for case, data in OTHERS:
        yield _batch(case, data, ours=False)


def _batch(case: Case, data: bytes, *, ours: bool) -> dict[str, Any]:
    head = {"name": case.name, "note": case.note, "ours": ours, "hex": data.hex()}
    return {**head, **described(case.batch)}


def described_ack(ack: Ack) -> dict[str, Any]:
    """Return an ack as a file says it."""
    return {**asdict(ack), "stream": ack.stream.hex()}


def acks() -> Iterator[dict[str, Any]]:
    """Yield the cases of acks.json."""
    for name, note, ack in ACKS:
        head = {"name": name, "note": note, "hex": encode_ack(ack).hex()}
        yield {**head, "ack": described_ack(ack)}


def refused() -> Iterator[dict[str, Any]]:
    """Yield the cases of refused.json."""
    for bad in REFUSED:
        named = bad.addressed and [bad.addressed[0].hex(), bad.addressed[1]]
        yield {
            "name": bad.name,
            "what": bad.what,
            "reason": bad.reason,
            "addressed": named,
            "pieces": [[piece.hex(), times] for piece, times in bad.pieces],
        }


FILES: dict[str, tuple[dict[str, Any], Any]] = {
    "batches.json": (
        {
            "note": "Batches that every reader takes; schemas/wire.md. `ours`: written so by "
            "Milepost; the others are written as a writer may, and are read the same. Each fix is "
            "a row of `row`; null is missing. Where `fixes` is an object, row n is first + n step.",
            "row": ROW,
        },
        batches,
    ),
    "acks.json": ({"note": "Acks that every reader takes; schemas/wire.md."}, acks),
    "refused.json": (
        {
            "note": "Messages that every reader refuses, with the reason. The bytes are the "
            "pieces, each [hex, repetitions]. `addressed` is what the refusing ack names "
            "([stream, batch number]); null: nobody can be answered.",
        },
        refused,
    ),
}


def text(name: str) -> str:
    """Return a file: one case a line."""
    head, cases = FILES[name]
    lines = ",\n".join(f"    {json.dumps(case)}" for case in cases())
    said = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    return f'{{\n{said}  "cases": [\n{lines}\n  ]\n}}\n'


if __name__ == "__main__":
    for file in FILES:
        Path(sys.argv[1], file).write_text(text(file), encoding="utf-8")
