"""The events of one drive: live, after three hours without a line, replayed, and of the file."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.importing.drives import Drive, read_drives
from milepost_collector.store.connection import connect
from milepost_collector.store.definitions import publish
from milepost_firmware_sim.demo.programs import Programs
from milepost_firmware_sim.demo.vehicle import Vehicle
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix, instant
from milepost_schemas.timescale import ENVIRONMENT_KEY, Timescale
from tests.agent.line import RECORDED, needs_recorded
from tests.collector.fences import circle, collection
from tests.fixtures.servers import FreshDatabase
from tests.schemas.described import assert_described
from tests.system.proxy import Proxy
from tests.system.world import wait_until

# Drives with turns, stops, holes and times without a fix.
DRIVES = ("ariel_ramat_hasharon",)

# So many times as fast: three hours take 45 seconds.
FACTOR = 240.0
OUTAGE_S = 3 * 3600
TICK_S = 0.1
RULES = {"stop_s": 30, "trip_end_s": 60, "idle_s": 60, "trip_m": 100, "speed_limit_mps": 12}

EVENT = "SELECT id::text, type, subject, time, data FROM event WHERE device = %s ORDER BY entry"


@dataclass(frozen=True)
class Event:
    """All by which two events are the same."""

    id: str
    type: str
    subject: str
    time: str
    data: str

    @property
    def bare(self) -> tuple[str, str, str]:
        """What is the same for two devices on one drive."""
        return self.type, self.time, self.data


def event(told: str, kind: str, subject: str, moment: str, data: dict[str, Any]) -> Event:
    """An event whose data can be compared."""
    return Event(told, kind, subject, moment, json.dumps(data, sort_keys=True))


def fences_along(drive: Drive) -> dict[str, Any]:
    """Fences on the way of a drive, one in which it stays for long enough."""
    fixes: Sequence[Fix] = [kept.fix for kept in drive.fixes]
    places = [fixes[len(fixes) * part // 4] for part in (0, 1, 2, 3)]
    features = [circle(f"at {part}", fix, 60 + 30 * part) for part, fix in enumerate(places)]
    for feature in features:
        feature["properties"]["dwell_s"] = 20
    return collection(*features)


class Town:
    """Vehicles that drive one recorded drive, some of them over a line that breaks."""

    def __init__(self, folder: Path, database: FreshDatabase, programs: Programs) -> None:
        self.folder = folder
        self.database = database
        self.programs = programs
        self.began_ms = int(time.time()) * 1000  # noqa: TID251 - tests read the true clock
        self.file = folder / "drive.nmea"
        self.fences, self.rules = folder / "fences.geojson", folder / "rules.json"

    def draw(self, recorded: Path) -> None:
        """Write the drive as if it were of today, fences on its way, and the rules."""
        how = ("--start-at", rfc3339(self.began_ms), "--speed", "max", "--stdout")
        self.file.write_text(self.programs.output("milepost-sim", "replay", str(recorded), *how))
        (drive,) = read_drives(self.file.read_bytes())
        self.fences.write_text(json.dumps(fences_along(drive)))
        self.rules.write_text(json.dumps(RULES))
        with connect(self.database.dsn) as connection:
            since = instant(self.began_ms - 3_600_000)
            publish(connection, json.loads(self.fences.read_text()), since, RULES)

    def start(self, vehicle: Vehicle, port: int) -> None:
        """Let a vehicle drive."""
        vehicle.write_config(("127.0.0.1", port), TICK_S)
        link = ("--start-at", "recorded", "--link", str(vehicle.port))
        self.programs.start(vehicle.simulator, "milepost-sim", "replay", str(self.file), *link)
        self.programs.first_line(vehicle.simulator, 60)
        self.programs.start(vehicle.id, "milepost-agent", "run", "--config", str(vehicle.config))

    def stored(self, vehicle: Vehicle) -> int:
        """How many of its fixes are stored."""
        return int(
            self.database.value(
                "SELECT count(*) FROM fix JOIN device ON device.no = fix.device "
                "WHERE device.device = %s",
                vehicle.id,
            )
        )

    def live(self, vehicle: Vehicle) -> list[Event]:
        """What was told of a vehicle as its fixes came."""
        rows = self.database.rows(EVENT, vehicle.id)
        return [
            event(told, kind, subject, _rfc3339(moment), data)
            for told, kind, subject, moment, data in rows
        ]

    def tried(self, vehicle: Vehicle) -> list[Event]:
        """What `events try` tells of the file."""
        how = ("--fences", str(self.fences), "--rules", str(self.rules), "--device", vehicle.id)
        said = self.programs.output("milepost-collector", "events", "try", str(self.file), *how,
                                    "--json")  # fmt: skip
        events = [json.loads(line) for line in said.splitlines()]
        for each in events:
            assert_described(each | {"recordedat": each["time"], "cursor": "none"})
        return [
            event(e["id"], e["type"].removeprefix("org.milepost."), e["subject"], e["time"],
                  e["data"])
            for e in events
        ]  # fmt: skip

    def replayed(self) -> str:
        """What `events replay` says is different."""
        span = (rfc3339(self.began_ms - 86_400_000), rfc3339(self.began_ms + 86_400_000))
        return self.programs.output(
            "milepost-collector", "events", "replay", "--from", span[0], "--to", span[1]
        )


def _rfc3339(moment: Any) -> str:
    return str(moment.isoformat(timespec="milliseconds")).replace("+00:00", "Z")


@pytest.fixture
def town(tmp_path: Path, plain_database: FreshDatabase, broker: Any) -> Iterator[Town]:
    """An ingest program, a broker and a database, on a clock that runs ahead."""
    now_s = time.time()  # noqa: TID251 - tests read the true clock
    environment = {
        ENVIRONMENT_KEY: str(Timescale(now_s, FACTOR)),
        "MILEPOST_DATABASE__DSN": plain_database.dsn,
        "MILEPOST_BROKER__HOST": broker.host,
        "MILEPOST_BROKER__PORT": str(broker.port),
    }
    with Programs(tmp_path, environment) as programs:
        yield Town(tmp_path, plain_database, programs)


@needs_recorded
@pytest.mark.parametrize("name", DRIVES)
def test_events_of_a_drive_are_the_same_live_late_replayed_and_tried(
    town: Town, broker: Any, name: str
) -> None:
    """Id, type, subject, time and data agree, whenever and by which way the fixes came."""
    recorded = RECORDED / "drives" / f"{name}.nmea.gz"
    if not recorded.exists():
        pytest.skip(f"the recorded drive is not at {recorded}")
    town.draw(recorded)
    town.programs.start("ingest", "milepost-collector", "ingest")
    town.programs.first_line("ingest", 60)
    prompt, late = (Vehicle(f"van-{number}", town.folder) for number in (1, 2))
    with Proxy(broker.host, broker.port) as line:
        town.start(prompt, broker.port)
        town.start(late, line.port)
        wait_until(lambda: town.stored(late) > 60, 60, "fixes before the outage")
        line.line.black_hole = True
        begin_s = time.monotonic()
        wait_until(prompt.is_drained, 120, "the end of the prompt drive")
        stored = town.stored(late)
        wait_until(
            lambda: time.monotonic() - begin_s > OUTAGE_S / FACTOR,
            OUTAGE_S / FACTOR + 1,
            "three hours",
        )
        assert town.stored(late) == stored < town.stored(prompt)
        line.line.black_hole = False
        wait_until(late.is_drained, 120, "the end of the late drive")
        wait_until(lambda: town.stored(late) == town.stored(prompt), 60, "all fixes")

    live, after_outage = town.live(prompt), town.live(late)
    assert {"fence.entered", "fence.exited"} <= {each.type for each in live}
    assert live == town.tried(prompt)
    assert after_outage == town.tried(late)
    assert [each.bare for each in live] == [each.bare for each in after_outage]
    assert town.replayed() == ""
