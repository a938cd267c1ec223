"""What a receiver's link is, whatever carries it, and the states that it can be in."""

from enum import StrEnum
from typing import Protocol


class ReceiverState(StrEnum):
    """How the receiver is, as far as the unit can tell."""

    RECEIVING = "receiving"  # what it says is understood
    OPEN = "open"  # the link was just opened, and nothing has come yet
    LISTENING = "listening"  # bytes come, or may come; their rate and protocol are being found
    SILENT = "silent"  # the link is open, and nothing comes
    GARBAGE = "garbage"  # what comes is no language that is known
    FOREIGN = "foreign"  # what comes is a language that is known by name only
    CONNECTING = "connecting"
    GONE = "gone"  # there is no such device, nobody answers, or the link broke
    BUSY = "busy"  # another program has it
    NO_PERMISSION = "no permission"


class LinkError(Exception):
    """The link cannot be opened, or is broken.

    Args:
        state: What the receiver is by it.
        reason: For people.
    """

    def __init__(self, state: ReceiverState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class RateError(LinkError):
    """The device does not have the rate that was asked for."""


class Link(Protocol):
    """An open link.

    Attributes:
        name: What is open, for people.
    """

    name: str

    def fileno(self) -> int:
        """Return what to wait on for bytes."""
        ...

    def read(self) -> bytes:
        """Return what has come, without waiting; at most some 64 KiB.

        Raises:
            LinkError: The link is broken, and all that came before was read.
        """
        ...

    def write(self, data: bytes) -> None:
        """Send a few bytes, without waiting.

        Raises:
            LinkError: The link is broken.
        """
        ...

    def set_baud(self, baud: int) -> None:
        """Change the rate of a serial line; of no meaning to others.

        Raises:
            RateError: The device does not have this rate.
            LinkError: It is gone.
        """
        ...

    def is_renamed(self) -> bool:
        """Return whether its name means another device by now, or none."""
        ...

    def close(self) -> None:
        """Close the link."""
        ...


class Source(Protocol):
    """Where links come from."""

    def open(self, baud: int) -> Link | None:
        """Begin or go on opening, without waiting; return the link when it is open.

        Args:
            baud: The rate of a serial line.

        Raises:
            RateError: It does not have this rate.
            LinkError: It cannot be opened now.
        """
        ...

    def next(self) -> bool:
        """Open another device of the same name the next time; return whether there may be one."""
        ...

    def close(self) -> None:
        """Give up what is being opened."""
        ...
