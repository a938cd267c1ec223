"""The receiver: bytes from a serial device or a TCP socket, through unplugging and replugging.

Out flow bytes as they come. The link is opened again when it breaks; a broken link is told once.
"""

import logging

import serial

_log = logging.getLogger(__name__)

REOPEN_S = 1.0
_READ_BYTES = 65_536


class ReceiverError(Exception):
    """The port cannot be opened; the message names it and the cause."""


class Receiver:
    """An open port, or one that is about to be opened again.

    Args:
        port: A serial device, or `socket://host:port`.
        baud: Bits a second.
    """

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self._baud = baud
        self._serial: serial.SerialBase | None = None
        self._reopen_at_s = 0.0
        self._told = False

    @property
    def is_open(self) -> bool:
        """Whether bytes can come."""
        return self._serial is not None

    def open(self) -> None:
        """Open the port.

        Raises:
            ReceiverError: It cannot be opened.
        """
        try:
            self._serial = serial.serial_for_url(self.port, self._baud, timeout=0)
        except (serial.SerialException, OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or str(error)
            raise ReceiverError(f"receiver port {self.port}: {cause}") from None
        self._told = False

    def fileno(self) -> int | None:
        """Return what to wait on for bytes; None while the port is closed."""
        return None if self._serial is None else int(self._serial.fileno())

    def reopen_at_s(self) -> float | None:
        """When to call `read` again although there is nothing to wait on; None while open."""
        return None if self.is_open else self._reopen_at_s

    def read(self, now_s: float) -> bytes:
        """Return what has come, without waiting; opens a closed port when it is time.

        Args:
            now_s: Monotonic seconds.
        """
        if self._serial is None:
            self._try_open(now_s)
            return b""
        try:
            data = bytes(self._serial.read(_READ_BYTES))
        except (serial.SerialException, OSError) as error:
            self._lose(now_s, str(error))
            return b""
        return data

    def close(self) -> None:
        """Close the port."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    def _try_open(self, now_s: float) -> None:
        if now_s < self._reopen_at_s:
            return
        try:
            self.open()
            _log.info("The receiver is back. port=%s", self.port)
        except ReceiverError as error:
            self._lose(now_s, str(error))

    def _lose(self, now_s: float, cause: str) -> None:
        if not self._told:
            _log.warning("The receiver is gone; trying again. port=%s cause=%s", self.port, cause)
            self._told = True
        self.close()
        self._reopen_at_s = now_s + REOPEN_S
