"""How the buffer is, as it is told."""

from dataclasses import dataclass

from milepost_agent.buffer.trouble import BufferState


@dataclass(frozen=True, slots=True)
class BufferHealth:
    """How the buffer is.

    Attributes:
        rows: Fixes held.
        bytes: What its files take.
        oldest_ms: GPS time of the oldest fix that is not known to be stored; None: all are.
        state: Where fixes are held.
        reason: Why not on disk; empty where they are.
        thinned: Fixes that were thinned since the buffer was made.
        cut: Fixes that were given up unsent since then.
        damaged: Fixes that could not be read since then.
        set_aside: Fixes that the server refused since then.
        tolerance_m: The tolerance at which the oldest unsent fixes were last sampled.
        quarantined: Files of damaged buffers that were set aside, oldest first.
        sqlite_version: SQLite's.
    """

    rows: int
    bytes: int
    oldest_ms: int | None
    state: BufferState
    reason: str
    thinned: int
    cut: int
    damaged: int
    set_aside: int
    tolerance_m: float
    quarantined: tuple[str, ...]
    sqlite_version: str
