"""Standard output as the receiver's port: for pipes and files.

The descriptor is shared with whoever started us, so it stays in the mode that it has: what is
written at once is no more than a pipe takes without waiting once it says that there is room.
"""

import os
import select

_MOST_BYTES = select.PIPE_BUF


class StandardOutput:
    """A stream without a way back; see `Port`. It is always attached."""

    def __init__(self, descriptor: int) -> None:
        self.address = "-"
        self.attachable = False
        self.sent_bytes = 0
        self.dropped_bytes = 0
        self._descriptor = descriptor
        self._pending = memoryview(b"")

    def attached(self) -> bool:
        """Say that somebody reads, or will."""
        return True

    def offer(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._pending = memoryview(data)

    def pump(self) -> bool:
        """Write what is taken without waiting.

        Raises:
            BrokenPipeError: Who read has left.
        """
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while self._pending and poll.poll(0):
            taken = os.write(self._descriptor, self._pending[:_MOST_BYTES])
            self.sent_bytes += taken
            self._pending = self._pending[taken:]
        return not self._pending

    def watch(self) -> list[tuple[int, int]]:
        """Return the descriptor while something waits."""
        return [(self._descriptor, select.POLLOUT)] if self._pending else []

    def drained(self) -> bool:
        """Say that what was written is the reader's affair."""
        return not self._pending

    def unplug(self) -> None:
        """Stay: a pipe cannot be pulled and put back."""

    def plug(self, _name: str | None) -> None:
        """Stay."""

    def close(self) -> None:
        """Leave it open: it is not ours."""
