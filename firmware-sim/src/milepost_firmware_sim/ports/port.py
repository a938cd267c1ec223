"""A serial line of the receiver's side: what all kinds of it have in common.

A port decides nothing. It takes one burst of bytes at a time, gives it to the readers that are
attached as fast as they take it, and counts what nobody was there to take.
"""

from typing import Protocol


class PortError(ValueError):
    """The port cannot be opened as asked."""


class Port(Protocol):
    """A line with readers that come and go.

    Attributes:
        address: What a reader opens: a device's path, `socket://host:port`, `udp://host:port`, `-`.
        attachable: Readers attach to it and leave it; not so a pipe, or datagrams.
        sent_bytes: Bytes that readers took (of several readers, the stream counts once).
        dropped_bytes: Bytes that passed while no reader was attached, or that the last one left.
    """

    address: str
    attachable: bool
    sent_bytes: int
    dropped_bytes: int

    def attached(self) -> bool:
        """Say whether a reader has the port open."""

    def offer(self, data: bytes) -> None:
        """Take the next bytes of the stream; the ones before must be gone."""

    def pump(self) -> bool:
        """Pass on what fits, without waiting; return whether all that was offered is gone."""

    def watch(self) -> list[tuple[int, int]]:
        """Return the descriptors and poll events that are worth waking up for."""

    def drained(self) -> bool:
        """Say whether the readers took everything that was passed on, or are gone."""

    def unplug(self) -> None:
        """Take the port away, as a plug that is pulled; readers see the end of the line."""

    def plug(self, name: str | None) -> None:
        """Bring the port back, under the same address where it can; `name` is a new link's."""

    def close(self) -> None:
        """Close the port; readers see the end of the line."""
