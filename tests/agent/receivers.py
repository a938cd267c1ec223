"""Receivers for tests: a pseudo-terminal, a TCP server, a UART, and a loop that reads them."""

import os
import select
import socket
import time
import tty
from bisect import bisect_right
from collections.abc import Callable
from datetime import date

from milepost_agent.receiver import Receiver
from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.epoch import MadeFix
from tests.agent.line import gga, rmc, sentence

DAY = date(2026, 1, 1)


def instants(first: int, count: int = 1) -> bytes:
    """Return what a receiver says in so many seconds after noon: RMC and GGA in each."""
    times = [f"12{second // 60:02}{second % 60:02}.00" for second in range(first, first + count)]
    return b"".join(sentence(rmc(time)) + sentence(gga(time)) for time in times)


def receiver_at(port: str, baud: int = 0) -> Receiver:
    """Return a receiver whose dates are as it says them."""
    return Receiver(port, baud, RecordedDating())


class Plug:
    """A pseudo-terminal with a receiver in it.

    The slave side is closed here, as a device has nobody else who holds it open.
    """

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)

    def say(self, data: bytes) -> None:
        """Send bytes; what the terminal does not take is an error."""
        assert os.write(self.master, data) == len(data)

    def pull(self) -> None:
        """Unplug it."""
        os.close(self.master)


class TcpPlug:
    """A TCP server with a receiver in it, for one client at a time."""

    def __init__(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(60.0)
        self.port = int(self._server.getsockname()[1])
        self._client: socket.socket | None = None

    def accept(self) -> socket.socket:
        """Wait for a client; the one before is closed."""
        self.hang_up()
        self._client, _ = self._server.accept()
        return self._client

    def say(self, data: bytes) -> None:
        """Send bytes."""
        assert self._client is not None
        self._client.sendall(data)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def pull(self) -> None:
        """Close the server too."""
        self.hang_up()
        self._server.close()


class Reading:
    """Reads a receiver as the unit's loop does.

    Attributes:
        fixes: All that it made.
        waits: How often the loop waited.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.fixes: list[MadeFix] = []
        self.waits = 0

    def until(self, condition: Callable[[], bool], within_s: float) -> float:
        """Read until a condition holds; return how long that took, or fail."""
        begin_s = time.monotonic()
        while not condition():
            now_s = time.monotonic()
            assert now_s - begin_s < within_s, (
                f"after {within_s} s: {self.receiver.state} ({self.receiver.reason}), "
                f"{len(self.fixes)} fixes"
            )
            fd = self.receiver.fileno()
            wait_s = min(self.receiver.due_s(), now_s + 0.1) - now_s
            select.select([] if fd is None else [fd], [], [], max(0.0, wait_s))
            self.waits += 1
            self.fixes += self.receiver.read(time.monotonic())
        return time.monotonic() - begin_s


class Uart:
    """A serial device whose other end sends at a rate of its own.

    It takes the place of `serial.Serial`, because a pseudo-terminal has no rate: any fits. What is
    read is what a UART makes of the line: it waits for a falling edge, samples ten bits in their
    middles at its own rate, and gives 0 for a byte without a stop bit (termios(3): neither IGNPAR
    nor PARMRK). Time is the test's.

    Attributes:
        now_s: The time of the test.
        rates: The rates that were set, in order.
        missing: A rate that the device does not have.
    """

    def __init__(self, missing: int = 0) -> None:
        self.now_s = 0.0
        self.rates: list[int] = []
        self.missing = missing
        self._sent_baud: list[int] = []
        self._sent_s: list[float] = []
        self._sent: list[int] = []
        self._read_to_s = 0.0
        self._baud = 9600

    def send(self, data: bytes, baud: int, at_s: float) -> None:
        """Put bytes on the line, one after the other."""
        for index, byte in enumerate(data):
            self._sent_s.append(at_s + index * 10 / baud)
            self._sent.append(byte)
            self._sent_baud.append(baud)

    def __call__(self, path: str, baud: int, *, timeout: float, exclusive: bool) -> "Uart":
        """Open the device as `serial.Serial` is opened."""
        assert (timeout, exclusive) == (0, True)
        self._read_to_s = self.now_s
        self.baudrate = baud
        return self

    @property
    def baudrate(self) -> int:
        """The rate at which the device listens."""
        return self._baud

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        if baud == self.missing:
            raise ValueError(f"Failed to set custom baud rate ({baud})")
        self.rates.append(baud)
        self._baud = baud

    def fileno(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def read(self, size: int) -> bytes:
        """Return what the device made of the line until now."""
        heard = bytearray()
        bit_s = 1 / self._baud
        while len(heard) < size:
            edge_s = self._edge_s(self._read_to_s)
            end_s = edge_s + 9.5 * bit_s
            if end_s > self.now_s:
                break
            levels = [self._level(edge_s + (bit + 0.5) * bit_s) for bit in range(10)]
            self._read_to_s = end_s
            if levels[0]:
                self._read_to_s = edge_s + bit_s / 2
                continue
            byte = sum(level << bit for bit, level in enumerate(levels[1:9]))
            heard.append(byte if levels[9] else 0)
        return bytes(heard)

    def _frame(self, at_s: float) -> int:
        return bisect_right(self._sent_s, at_s + 1e-9) - 1

    def _level(self, at_s: float) -> int:
        frame = self._frame(at_s)
        if frame < 0:
            return 1
        bit = int((at_s - self._sent_s[frame]) * self._sent_baud[frame] + 1e-6)
        if bit == 0:
            return 0
        return self._sent[frame] >> (bit - 1) & 1 if bit <= 8 else 1

    def _edge_s(self, from_s: float) -> float:
        """Return when the line next falls from 1 to 0."""
        frame = max(self._frame(from_s), 0)
        for at in range(frame, len(self._sent)):
            bit_s = 1 / self._sent_baud[at]
            levels = [0, *(self._sent[at] >> bit & 1 for bit in range(8)), 1]
            before = 1
            for bit, level in enumerate(levels):
                edge_s = self._sent_s[at] + bit * bit_s
                if before and not level and edge_s >= from_s - 1e-9:
                    return edge_s
                before = level
        return float("inf")
