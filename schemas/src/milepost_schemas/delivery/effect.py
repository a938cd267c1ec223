"""What an ack means for the buffer: the sender says it, the caller carries it out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything of this stream up to `seq` is stored."""

    stream: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Rewind:
    """The database forgot; take every held fix of every stream as not stored."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """The server will never take this fix; keep it apart and leave a gap."""

    stream: bytes
    seq: int
    reason: str


Effect = Stored | Rewind | SetAside
