"""What the unit knows of the time, kept in its buffer over restarts.

It is written seldom: a restart in the same boot needs one reading of the counter, a new boot needs
the floor, and neither is worth a page of the SD card each tick.
"""

import json
from dataclasses import asdict

from milepost_agent.buffer import Buffer
from milepost_agent.dating import Known

_KEY = "time"
_WORTH_MS = 86_400_000


class TimeMemory:
    """Remembers by way of a buffer."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._kept = self.recalled()

    def recalled(self) -> Known | None:
        """Return what was known; None where nothing is, or it cannot be read."""
        packed = self._buffer.recall(_KEY)
        try:
            return None if packed is None else Known(**json.loads(packed))
        except (ValueError, TypeError):
            return None

    def keep(self, known: Known) -> None:
        """Write what is known with the next commit, where that is worth it."""
        if self._kept is None or _is_news(self._kept, known):
            self._kept = known
            self._buffer.remember(_KEY, json.dumps(asdict(known)).encode())


def _is_news(kept: Known, known: Known) -> bool:
    floors = (known.floor_ms, known.fixes_floor_ms or 0), (kept.floor_ms, kept.fixes_floor_ms or 0)
    return (
        known.boot_id != kept.boot_id
        or any(abs(new - old) > _WORTH_MS for new, old in zip(*floors, strict=True))
        or (known.server_ms is None) != (kept.server_ms is None)
        or (known.fix_ms is None) != (kept.fix_ms is None)
    )
