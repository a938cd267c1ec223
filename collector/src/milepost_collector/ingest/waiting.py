"""The waiting room: of each device the newest message, within a limit of bytes.

What is dropped here was not acknowledged, so it comes again.
"""

import asyncio

from milepost_collector.ingest.arrival import Message

MAX_BYTES = 64 * 1024 * 1024


class WaitingRoom:
    """Messages between the broker and the next transaction.

    Attributes:
        dropped: Messages that gave way to a newer one or to the limit.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._messages: dict[str, Message] = {}
        self._some = asyncio.Event()

    def put(self, message: Message) -> None:
        """Let a message wait in place of an older one of its device."""
        older = self._messages.pop(message.address.device, None)
        if older is not None:
            self._bytes -= len(older.payload)
            self.dropped += 1
        if self._bytes + len(message.payload) > self._max_bytes:
            self.dropped += 1
            return
        self._bytes += len(message.payload)
        self._messages[message.address.device] = message
        self._some.set()

    def put_back(self, messages: list[Message]) -> None:
        """Let messages wait again, except where a newer one has come."""
        for message in messages:
            if message.address.device not in self._messages:
                self.put(message)

    async def some(self) -> None:
        """Wait until a message waits."""
        await self._some.wait()

    def take(self, limit: int) -> list[Message]:
        """Take at most `limit` messages, those that wait longest first."""
        taken = [self._messages.pop(device) for device in list(self._messages)[:limit]]
        self._bytes -= sum(len(message.payload) for message in taken)
        if not self._messages:
            self._some.clear()
        return taken
