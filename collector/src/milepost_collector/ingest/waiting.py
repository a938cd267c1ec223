"""The waiting room: of each device the newest message, within a limit of bytes.

What is dropped here was not acknowledged, so it comes again. Rounds take what waits, the oldest
first; when more waits than one round takes, another may take it beside the first.
"""

import asyncio

from milepost_collector.ingest.arrival import Message

MAX_BYTES = 64 * 1024 * 1024

# A round: little enough that its messages are answered soon, enough that a transaction is worth it.
ROUND_BYTES = 64 * 1024
ROUND_DEVICES = 5_000


class WaitingRoom:
    """Messages between the broker and the next transaction.

    Attributes:
        dropped: Messages that gave way to a newer one or to the limit.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._aside_bytes = 0
        self._messages: dict[str, Message] = {}
        self._aside: dict[str, Message] = {}
        self._some = asyncio.Event()
        self._enough = asyncio.Event()

    @property
    def holds_enough(self) -> bool:
        """Whether more than a round's bytes wait."""
        return self._enough.is_set()

    def put(self, message: Message) -> None:
        """Let a message wait in the place of an older one of its device."""
        device = message.address.device
        is_aside = device in self._aside
        room = self._aside if is_aside else self._messages
        older = room.get(device)
        size = len(message.payload) - (0 if older is None else len(older.payload))
        if self._bytes + self._aside_bytes + size > self._max_bytes:
            self.dropped += 1
            return
        self.dropped += older is not None
        room[device] = message
        if is_aside:
            self._aside_bytes += size
        else:
            self._bytes += size
        self._tell()

    def put_back(self, messages: list[Message]) -> None:
        """Let messages wait again, except where a newer one has come."""
        for message in messages:
            device = message.address.device
            if device not in self._messages and device not in self._aside:
                self.put(message)

    def put_aside(self, messages: list[Message]) -> None:
        """Let messages, or newer ones of their devices, wait; none is taken before `bring_back`."""
        for message in messages:
            device = message.address.device
            if device not in self._aside:
                newer = self._messages.pop(device, None)
                self._bytes -= 0 if newer is None else len(newer.payload)
                self.dropped += newer is not None
                self._aside[device] = newer or message
                self._aside_bytes += len(self._aside[device].payload)
        self._tell()

    def bring_back(self) -> None:
        """Let what was put aside be taken again."""
        self._messages |= self._aside
        self._aside.clear()
        self._bytes += self._aside_bytes
        self._aside_bytes = 0
        self._tell()

    async def some(self) -> None:
        """Wait until a message waits."""
        await self._some.wait()

    async def enough(self) -> None:
        """Wait until more than a round's bytes wait."""
        await self._enough.wait()

    def take(self, max_devices: int = ROUND_DEVICES, max_bytes: int = ROUND_BYTES) -> list[Message]:
        """Take the messages of a round, those that wait longest first; none where none waits.

        Args:
            max_devices: How many at the most.
            max_bytes: Their payloads together, unless the first alone has more.
        """
        taken: list[Message] = []
        size = 0
        for message in self._messages.values():
            size += len(message.payload)
            if len(taken) == max_devices or (taken and size > max_bytes):
                break
            taken.append(message)
        for message in taken:
            del self._messages[message.address.device]
            self._bytes -= len(message.payload)
        self._tell()
        return taken

    def _tell(self) -> None:
        """Let those who wait know what waits for them."""
        if self._messages:
            self._some.set()
        else:
            self._some.clear()
        if self._bytes > ROUND_BYTES:
            self._enough.set()
        else:
            self._enough.clear()
