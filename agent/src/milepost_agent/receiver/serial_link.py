"""Serial devices: held by us alone, named by a path, a link that moves, or a pattern of paths."""

import errno
import glob
import os
import stat
import termios

import serial

from milepost_agent.receiver.address import ReceiverError
from milepost_agent.receiver.link import LinkError, RateError, ReceiverState

_CHUNK_BYTES = 4096
_MOST_CHUNKS = 16

_STATES = {
    errno.EACCES: ReceiverState.NO_PERMISSION,
    errno.EPERM: ReceiverState.NO_PERMISSION,
    errno.EBUSY: ReceiverState.BUSY,
    errno.EAGAIN: ReceiverState.BUSY,
}
_SAID = {
    ReceiverState.NO_PERMISSION: "this user may not open it; the group dialout may",
    ReceiverState.BUSY: "another program has it open",
}
_NO_TERMINAL = "it is not a serial device"

# Of which pyserial makes ValueError or, unchanged, termios.error: the rate is not to be had.
_RATE_FAILURES = (ValueError, termios.error)
_FAILURES = (OSError, *_RATE_FAILURES)


class SerialSource:
    """Opens serial devices.

    Args:
        pattern: A path, or a pattern of paths as the shell has them.

    Raises:
        ReceiverError: There is something of this name that is no serial device.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._is_pattern = glob.has_magic(pattern)
        self._avoided = ""
        if not self._is_pattern:
            _check(pattern)

    def open(self, baud: int) -> "SerialLink":
        """Open the first device that can be opened; see `Source`."""
        errors = []
        for path in self._paths():
            try:
                return SerialLink(path, baud)
            except LinkError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        raise LinkError(ReceiverState.GONE, f"no device is named {self._pattern}")

    def next(self) -> bool:
        """Prefer the device after the one that was open; see `Source`."""
        paths = self._paths()
        self._avoided = paths[0] if paths else ""
        return len(paths) > 1

    def close(self) -> None:
        """Do nothing: a device opens at once or not."""

    def _paths(self) -> list[str]:
        if not self._is_pattern:
            return [self._pattern]
        paths = sorted(glob.glob(self._pattern))  # noqa: PTH207 - it may be absolute
        return sorted(paths, key=lambda path: path <= self._avoided)


class SerialLink:
    """An open serial device.

    Args:
        path: Its name.
        baud: Bits a second.

    Raises:
        LinkError: It cannot be opened.
    """

    def __init__(self, path: str, baud: int) -> None:
        self.name = path
        try:
            self._port = serial.Serial(path, baud, timeout=0, exclusive=True)
        except _RATE_FAILURES:
            raise _rate_error(path, baud) from None
        except OSError as error:
            raise _link_error(path, error) from None

    def fileno(self) -> int:
        """Return the descriptor of the device."""
        return int(self._port.fileno())

    def read(self) -> bytes:
        """Return what has come; see `Link`."""
        chunks: list[bytes] = []
        try:
            while len(chunks) < _MOST_CHUNKS and (chunk := self._port.read(_CHUNK_BYTES)):
                chunks.append(chunk)
        except _FAILURES:
            if not chunks:
                reason = f"{self.name} was unplugged, or broke"
                raise LinkError(ReceiverState.GONE, reason) from None
        return b"".join(chunks)

    def write(self, data: bytes) -> None:
        """Do nothing: a receiver on a serial line is only listened to."""

    def set_baud(self, baud: int) -> None:
        """Change the rate; what came at the old one stays to be read; see `Link`."""
        try:
            self._port.baudrate = baud
        except _RATE_FAILURES:
            raise _rate_error(self.name, baud) from None
        except OSError as error:
            raise _link_error(self.name, error) from None

    def is_renamed(self) -> bool:
        """Return whether the path means another device by now, or none."""
        try:
            return os.stat(self.name).st_rdev != os.fstat(self.fileno()).st_rdev  # noqa: PTH116
        except OSError:
            return True

    def close(self) -> None:
        """Close the device."""
        try:
            self._port.close()
        except _FAILURES:
            return  # it was unplugged; its descriptor is closed all the same


def _check(path: str) -> None:
    """Refuse what can never be a receiver; what is absent may come."""
    try:
        if stat.S_ISCHR(os.stat(path).st_mode):  # noqa: PTH116 - beside os.open
            descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            is_terminal = os.isatty(descriptor)
            os.close(descriptor)
        else:
            is_terminal = False
    except OSError:
        return
    if not is_terminal:
        raise ReceiverError(f"receiver port {path}: {_NO_TERMINAL}")


def _rate_error(path: str, baud: int) -> RateError:
    return RateError(ReceiverState.GONE, f"{path} does not have {baud} baud")


def _link_error(path: str, error: Exception) -> LinkError:
    number = getattr(error, "errno", None)
    state = _STATES.get(number, ReceiverState.GONE)  # type: ignore[arg-type]
    cause = _SAID.get(state) or (os.strerror(number) if number else str(error))
    return LinkError(state, f"{path}: {cause}")
