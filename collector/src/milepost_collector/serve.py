"""`serve`: the whole server on one machine, from one command.

Starts the embedded database and broker where none is configured, brings the database up to date,
then keeps two programs running: `ingest` and `web`, so that a thousand browsers never slow a van.
What ends by itself is started again; what this process started never outlives it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from milepost_collector.backoff import Backoff
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.definitions_file import put_in_force, read_fences, read_rules
from milepost_collector.embedded import EmbeddedBroker, EmbeddedError, EmbeddedPostgres
from milepost_collector.embedded.account import Account
from milepost_collector.store.migrate import migrate

_log = structlog.get_logger(__name__)

READY_S = 60.0
STOP_S = 15.0
_LOOK_S = 0.2
_STEADY_S = 60.0
_EXIT_WRONG = 2


class ServeError(Exception):
    """The server cannot start; the message says which part and why."""


@dataclass(slots=True)
class _Program:
    """One of our own programs, kept running."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    pass_fds: tuple[int, ...] = ()
    backoff: Backoff = field(default_factory=lambda: Backoff(1.0, 30.0))
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    again_at_s: float = 0.0

    def start(self, now_s: float) -> None:
        command = [sys.executable, "-m", "milepost_collector", *self.arguments]
        self.process = subprocess.Popen(
            Account(os.geteuid(), os.getegid()).command(command, signal.SIGTERM),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=self.pass_fds,
            start_new_session=True,
        )
        self.started_s = now_s

    def wait_ready(self, timeout_s: float) -> None:
        """Wait for the line that it writes when its links are up."""
        assert self.process is not None  # noqa: S101 - started before
        assert self.process.stdout is not None  # noqa: S101 - a pipe
        readable, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        if not readable:
            raise ServeError(f"{self.name} is not ready after {timeout_s:g} s")
        if not self.process.stdout.readline():
            raise ServeError(f"{self.name} ended with {self.process.wait()} at its start")

    def look(self, now_s: float) -> None:
        """Start it again when it has ended and its time has come."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.process = None
            if now_s - self.started_s > _STEADY_S:
                self.backoff.succeeded()
            wait_s = self.backoff.failed()
            self.again_at_s = now_s + wait_s
            _log.error("A program ended; starting it again.", name=self.name, code=code)
        if now_s >= self.again_at_s:
            self.start(now_s)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(config: CollectorConfig, config_path: Path | None) -> None:
    """Run until SIGTERM or SIGINT; print one JSON line with the addresses once all are ready.

    Raises:
        ServeError, EmbeddedError: A part cannot start.
        MigrationError: The database cannot be brought up to date.
        FenceError, RulesError: The fence file or the rule file cannot be used.
        OperationalError: A configured database cannot be reached.
    """
    clock = Clock()
    fences = read_fences(config.fences.file) if config.fences.file else None
    rules = read_rules(config.rules.file) if config.rules.file else None
    stopping = _stop_flag()
    with ExitStack() as stack:
        servers = _Servers(config, stack)
        dsn = servers.dsn
        migrate(dsn)
        if fences is not None or rules is not None:
            put_in_force(dsn, clock, fences=fences, rules=rules)
        listener = stack.enter_context(_listener(config.web.host, config.web.port))
        programs = _programs(servers, config_path, listener.fileno())
        for program in programs:
            program.start(clock.monotonic_s())
            stack.callback(program.stop)
        for program in programs:
            program.wait_ready(READY_S)
        host, port = listener.getsockname()[:2]
        _tell({"web": f"http://{host}:{port}", "broker": list(servers.broker), "dsn": dsn})
        while not stopping.wait(_LOOK_S):
            servers.look()
            for program in programs:
                program.look(clock.monotonic_s())


def _programs(servers: "_Servers", config_path: Path | None, fd: int) -> list[_Program]:
    environment = os.environ | {
        "MILEPOST_DATABASE__DSN": servers.dsn,
        "MILEPOST_BROKER__HOST": servers.broker[0],
        "MILEPOST_BROKER__PORT": str(servers.broker[1]),
    }
    chosen = ["--config", str(config_path)] if config_path else []
    return [
        _Program("ingest", ["ingest", *chosen], environment),
        _Program("web", ["web", *chosen, "--fd", str(fd)], environment, (fd,)),
    ]


class _Servers:
    """The database and the broker: configured ones, or embedded ones kept running."""

    def __init__(self, config: CollectorConfig, stack: ExitStack) -> None:
        self._embedded: list[EmbeddedPostgres | EmbeddedBroker] = []
        folder = config.embedded.folder
        self.dsn = config.database.dsn
        if not self.dsn:
            postgres = EmbeddedPostgres(folder / "postgres")
            stack.callback(postgres.stop)
            self.dsn = postgres.start()
            self._embedded.append(postgres)
        self.broker = (config.broker.host, config.broker.port)
        if not config.broker.host:
            broker = EmbeddedBroker(folder / "broker", kind=_kind(config.embedded.broker))
            stack.callback(broker.stop)
            address = broker.start()
            self.broker = (address.host, address.port)
            self._embedded.append(broker)

    def look(self) -> None:
        """Start again what has ended by itself."""
        for server in self._embedded:
            if server.pid is None:
                _log.error("An embedded server ended; starting it again.", name=type(server))
                try:
                    server.start()
                except EmbeddedError as error:
                    _log.error("An embedded server does not start.", cause=str(error))


def _kind(name: str) -> Any:
    return name or None


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise ServeError(f"[web] cannot listen on {host}:{port}: {error.strerror}") from None


def _tell(addresses: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()


class _stop_flag:  # noqa: N801 - reads as a value
    """Set by SIGTERM or SIGINT; waiting for it ends at once."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._stopped = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopped = True

    def wait(self, timeout_s: float) -> bool:
        """Wait for at most `timeout_s`; say whether it is set."""
        if not self._stopped:
            select.select([self._read], [], [], timeout_s)
        return self._stopped
