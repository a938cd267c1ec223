"""The wire: payload bytes a fix, beside the smallest JSON that people send today."""

import json
from pathlib import Path
from typing import Any

from milepost_schemas.batch import Batch, Envelope, encode_batch
from milepost_schemas.fix import Fix, KeptFix
from tests.bench.drawn import drawn_log, fixes_of


def wire_rows(_folder: Path) -> list[dict[str, Any]]:
    """Measure batches of 60, 10 and 1 over one drive, every fix kept."""
    fixes = fixes_of(drawn_log(2, 60))
    owntracks = sum(len(_owntracks(fix)) for fix in fixes) / len(fixes)
    return [
        {
            "what": f"wire: bytes a fix in batches of {size}",
            "ours": sum(map(len, _batches(fixes, size))) / len(fixes),
            "peer": "OwnTracks JSON, smallest form",
            "peers": owntracks,
            "unit": "B",
        }
        for size in (60, 10, 1)
    ]


def _batches(fixes: list[Fix], size: int) -> list[bytes]:
    messages = []
    for number, first in enumerate(range(0, len(fixes), size), 1):
        kept = tuple(
            KeptFix(first + i, fix) for i, fix in enumerate(fixes[first : first + size], 1)
        )
        upto = first + len(kept)
        messages.append(encode_batch(Batch(Envelope(b"8 bytes.", number, first, upto, upto), kept)))
    return messages


def _owntracks(fix: Fix) -> bytes:
    """Write the location message of OwnTracks with what a fix knows."""
    body = {
        "_type": "location",
        "tid": "v1",
        "tst": fix.time_ms // 1000,
        "lat": fix.lat_deg,
        "lon": fix.lon_deg,
        "alt": round(fix.altitude_m or 0),
        "vel": round((fix.speed_mps or 0) * 3.6),
        "cog": fix.course_deg,
    }
    return json.dumps(body, separators=(",", ":")).encode()
