"""A pseudo-terminal as the receiver's port: raw, so that bytes pass as they are.

The slave side stays closed here, so that the kernel tells (POLLHUP) whether a reader has it open.
It is opened for moments only: for the settings, to see what the reader has not taken yet, and to
empty what a killed reader left, which a real port would not have kept either.
"""

import errno
import fcntl
import os
import select
import struct
import termios
import tty
from pathlib import Path

from milepost_firmware_sim.faults.uart import heard
from milepost_firmware_sim.ports.port import PortError

_READ_BYTES = 4096


_RATES = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit()
}
BAUDS = sorted(rate for rate in _RATES.values() if rate)
_CONSTANTS = {rate: constant for constant, rate in _RATES.items()}
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5


class PseudoTerminal:
    """A pseudo-terminal whose reader comes and goes; see `Port`.

    Attributes:
        link: A symbolic link to it at a path of the caller's choice, or None. An old link is
            replaced; ours is removed at the end.
        baud: The rate of the line: a reader that sets another one sees what its port would make of
            the bytes. None: the rate does not matter, as on USB.
    """

    def __init__(self, link: Path | None = None, baud: int | None = None) -> None:
        self.attachable = True
        self.sent_bytes = 0
        self.dropped_bytes = 0
        self.link = link
        self.baud = baud
        self.address = ""
        self._pending = memoryview(b"")
        self._was_attached = False
        self._master: int | None = None
        self.plug(None)

    def plug(self, name: str | None) -> None:
        """Open a new pair of terminals and link to it, under a new name in the same folder."""
        self._master, slave = os.openpty()
        try:
            tty.setraw(slave)
            if self.baud is not None:
                settings = termios.tcgetattr(slave)
                settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = _CONSTANTS[self.baud]
                termios.tcsetattr(slave, termios.TCSANOW, settings)
            self.address = os.ttyname(slave)
        finally:
            # Also makes POLLHUP appear: it is not set before the slave was closed once.
            os.close(slave)
        os.set_blocking(self._master, False)
        if self.link is not None:
            if name is not None:
                self.link = self.link.with_name(name)
            try:
                _place_link(self.link, self.address)
            except PortError:
                os.close(self._master)
                raise

    def unplug(self) -> None:
        """Close the terminal and remove our link, if it is still ours."""
        self.pump()
        if self._master is None:
            return
        link = self.link
        if link is not None and link.is_symlink() and str(link.readlink()) == self.address:
            link.unlink()
        os.close(self._master)
        self._master = None
        self._was_attached = False

    def attached(self) -> bool:
        """Say whether a reader has the slave open."""
        if self._master is None:
            return False
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def offer(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self.baud is not None and self._master is not None:
            rate = _RATES.get(termios.tcgetattr(self._master)[_OUTPUT_SPEED], 0)
            data = heard(data, self.baud, rate or self.baud)
        self._pending = memoryview(data)

    def pump(self) -> bool:
        """Pass on what the terminal takes now; without a reader drop all."""
        attached = self.attached()
        if self._was_attached and not attached:
            left = self._empty()
            self.sent_bytes -= left
            self.dropped_bytes += left
        self._was_attached = attached
        if self._master is None or not attached:
            self.dropped_bytes += len(self._pending)
            self._pending = memoryview(b"")
            return True
        self._ignore_input()
        while self._pending:
            try:
                taken = os.write(self._master, self._pending)
            except BlockingIOError:
                return False
            self.sent_bytes += taken
            self._pending = self._pending[taken:]
        return True

    def watch(self) -> list[tuple[int, int]]:
        """Return the master, unless nobody is attached: then it would report that all the time."""
        if self._master is None or not self._was_attached:
            return []
        wanted = select.POLLIN | (select.POLLOUT if self._pending else 0)
        return [(self._master, wanted)]

    def drained(self) -> bool:
        """Say whether the reader's queue is empty, or no reader is there."""
        if not self.attached():
            return True
        self._ignore_input()
        slave = self._open_slave()
        if slave is None:
            return False
        try:
            return _queued_bytes(slave) == 0
        finally:
            os.close(slave)

    def close(self) -> None:
        """Close the terminal and remove our link, if it is still ours."""
        self.unplug()

    def _ignore_input(self) -> None:
        """Read away what the reader sends to the receiver (settings), so that it never blocks."""
        if self._master is None:
            return
        try:
            while len(os.read(self._master, _READ_BYTES)) == _READ_BYTES:
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.EIO:  # the reader left in between
                raise

    def _empty(self) -> int:
        """Throw away what the reader left in its queue; return how many bytes."""
        slave = self._open_slave()
        if slave is None:
            return 0
        try:
            left = _queued_bytes(slave)
            termios.tcflush(slave, termios.TCIFLUSH)
            return left
        finally:
            os.close(slave)

    def _open_slave(self) -> int | None:
        try:
            return os.open(self.address, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.EBUSY, errno.EIO):  # a reader holds it for itself alone
                return None
            raise


def _queued_bytes(slave: int) -> int:
    answer = fcntl.ioctl(slave, termios.FIONREAD, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def _place_link(link: Path, target: str) -> None:
    if link.exists() and not link.is_symlink():
        raise PortError(f"--link {link}: exists and is not a symbolic link")
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        fresh.symlink_to(target)
        fresh.replace(link)
    except OSError as error:
        raise PortError(f"--link {link}: {error.strerror}") from None
