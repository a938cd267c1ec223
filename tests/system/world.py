"""The whole system as real processes that faults can be done to, and the oracle over it.

Agents read pseudo-terminals that the simulator plays a drawn drive into; a real broker, a real
PostgreSQL and the ingest program stand behind them. The oracle compares what the agents' buffers
hold with what the table holds, through the export commands that users have.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from milepost_collector.embedded import EmbeddedBroker, EmbeddedPostgres
from milepost_firmware_sim.demo.account import Comparison, Row, compare, read_buffer, read_table
from milepost_firmware_sim.demo.programs import Programs
from milepost_firmware_sim.demo.vehicle import Vehicle
from milepost_schemas.timescale import ENVIRONMENT_KEY, Timescale
from tests.system.proxy import Proxy

Kind = Literal["mosquitto", "nats"]

# The drive is played so many times as fast, which makes as many fixes a second and vehicle.
FACTOR = 30.0
TICK_S = 0.2
DRAIN_S = 90.0


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for a condition; return the seconds that it took.

    Raises:
        AssertionError: It did not come true in time.
    """
    begin_s = time.monotonic()
    pause = threading.Event()
    while not condition():
        if time.monotonic() > begin_s + timeout_s:
            raise AssertionError(f"{what} did not come true within {timeout_s:g} s")
        pause.wait(0.05)
    return time.monotonic() - begin_s


@dataclass(frozen=True)
class Verdict:
    """What the oracle says at the end."""

    held: int
    lost: int
    duplicates: int
    invented: int
    drained_s: float


class World:
    """Servers and vehicles, up and running inside the `with` block.

    Args:
        folder: A short path for everything.
        vehicles: How many.
        drive_s: How long the drive is, in its own seconds; it takes a `FACTOR`th of that.
        broker: `mosquitto` or `nats`; None for the first at hand.
        settings: More of each agent's configuration, as TOML.

    Attributes:
        line: The agents' line to the broker.
    """

    def __init__(
        self,
        folder: Path,
        *,
        vehicles: int = 2,
        drive_s: float = 1200,
        broker: Kind | None = None,
        settings: str = "",
    ) -> None:
        self.folder = folder
        self.vehicles = [Vehicle(f"van-{number}", folder) for number in range(1, vehicles + 1)]
        self.postgres = EmbeddedPostgres(folder / "pg")
        self.broker = EmbeddedBroker(folder / "mq", kind=broker)
        (folder / "logs").mkdir(parents=True)
        now_s = time.time()  # noqa: TID251 - tests read the true clock
        environment = {ENVIRONMENT_KEY: str(Timescale(now_s, FACTOR))}
        self.programs = Programs(folder / "logs", environment)
        self._minutes = drive_s / 60
        self._settings = settings

    def __enter__(self) -> Self:
        self.postgres.start()
        self.broker.start()
        self.line = Proxy(self.broker.address.host, self.broker.address.port)
        self.line.__enter__()
        self._write_configs()
        config = str(self.folder / "collector.toml")
        self.programs.output("milepost-collector", "migrate", "--config", config)
        self.start_collector()
        self.programs.first_line("ingest", 60)
        self._start_vehicles()
        wait_until(lambda: all(map(_has_fix, self.vehicles)), 60, "a first fix")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.programs.__exit__(kind, error, trace)
        self.line.__exit__(kind, error, trace)
        self.broker.stop()
        self.postgres.stop()

    def start_collector(self) -> None:
        """Start the ingest program (again)."""
        config = str(self.folder / "collector.toml")
        self.programs.start("ingest", "milepost-collector", "ingest", "--config", config)

    def start_agent(self, vehicle: Vehicle) -> None:
        """Start a vehicle's agent (again)."""
        config = str(vehicle.config)
        self.programs.start(vehicle.id, "milepost-agent", "run", "--config", config)

    def is_driving(self) -> bool:
        """Whether any receiver still speaks."""
        return any(self.programs.is_running(vehicle.simulator) for vehicle in self.vehicles)

    def settle(self) -> Verdict:
        """Let the drive end and everything drain, stop the agents, and compare."""
        wait_until(lambda: not self.is_driving(), 120, "the end of the drive")
        drained_s = wait_until(
            lambda: all(vehicle.is_drained() for vehicle in self.vehicles),
            DRAIN_S,
            "an empty backlog",
        )
        for vehicle in self.vehicles:
            self.programs.stop(vehicle.id)
        dsn = {"MILEPOST_DATABASE__DSN": self.postgres.dsn}
        table = read_table(self.programs.output("milepost-collector", "export", **dsn))
        found = [compare(self._held(v), table.get(v.id, [])) for v in self.vehicles]
        self.programs.output("milepost-collector", "check", **dsn)
        return _summed(found, drained_s)

    def _held(self, vehicle: Vehicle) -> list[Row]:
        arguments = ("export", "--csv", "--config", str(vehicle.config))
        return read_buffer(self.programs.output("milepost-agent", *arguments))

    def _write_configs(self) -> None:
        host, port = self.broker.address.host, self.broker.address.port
        (self.folder / "collector.toml").write_text(
            f'[database]\ndsn = "{self.postgres.dsn}"\n[broker]\nhost = "{host}"\nport = {port}\n'
        )
        for vehicle in self.vehicles:
            vehicle.write_config(("127.0.0.1", self.line.port), TICK_S)
            with vehicle.config.open("a") as config:
                config.write(self._settings)

    def _start_vehicles(self) -> None:
        for number, vehicle in enumerate(self.vehicles, 1):
            drive = str(self.folder / f"{vehicle.id}.nmea")
            how = ("--seed", str(number), "--minutes", str(self._minutes), "--out", drive)
            self.programs.output("milepost-sim", "drive", *how)
            link = ("--link", str(vehicle.port))
            self.programs.start(vehicle.simulator, "milepost-sim", "replay", drive, *link)
        for vehicle in self.vehicles:
            self.programs.first_line(vehicle.simulator, 60)
            self.start_agent(vehicle)


def _has_fix(vehicle: Vehicle) -> bool:
    return int(vehicle.status().get("fixes_made", 0)) > 0


def _summed(found: list[Comparison], drained_s: float) -> Verdict:
    return Verdict(
        held=sum(each.held for each in found),
        lost=sum(each.lost for each in found),
        duplicates=sum(each.duplicates for each in found),
        invented=sum(each.invented for each in found),
        drained_s=round(drained_s, 2),
    )
