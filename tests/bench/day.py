"""The bytes of a delivery day above TCP, with real programs, counted at a proxy.

Two vehicles drive the same drive, one with the default policy and one that sends once a minute. The
drive is played many times as fast, and every interval of the agents is shortened as much. So a day
takes minutes; what a connection costs once is left out.

    python -m tests.bench.day --hours 10
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milepost_collector.embedded import EmbeddedBroker, EmbeddedPostgres
from milepost_firmware_sim.demo.account import Row, read_table
from milepost_firmware_sim.demo.programs import Programs
from milepost_firmware_sim.demo.vehicle import Vehicle
from milepost_schemas.timescale import ENVIRONMENT_KEY, Timescale
from tests.system.proxy import Line, Proxy
from tests.system.world import wait_until

FACTOR = 100.0
DAY_HOURS = 10.0
LIMIT_BYTES = {"default": 1_000_000, "economy": 200_000}
OVERHEAD_LIMIT_BYTES = 80
_SEND_EVERY_S = {"default": 0.0, "economy": 60.0}


@dataclass(frozen=True)
class DayFigures:
    """What one policy came to.

    Attributes:
        above_tcp_bytes: Both ways, statuses included.
        payload_bytes: Of batches.
        batches: How many.
        hours: How much of the day it took; more than the drive where the machine is busy.
        rows: What the table holds of the drive.
    """

    above_tcp_bytes: int
    payload_bytes: int
    batches: int
    hours: float
    rows: list[Row]

    @property
    def day_bytes(self) -> float:
        """What a whole day of it comes to above TCP."""
        return self.above_tcp_bytes * DAY_HOURS / self.hours

    @property
    def overhead_bytes(self) -> float:
        """Bytes of a batch beside its payload, its ack and its share of all else included."""
        return (self.above_tcp_bytes - self.payload_bytes) / self.batches


def measure_day(
    folder: Path, hours: float, factor: float = FACTOR, delay_s: float = 0.0
) -> dict[str, DayFigures]:
    """Drive so many hours under each policy; `delay_s` is the line's, each way."""
    now_s = time.time()  # noqa: TID251 - tests read the true clock
    (folder / "logs").mkdir(parents=True)
    environment = {ENVIRONMENT_KEY: str(Timescale(now_s, factor))}
    with ExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(folder / "pg"))
        broker = stack.enter_context(EmbeddedBroker(folder / "mq"))
        programs = stack.enter_context(Programs(folder / "logs", environment))
        address = broker.address
        _serve(programs, folder, postgres.dsn, address.host, address.port)
        drive = str(folder / "drive.nmea")
        how = ("--seed", "1", "--minutes", str(hours * 60), "--out", drive)
        programs.output("milepost-sim", "drive", *how)
        vans = {}
        for policy in LIMIT_BYTES:
            proxy = stack.enter_context(Proxy(address.host, address.port))
            proxy.line = Line(delay_s=delay_s)
            vans[policy] = _Van(Vehicle(f"van-{policy[0]}", folder), proxy, programs, factor)
            vans[policy].start(drive, _SEND_EVERY_S[policy])
        counted = {policy: van.counted(hours * 3600 / factor) for policy, van in vans.items()}
        table = read_table(
            programs.output("milepost-collector", "export", MILEPOST_DATABASE__DSN=postgres.dsn)
        )
    return {
        policy: DayFigures(*counted[policy], table.get(van.vehicle.id, []))
        for policy, van in vans.items()
    }


def day_rows(folder: Path, hours: float = 1.0) -> list[dict[str, Any]]:
    """Measure an hour, and tell what ten of them come to."""
    rows: list[dict[str, Any]] = []
    for policy, day in measure_day(folder / "day", hours).items():
        what = f"wire: a {DAY_HOURS:g}-hour day above TCP, {policy} policy"
        limit = {"peer": "limit", "unit": "B"}
        rows.append({"what": what, "ours": day.day_bytes, "peers": LIMIT_BYTES[policy]} | limit)
        what = f"wire: beside the payload, a batch, {policy} policy"
        overhead = {"what": what, "ours": day.overhead_bytes, "peers": OVERHEAD_LIMIT_BYTES}
        rows.append(overhead | limit)
    return rows


class _Van:
    def __init__(self, vehicle: Vehicle, proxy: Proxy, programs: Programs, factor: float) -> None:
        self.vehicle = vehicle
        self._proxy = proxy
        self._programs = programs
        self._factor = factor
        self._before = (0, 0, 0)
        self._begin_s = 0.0

    def start(self, drive: str, send_every_s: float) -> None:
        """Start receiver and agent, and begin to count once the first batch is stored."""
        vehicle, factor = self.vehicle, self._factor
        vehicle.write_config(("127.0.0.1", self._proxy.port), 5.0 / factor)
        config = vehicle.config.read_text().replace("tolerance_m = 0", "tolerance_m = 5")
        parked = f"parked_tick_s = {60 / factor}\nsend_every_s = {send_every_s / factor}\n"
        status = f"status_every_s = {max(5.0, 900 / factor)}\n"
        config = config.replace(f"parked_tick_s = {5.0 / factor}\n", parked + status)
        vehicle.config.write_text(config)
        link = ("--link", str(vehicle.port))
        self._programs.start(vehicle.simulator, "milepost-sim", "replay", drive, *link)
        self._programs.first_line(vehicle.simulator, 60)
        self._programs.start(vehicle.id, "milepost-agent", "run", "--config", str(vehicle.config))
        wait_until(lambda: self._now()[2] > 1, 60, "the first batches")
        self._before, self._begin_s = self._now(), time.monotonic()

    def counted(self, timeout_s: float) -> tuple[int, int, int, float]:
        """Wait for the end of the drive; return bytes above TCP and of payload, batches, hours."""
        wait_until(self._is_over, timeout_s + 60, "the end of the drive")
        hours = (time.monotonic() - self._begin_s) * self._factor / 3600
        self._programs.stop(self.vehicle.id)
        above, payload, batches = (a - b for a, b in zip(self._now(), self._before, strict=True))
        return above, payload, batches, hours

    def _is_over(self) -> bool:
        status = self.vehicle.status()
        return bool(status.get("receiver", {}).get("state") == "gone" and status["backlog"] == 0)

    def _now(self) -> tuple[int, int, int]:
        counts = self.vehicle.status().get("uplink", {})
        above = self._proxy.up_bytes + self._proxy.down_bytes
        return above, counts.get("bytes", 0), counts.get("batches", 0)


def _serve(programs: Programs, folder: Path, dsn: str, host: str, port: int) -> None:
    config = folder / "collector.toml"
    config.write_text(f'[database]\ndsn = "{dsn}"\n[broker]\nhost = "{host}"\nport = {port}\n')
    programs.output("milepost-collector", "migrate", "--config", str(config))
    programs.start("ingest", "milepost-collector", "ingest", "--config", str(config))
    programs.first_line("ingest", 60)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mp-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def main() -> None:
    """Measure a day and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=DAY_HOURS)
    options = parser.parse_args()
    with _scratch() as folder:
        days = measure_day(folder / "day", options.hours)
    told = {
        policy: {
            "above_tcp_bytes": day.above_tcp_bytes,
            "batches": day.batches,
            "fixes": len(day.rows),
            "overhead_bytes": round(day.overhead_bytes, 1),
        }
        for policy, day in days.items()
    }
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
