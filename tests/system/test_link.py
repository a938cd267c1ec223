"""The uplink over lines as mobile networks have them: dead without a word, thin, slow, losing."""

import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from milepost_collector.embedded import EmbeddedBroker, EmbeddedPostgres
from milepost_collector.store.connection import connect
from milepost_firmware_sim.demo.account import compare, read_buffer, read_table
from milepost_firmware_sim.demo.programs import Programs
from milepost_firmware_sim.demo.vehicle import Vehicle
from tests.system.proxy import Line, Proxy
from tests.system.world import wait_until

# Three hours at 1 Hz.
BACKLOG = 10_800
LINKED_S = 120.0

# A silent link is probed after this (the least that may be set), and given up after as much again.
KEEPALIVE_S = 5
NOTICED_S = 4.0 * KEEPALIVE_S

# What is promised is a third of these; the rest is for machines that have other things to do.
LIVE_FIRST_S = 15.0
LIVE_FIRST_THIN_S = 45.0  # the first 4 KiB, their losses made good
DRAINED_LAN_S = 60.0
DRAINED_THIN_S = 15 * 60.0


class Van:
    """One vehicle, its server, and the line between them."""

    def __init__(self, folder: Path, programs: Programs, broker: EmbeddedBroker, dsn: str) -> None:
        self.vehicle = Vehicle("van-1", folder)
        self.dsn = dsn
        self.programs = programs
        self.broker = broker
        self._folder = folder

    def drive(self, minutes: int, proxy: Proxy, settings: str = "") -> None:
        """Let the agent take a drive as fast as it reads; `settings` belong to its broker."""
        log = str(self._folder / "drive.nmea")
        self.programs.output(
            "milepost-sim", "drive", "--seed", "1", "--minutes", str(minutes), "--out", log
        )
        self.vehicle.write_config(("127.0.0.1", proxy.port), 1.0)
        config = self.vehicle.config
        config.write_text(config.read_text().replace("[buffer]", f"{settings}\n[buffer]"))
        link = ("--link", str(self.vehicle.port), "--speed", "10000", "--start-at")
        start = "2026-11-01T06:00:00Z"
        self.programs.start("sim", "milepost-sim", "replay", log, *link, start)
        self.programs.first_line("sim", 60)
        self.programs.start("agent", "milepost-agent", "run", "--config", str(self.vehicle.config))

    def serve(self) -> None:
        """Start the collector."""
        config = self._folder / "collector.toml"
        host, port = self.broker.address.host, self.broker.address.port
        config.write_text(
            f'[database]\ndsn = "{self.dsn}"\n[broker]\nhost = "{host}"\nport = {port}\n'
        )
        self.programs.output("milepost-collector", "migrate", "--config", str(config))
        self.programs.start("ingest", "milepost-collector", "ingest", "--config", str(config))
        self.programs.first_line("ingest", 60)

    def status(self) -> dict[str, Any]:
        """Return what the agent says."""
        return self.vehicle.status()

    def map_time(self) -> datetime | None:
        """Return the instant of the position on the map."""
        with connect(self.dsn) as database:
            row = database.execute("SELECT max(position_time) FROM device").fetchone()
        return row[0] if row else None

    def told(self) -> dict[str, Any]:
        """Return what the unit's retained status says, as the server has it."""
        with connect(self.dsn) as database:
            row = database.execute("SELECT status FROM device").fetchone()
        return dict(row[0]) if row and row[0] else {}

    def assert_all_stored(self, at_least: int = BACKLOG) -> None:
        """Stop the agent, and compare its buffer with the table."""
        self.programs.stop("agent")
        held = read_buffer(
            self.programs.output(
                "milepost-agent", "export", "--csv", "--config", str(self.vehicle.config)
            )
        )
        table = read_table(
            self.programs.output("milepost-collector", "export", MILEPOST_DATABASE__DSN=self.dsn)
        )
        found = compare(held, table[self.vehicle.id])
        assert (found.lost, found.duplicates, found.invented) == (0, 0, 0)
        assert found.held >= at_least


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def instant_of(text: str) -> datetime:
    """Read an RFC 3339 time."""
    return datetime.fromisoformat(text)


