"""What the engine remembers of a device between batches; a few bytes a fence."""

from dataclasses import dataclass, field

import msgpack

from milepost_schemas.fix import Fix

STATE_VERSION = 1


class EngineStateError(ValueError):
    """A stored state is of another version of the engine."""


@dataclass(slots=True)
class FenceState:
    """Where the device stands to one fence.

    Attributes:
        inside: Entered and not exited.
        crossed_ms: GPS time at which it crossed the edge the other way, not yet confirmed.
    """

    inside: bool
    crossed_ms: int | None = None


@dataclass(slots=True)
class EngineState:
    """All that the next fix is judged by.

    Attributes:
        last: The newest fix so far; only its time and place are kept.
        fences: By fence id.
    """

    last: Fix | None = None
    fences: dict[str, FenceState] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Pack the state."""
        last = self.last
        return bytes(
            msgpack.packb(
                [
                    STATE_VERSION,
                    [last.time_ms, last.lat_e6, last.lon_e6] if last else None,
                    {name: [f.inside, f.crossed_ms] for name, f in self.fences.items()},
                ]
            )
        )

    @classmethod
    def decode(cls, data: bytes | None) -> "EngineState":
        """Unpack a stored state; None is a device without a past.

        Raises:
            EngineStateError: It is of another version.
        """
        if data is None:
            return cls()
        version, last, fences = msgpack.unpackb(data)
        if version != STATE_VERSION:
            raise EngineStateError(f"engine state {version}, this engine knows {STATE_VERSION}")
        return cls(
            Fix(*last) if last else None,
            {name: FenceState(*values) for name, values in fences.items()},
        )
