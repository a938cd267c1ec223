"""A listening socket as the receiver's port, as serial-to-network boxes have it.

Every client gets the same stream from the moment it attaches. The slowest client sets the pace of
all: like a serial line with flow control, nothing is lost while a reader is attached.
"""

import fcntl
import select
import socket
import struct
import termios
from dataclasses import dataclass

from milepost_firmware_sim.ports.port import PortError

_READ_BYTES = 4096


@dataclass(slots=True)
class _Client:
    """A reader and the part of the offered bytes that it has not taken."""

    line: socket.socket
    pending: memoryview


class TcpServer:
    """A server whose clients come and go; see `Port`."""

    def __init__(self, host: str, port: int) -> None:
        self.attachable = True
        self.sent_bytes = 0
        self.dropped_bytes = 0
        self._clients: list[_Client] = []
        self._offered = 0
        self._passed = True
        self._host, self._port = host, port
        self._server: socket.socket | None = None
        self.plug(None)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"socket://{shown}:{self._port}"

    def plug(self, _name: str | None) -> None:
        """Listen, again on the port of before."""
        host, port = self._host, self._port
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._server = socket.create_server((host, port), family=family)
        except (OSError, OverflowError) as error:
            # Python adds the address to the system's words; it stands before them already.
            reason = str(getattr(error, "strerror", error)).partition(" (while")[0]
            raise PortError(f"--tcp {host}:{port}: {reason}") from None
        self._server.setblocking(False)
        self._port = int(self._server.getsockname()[1])

    def unplug(self) -> None:
        """End the server, and all connections in order."""
        self._ignore_input()
        # First the server, so that who sees the end of its line finds nobody to connect to.
        if self._server is not None:
            self._server.close()
            self._server = None
        for client in self._clients:
            client.line.close()
        self._clients.clear()

    def attached(self) -> bool:
        """Say whether a client is connected."""
        self._accept()
        self._ignore_input()
        return bool(self._clients)

    def offer(self, data: bytes) -> None:
        """Take the next bytes of the stream, for the clients that are attached now."""
        self._accept()
        self._offered = len(data)
        self._passed = False
        for client in self._clients:
            client.pending = memoryview(data)

    def pump(self) -> bool:
        """Pass on what the clients take now."""
        self._accept()
        self._ignore_input()
        for client in list(self._clients):
            self._send(client)
        if any(client.pending for client in self._clients):
            return False
        if not self._passed:
            self._passed = True
            if self._clients:
                self.sent_bytes += self._offered
            else:
                self.dropped_bytes += self._offered
        return True

    def watch(self) -> list[tuple[int, int]]:
        """Return the server and all its clients."""
        watched = [] if self._server is None else [(self._server.fileno(), select.POLLIN)]
        for client in self._clients:
            wanted = select.POLLIN | (select.POLLOUT if client.pending else 0)
            watched.append((client.line.fileno(), wanted))
        return watched

    def drained(self) -> bool:
        """Say whether all clients' systems have acknowledged all bytes."""
        self._ignore_input()
        return all(_unsent_bytes(client.line) == 0 for client in self._clients)

    def close(self) -> None:
        """End all connections in order, and the server."""
        self.unplug()

    def _accept(self) -> None:
        while self._server is not None:
            try:
                line, _ = self._server.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            line.setblocking(False)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients.append(_Client(line, memoryview(b"")))

    def _ignore_input(self) -> None:
        """Read away what clients send; end those that left."""
        for client in list(self._clients):
            try:
                while received := client.line.recv(_READ_BYTES):
                    pass
                if not received:
                    self._end(client)
            except BlockingIOError:
                continue
            except OSError:
                self._end(client)

    def _send(self, client: _Client) -> None:
        try:
            while client.pending:
                taken = client.line.send(client.pending)
                client.pending = client.pending[taken:]
        except BlockingIOError:
            pass
        except OSError:
            self._end(client)

    def _end(self, client: _Client) -> None:
        client.line.close()
        self._clients.remove(client)


def _unsent_bytes(line: socket.socket) -> int:
    answer = fcntl.ioctl(line, termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])