@contextmanager
def van(folder: Path) -> Iterator[Van]:
    """Start servers for one van."""
    (folder / "logs").mkdir()
    with (
        EmbeddedPostgres(folder / "pg") as postgres,
        EmbeddedBroker(folder / "mq") as broker,
        Programs(folder / "logs", {}) as programs,
    ):
        yield Van(folder, programs, broker, postgres.dsn)


@pytest.mark.parametrize(
    ("line", "live_s", "drained_s"),
    [
        (Line(), LIVE_FIRST_S, DRAINED_LAN_S),
        (Line(delay_s=0.3, rate_bps=64_000, loss=0.2), LIVE_FIRST_THIN_S, DRAINED_THIN_S),
    ],
    ids=["lan", "thin"],
)
@pytest.mark.timeout(1200)
def test_backlog_of_three_hours_drains(
    short_folder: Path,
    line: Line,
    live_s: float,
    drained_s: float,
) -> None:
    """After three hours offline the map is right at once and the table is whole in time."""
    with van(short_folder) as world:
        broker = world.broker.address
        with Proxy(broker.host, broker.port) as proxy:
            proxy.line = line
            proxy.line.black_hole = True
            world.drive(BACKLOG // 60 + 10, proxy)  # tunnels make no fixes
            wait_until(
                lambda: int(world.status().get("fixes_committed", 0)) >= BACKLOG, 120, "a backlog"
            )
            world.serve()
            sent = proxy.up_bytes
            proxy.line.black_hole = False
            wait_until(lambda: world.status()["link"] == "up", LINKED_S, "a link")
            newest = instant_of(world.status()["fix"]["time"])
            wait_until(lambda: world.map_time() == newest, live_s, "the newest on the map")
            wait_until(lambda: world.status()["backlog"] == 0, drained_s, "the drain")
            uplink = world.status()["uplink"]
            # What TCP still carries is not sent again: a thin line has no room for copies.
            assert proxy.up_bytes - sent < 1.5 * uplink["bytes"] + 100_000
        world.assert_all_stored()


def test_dead_link_is_noticed(short_folder: Path) -> None:
    """A link that swallows everything is found dead by the keepalive, and made anew after it."""
    with van(short_folder) as world:
        broker = world.broker.address
        with Proxy(broker.host, broker.port) as proxy:
            world.drive(10, proxy, f"keepalive_s = {KEEPALIVE_S}")
            wait_until(lambda: world.status().get("link") == "up", 60, "a link")
            proxy.line.black_hole = True
            wait_until(lambda: world.status()["link"] == "down", NOTICED_S, "the end")
            proxy.line.black_hole = False
            wait_until(lambda: world.status()["link"] == "up", 60, "a new link")


def test_delivery_over_tls(short_folder: Path) -> None:
    """With an authority named, the unit delivers over TLS to a broker that it vouches for only."""
    authority, stranger = trustme.CA(), trustme.CA()
    ca_file = short_folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with van(short_folder) as world:
        broker = world.broker.address
        world.serve()
        with (
            Proxy(broker.host, broker.port, context=served_by(stranger)) as wrong,
            Proxy(broker.host, broker.port, context=served_by(authority)) as right,
        ):
            world.drive(5, wrong, f'ca_file = "{ca_file}"')
            wait_until(lambda: int(world.status().get("fixes_committed", 0)) > 250, 60, "fixes")
            wait_until(
                lambda: "certificate" in world.status()["link_reason"].lower(), 60, "a refusal"
            )
            world.programs.stop("agent")
            config = world.vehicle.config
            config.write_text(config.read_text().replace(str(wrong.port), str(right.port)))
            world.programs.start("agent", "milepost-agent", "run", "--config", str(config))
            wait_until(lambda: world.status().get("link") == "up", 60, "a link over TLS")
            wait_until(lambda: world.status()["backlog"] == 0, 60, "the drain")
            wait_until(lambda: world.told().get("online") is True, 60, "a status")
            told = world.told()
            assert (told["buffer"]["state"], told["receiver"]["state"]) == ("disk", "gone")
            assert told["buffer"]["rows"] > 250
            assert told["silent"] == "no serial"
            world.assert_all_stored(at_least=250)
            wait_until(lambda: world.told()["online"] is False, 60, "a goodbye")
            assert world.told()["reason"] == "stopped"
            assert world.told()["buffer"]["rows"] > 250, "a goodbye keeps what was said before"


def served_by(authority: trustme.CA) -> ssl.SSLContext:
    """Return what a broker that an authority vouches for speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
