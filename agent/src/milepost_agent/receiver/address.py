"""The port as it is configured: which kind of link it names, and whether it can ever be one."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

GPSD_PORT = 2947

# pyserial's name for a TCP link, which other programs print, stands beside our own.
_TCP_SCHEMES = ("tcp", "socket")


class ReceiverError(ValueError):
    """The port can never be a receiver's; the message names it and the cause."""


@dataclass(frozen=True, slots=True)
class SerialAddress:
    """A serial device.

    Attributes:
        pattern: Its path, or a pattern of paths (`/dev/ttyUSB*`) of which the first that speaks is
            meant.
    """

    pattern: str


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A TCP server.

    Attributes:
        host: Name or address.
        port: 1 to 65,535.
        is_gpsd: It speaks the protocol of gpsd; False: what it speaks is found by listening.
        device: Of which of gpsd's devices is asked; empty: of all.
    """

    host: str
    port: int
    is_gpsd: bool = False
    device: str = ""


def parse_port(text: str) -> SerialAddress | SocketAddress:
    """Read a port: a path or a pattern, `tcp://host:port`, or `gpsd://host[:port][/dev/name]`.

    Raises:
        ReceiverError: It is none of them.
    """
    if not text or "\0" in text:
        raise ReceiverError(f"receiver port {text!r}: neither a path nor an address")
    if "://" not in text:
        return SerialAddress(text)
    try:
        parts = urlsplit(text)
        host, port = _host_of(parts), parts.port
    except ValueError as error:  # also of UnicodeError, for names that no resolver takes
        raise ReceiverError(f"receiver port {text}: {error}") from None
    is_gpsd = parts.scheme == "gpsd"
    if not is_gpsd and parts.scheme not in _TCP_SCHEMES:
        raise ReceiverError(
            f"receiver port {text}: {parts.scheme}:// is not known; known: tcp, gpsd"
        )
    port = GPSD_PORT if is_gpsd and port is None else port
    if not host or not port or parts.query or parts.fragment or (parts.path and not is_gpsd):
        form = "gpsd://host[:port][/dev/name]" if is_gpsd else "tcp://host:port"
        raise ReceiverError(f"receiver port {text}: not {form}")
    return SocketAddress(host, port, is_gpsd, parts.path if parts.path != "/" else "")


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host.encode("idna")
    return "" if parts.username is not None else host
