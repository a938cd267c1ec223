"""OwnTracks: a JSON message for each fix, in its smallest legal form.

Source: the OwnTracks Booklet, "JSON", `_type=location`. Whole seconds, metres, km/h and degrees;
the accuracy in metres where the receiver stated it. It cannot carry HDOP, satellites, the kind of
fix, numbers, `stands_for` or holes.
"""

import json

from milepost_schemas.batch import Batch
from milepost_schemas.fix import Fix


def messages(batch: Batch) -> list[bytes]:
    """Write one message a fix."""
    return [_location(kept.fix) for kept in batch.fixes]


def _location(fix: Fix) -> bytes:
    body: dict[str, object] = {
        "_type": "location",
        "tid": "v1",
        "tst": fix.time_ms // 1000,
        "lat": fix.lat_deg,
        "lon": fix.lon_deg,
        "alt": None if fix.altitude_m is None else round(fix.altitude_m),
        "vel": None if fix.speed_mps is None else round(fix.speed_mps * 3.6),
        "cog": fix.course_deg,
        "acc": None if fix.error_dm is None else round(fix.error_dm / 10),
    }
    known = {name: value for name, value in body.items() if value is not None}
    return json.dumps(known, separators=(",", ":")).encode()
