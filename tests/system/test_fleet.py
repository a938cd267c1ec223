"""A fleet in one process against a real broker, a real PostgreSQL and the real ingest program."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from milepost_collector.embedded import Address, EmbeddedBroker
from milepost_firmware_sim.demo.programs import Programs
from tests.fixtures.servers import FreshDatabase
from tests.system.fleets import Fleet
from tests.system.world import wait_until


@dataclass(frozen=True)
class Servers:
    """A broker, a database, and the ingest program between them."""

    programs: Programs
    broker: Address
    database: FreshDatabase

    def start_ingest(self) -> None:
        """Start the ingest program (again), and wait until it takes batches."""
        self.programs.start("ingest", "milepost-collector", "ingest")
        self.programs.first_line("ingest", 60)

    def fleet(self, *arguments: str | Path) -> Fleet:
        """Start a fleet that compares itself with the table at the end."""
        return Fleet(self.broker, "--compare-dsn", self.database.dsn, *arguments)

    def stored(self) -> int:
        """Count the fixes in the table."""
        return int(self.database.value("SELECT count(*) FROM fix"))

    def export(self) -> list[str]:
        """Return what users read from the table, sorted, without the names of the columns."""
        return sorted(self.programs.output("milepost-collector", "export").splitlines()[1:])

    def farewells(self, prefix: str) -> list[str | None]:
        """Return the reason for which each device of this name is away, as it last said."""
        rows = self.database.rows(
            "SELECT status->>'reason' FROM device WHERE starts_with(device, %s)", prefix
        )
        return [reason for (reason,) in rows]


@pytest.fixture
def servers(tmp_path: Path, broker: Address, plain_database: FreshDatabase) -> Iterator[Servers]:
    """Servers that run."""
    environment = {
        "MILEPOST_DATABASE__DSN": plain_database.dsn,
        "MILEPOST_BROKER__HOST": broker.host,
        "MILEPOST_BROKER__PORT": str(broker.port),
    }
    with Programs(tmp_path, environment) as programs:
        servers = Servers(programs, broker, plain_database)
        servers.start_ingest()
        yield servers


def test_fleet_loses_nothing_when_the_collector_is_killed(servers: Servers, tmp_path: Path) -> None:
    """Sixty vehicles, restarts, outages and a SIGKILL of the collector: the table is the truth."""
    truth = tmp_path / "truth.csv"
    mishaps = ("--offline", "0.3", "--restarts-per-hour", "360")
    drive = ("-n", "60", "--seconds", "8", "--every", "1", "--rate", "2")
    with servers.fleet(*drive, *mishaps, "--truth", truth) as fleet:
        wait_until(lambda: servers.stored() > 200, 60, "two hundred stored fixes")
        servers.programs.kill("ingest")
        known = len(truth.read_text().splitlines())
        wait_until(lambda: len(truth.read_text().splitlines()) > known + 200, 60, "more fixes")
        servers.start_ingest()
        figures = fleet.figures()

    assert (figures["lost"], figures["duplicates"], figures["invented"]) == (0, 0, 0)
    assert figures["judged_by"] == "table"
    assert figures["fixes_stored"] == figures["fixes_committed"] > 600
    assert sorted(truth.read_text().splitlines()[1:]) == servers.export()
    assert figures["outages"] == 18
    assert figures["crashes"] > 10
    assert figures["reconnects"] >= figures["crashes"]
    assert figures["resends"] > 0
    assert figures["batches"] > figures["acks"] > 0
    assert 0 < figures["ack_ms"]["p50"] <= figures["ack_ms"]["p99"]
    assert 5 < figures["bytes_per_fix"] < 200
    assert 0 < figures["cpu_s"] < 60


def test_fleet_that_is_asked_to_stop_delivers_says_goodbye_and_judges(servers: Servers) -> None:
    """SIGTERM ends the drive in order: nothing is lost, and every unit is known to have stopped."""
    drive = ("-n", "20", "--seconds", "600", "--every", "0.5", "--prefix", "stop-")
    with servers.fleet(*drive) as fleet:
        wait_until(lambda: servers.stored() > 40, 60, "forty stored fixes")
        fleet.process.send_signal(signal.SIGTERM)
        figures = fleet.figures()

    assert (figures["lost"], figures["duplicates"], figures["invented"]) == (0, 0, 0)
    assert figures["driven_s"] < 300
    assert figures["fixes_stored"] == figures["fixes_made"] == figures["fixes_committed"] > 40
    wait_until(
        lambda: servers.farewells("stop-") == ["stopped"] * 20,
        60,
        "twenty goodbyes",
    )


def test_fleet_says_what_is_lost_when_nobody_takes_its_fixes(broker: Address) -> None:
    """Without a collector the verdict is 1, with the number of fixes that nobody acknowledged."""
    drive = ("-n", "5", "--seconds", "2", "--every", "0.5", "--drain", "0", "--prefix", "alone-")
    with Fleet(broker, *drive) as fleet:
        figures = fleet.figures(code=1)

    assert figures["judged_by"] == "acks"
    assert figures["lost"] == figures["backlog"] == figures["fixes_committed"] > 0
    assert figures["drained_s"] is None


def test_fleet_waits_for_a_broker_that_comes_late(servers_folder: Path) -> None:
    """Vehicles drive and keep their fixes while there is no broker, and connect when it is there.

    The broker is NATS, and each vehicle has its connection.
    """
    broker = EmbeddedBroker(servers_folder / "late", kind="nats")
    address = broker.start()
    broker.stop()
    with Fleet(address, "-n", "10", "--seconds", "60", "--every", "1", "--drain", "0") as fleet:
        assert "Connection refused" in fleet.line_with("0/10 up")
        with broker:
            process = psutil.Process(broker.pid)
            wait_until(lambda: _clients(process, address.port) == 10, 60, "a connection each")
            fleet.process.send_signal(signal.SIGINT)
            figures = fleet.figures(code=1)

    assert figures["connects"] == 10
    assert figures["refusals"] > 0
    assert figures["lost"] == figures["fixes_committed"] > 0


def _clients(process: psutil.Process, port: int) -> int:
    """Count the connections to a port."""
    return sum(
        connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == port
        for connection in process.net_connections("tcp")
    )
