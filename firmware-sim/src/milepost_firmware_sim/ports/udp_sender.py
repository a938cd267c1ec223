"""Datagrams as the receiver's port, as modems and gateways send positions to a server.

Each line is a datagram of its own. Nobody tells whether one arrived: what the system takes counts
as sent, and what it refuses, because nobody listens on this machine, as dropped.
"""

import re
import socket

from milepost_firmware_sim.ports.port import PortError

# Fits one Ethernet frame, with headers of IPv6 and UDP.
_MOST_BYTES = 1452
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class UdpSender:
    """A sender of datagrams; see `Port`. It is always attached."""

    def __init__(self, host: str, port: int) -> None:
        self.attachable = False
        self.sent_bytes = 0
        self.dropped_bytes = 0
        self._plugged = True
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_DGRAM
            )[0]
            self._line = socket.socket(family, kind, protocol)
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._line.connect(address)
        except OSError as error:
            raise PortError(f"--udp {host}:{port}: {error.strerror}") from None
        shown = f"[{host}]" if ":" in host else host
        self.address = f"udp://{shown}:{port}"

    def attached(self) -> bool:
        """Say that it is always worth sending."""
        return self._plugged

    def offer(self, data: bytes) -> None:
        """Send all lines, each in a datagram; blocking for a moment where the system is full."""
        for line in _LINE.findall(data):
            for begin in range(0, len(line), _MOST_BYTES):
                self._send(line[begin : begin + _MOST_BYTES])

    def pump(self) -> bool:
        """Say that all is gone."""
        return True

    def watch(self) -> list[tuple[int, int]]:
        """Return nothing: nobody answers."""
        return []

    def drained(self) -> bool:
        """Say that all is gone."""
        return True

    def unplug(self) -> None:
        """Send nothing more."""
        self._plugged = False

    def plug(self, _name: str | None) -> None:
        """Send again."""
        self._plugged = True

    def close(self) -> None:
        """Close the socket."""
        self._line.close()

    def _send(self, datagram: bytes) -> None:
        if not self._plugged:
            self.dropped_bytes += len(datagram)
            return
        try:
            self._line.send(datagram)
        except OSError:  # refused before, no way there, no room: a datagram may get lost
            self.dropped_bytes += len(datagram)
        else:
            self.sent_bytes += len(datagram)
