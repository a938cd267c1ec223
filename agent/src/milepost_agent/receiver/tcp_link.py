"""TCP: serial-to-network boxes, simulators, and gpsd.

Names are resolved and connections made in a thread of their own, because both may wait: for the
network of a van that stands in a garage, for minutes.
"""

import socket
import threading

from milepost_agent.receiver.link import LinkError, ReceiverState

_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 65_536


class TcpSource:
    """Connects to a server.

    Args:
        host: Name or address.
        port: 1 to 65,535.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._attempt: _Attempt | None = None

    def open(self, baud: int) -> "TcpLink | None":
        """Connect; see `Source`."""
        attempt = self._attempt
        if attempt is None:
            attempt = self._attempt = _Attempt(self._host, self._port)
            attempt.start()
        if attempt.is_alive():
            return None
        self._attempt = None
        connection = attempt.take()
        shown = f"[{self._host}]" if ":" in self._host else self._host
        name = f"{shown}:{self._port}"
        if connection is None:
            raise LinkError(ReceiverState.GONE, f"{name}: {attempt.cause}")
        return TcpLink(connection, name)

    def next(self) -> bool:
        """There is one server of a name."""
        return False

    def close(self) -> None:
        """Give up what is being connected."""
        if self._attempt is not None:
            self._attempt.abandon()
            self._attempt = None


class _Attempt(threading.Thread):
    """One try to connect: over when the thread is.

    Attributes:
        cause: Why there is no connection.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name=f"connect {host}:{port}", daemon=True)
        self.cause = "the attempt ended without a word"
        self._address = (host, port)
        self._lock = threading.Lock()
        self._abandoned = False
        self._connection: socket.socket | None = None

    def run(self) -> None:
        """Connect, unless nobody waits for it any more."""
        try:
            connection = socket.create_connection(self._address, timeout=_CONNECT_TIMEOUT_S)
        except OSError as error:
            self.cause = error.strerror or str(error)
            return
        connection.setblocking(False)
        with self._lock:
            if self._abandoned:
                connection.close()
            else:
                self._connection = connection

    def take(self) -> socket.socket | None:
        """Return the connection, which is the caller's from now on; None: there is none."""
        with self._lock:
            connection, self._connection = self._connection, None
            return connection

    def abandon(self) -> None:
        """Close the connection as soon as there is one."""
        with self._lock:
            self._abandoned = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class TcpLink:
    """An open connection.

    Args:
        connection: Not waiting.
        name: Of the server, for people.
    """

    def __init__(self, connection: socket.socket, name: str) -> None:
        self.name = name
        self._connection = connection

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._connection.fileno()

    def read(self) -> bytes:
        """Return what has come; see `Link`."""
        try:
            data = self._connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkError(ReceiverState.GONE, f"{self.name}: {error.strerror}") from None
        if not data:
            raise LinkError(ReceiverState.GONE, f"{self.name} has closed the connection")
        return data

    def write(self, data: bytes) -> None:
        """Send a few bytes, which fit into the empty buffer of the socket; see `Link`."""
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise LinkError(ReceiverState.GONE, f"{self.name}: {error.strerror}") from None

    def set_baud(self, baud: int) -> None:
        """Do nothing: a connection has no rate."""

    def is_renamed(self) -> bool:
        """A connection stays what it is."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
