"""An MQTT broker of our own: one folder in, a host and a port out.

The folder holds `data`, the configuration, the log and `lock`.

The port is found by binding port 0, and stays for the life of the object: agents connect to it
again after a restart. We keep a socket bound to it, never listening. The kernel then gives the port
to no outgoing connection while the broker is down (a client that tries again and again would in the
end connect to itself), clients are refused as they should be, and the broker may still listen,
because both sides set SO_REUSEADDR (Linux).
"""

import os
import shutil
import signal
import socket
import weakref
from pathlib import Path
from typing import Self

from milepost_collector.embedded.account import choose_account
from milepost_collector.embedded.broker_kind import Address, KindName, find_broker
from milepost_collector.embedded.child import Child, Premises, start_log
from milepost_collector.embedded.errors import EmbeddedError
from milepost_collector.embedded.folder_lock import FolderLock, make_folder
from milepost_collector.embedded.mqtt_probe import answers_connect

_HOST = "127.0.0.1"
_PORTS_TO_TRY = 5
_PROBE_S = 2.0


class EmbeddedBroker:
    """An MQTT 3.1.1 broker in a folder, open to this machine only, without passwords.

    Args:
        folder: Everything it keeps; made when missing.
        kind: "mosquitto" or "nats"; when None mosquitto where it is installed, else nats.
        persistent: Keep sessions and messages over a restart; else every start begins empty.
            mosquitto writes them every 30 s and at a stop, nats always.
        start_timeout_s: How long a start may take.
        stop_timeout_s: How long a stop may take before SIGKILL.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: KindName | None = None,
        persistent: bool = False,
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 10.0,
    ) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._kind = kind
        self._persistent = persistent
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._lock = FolderLock(self._folder)
        self._address: Address | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The broker's process id, None when it does not run."""
        return self._child.pid if self._child is not None and self._child.alive() else None

    @property
    def address(self) -> Address:
        """Where it listens, the same from the first start on.

        Raises:
            EmbeddedError: It was never started.
        """
        if self._address is None:
            raise EmbeddedError(f"the broker in {self._folder} was never started")
        return self._address

    def start(self) -> Address:
        """Start the broker and wait until it answers an MQTT CONNECT.

        Call it on the main thread: the broker ends when the thread that started it ends. Does
        nothing when the broker runs.

        Raises:
            EmbeddedError: No program, folder in use or not ours, the broker fails; the log's last
                lines are in the text.
        """
        if self.pid is not None:
            return self.address
        self._lock.release()  # of a broker that has died
        make_folder(self._folder)
        lock_fd = self._lock.acquire()
        try:
            self._address = self._launch_on_free_port(lock_fd)
        except OSError as error:
            self.kill()
            raise EmbeddedError(f"cannot start in {self._folder}: {error}") from error
        except BaseException:
            self.kill()
            raise
        return self._address

    def stop(self) -> None:
        """Stop the broker in good order, with SIGKILL when that takes too long."""
        if self._child is not None:
            self._child.end([(signal.SIGTERM, self._stop_timeout_s)])
            self._child = None
        self._lock.release()

    def kill(self) -> None:
        """Kill the broker with SIGKILL and wait until it is gone."""
        self._end_child()
        self._lock.release()

    def wipe(self) -> None:
        """Forget all sessions and messages.

        Raises:
            EmbeddedError: The broker runs, or the folder is in use.
        """
        if self.pid is not None:
            raise EmbeddedError(f"the broker in {self._folder} runs as {self.pid}: stop it first")
        self._lock.release()
        make_folder(self._folder)
        self._lock.acquire()
        try:
            self._empty_data()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch_on_free_port(self, lock_fd: int) -> Address:
        if self._address is not None:
            self._launch(self._address, lock_fd)
            return self._address
        for tries_left in reversed(range(_PORTS_TO_TRY)):
            reserved, address = _reserve_port()
            try:
                self._launch(address, lock_fd)
            except EmbeddedError as error:
                os.close(reserved)
                self._end_child()
                if tries_left == 0 or "address already in use" not in str(error).lower():
                    raise
            else:
                weakref.finalize(self, os.close, reserved)
                return address
        raise AssertionError  # the last try returns or raises

    def _launch(self, address: Address, lock_fd: int) -> None:
        kind, program = find_broker(self._kind)
        if not self._persistent:
            self._empty_data()
        account = choose_account(self._folder, self._data, program)
        premises = Premises(self._folder / f"{kind.name}.log", account, lock_fd)
        start_log(premises.log)
        account.give_folder(self._data)
        config = self._folder / f"{kind.name}.conf"
        config.unlink(missing_ok=True)
        with config.open("x") as file:
            file.write(kind.config(address, self._data, self._persistent))
            os.fchmod(file.fileno(), 0o644)  # another user reads it; it holds no secret
        command = [str(program), "-c", str(config)]
        child = self._child = Child(premises, command, death_signal=signal.SIGTERM)
        child.wait_ready(
            lambda: answers_connect(address.host, address.port, timeout_s=_PROBE_S),
            timeout_s=self._start_timeout_s,
        )

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _empty_data(self) -> None:
        if self._data.exists():
            shutil.rmtree(self._data)


def _reserve_port() -> tuple[int, Address]:
    """Return an open socket bound to a free port and never listening, and the port's address."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((_HOST, 0))
        address = Address(_HOST, reserved.getsockname()[1])
        return reserved.detach(), address
