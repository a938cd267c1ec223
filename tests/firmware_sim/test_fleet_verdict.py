"""What a fleet says at its end: the truth on file, the comparison with the table, the figures."""

import gzip
import random
from pathlib import Path

import pytest

from milepost_firmware_sim.fleet.figures import Driven, Latencies, Tally, Verdict, report
from milepost_firmware_sim.fleet.truth import TruthError, TruthFile
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_firmware_sim.fleet.verdict import by_acks, by_table
from milepost_schemas.exported.rows import COLUMNS, row_of
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.topics import Address

BEGIN = 1_700_000_000
FULL = KeptFix(
    seq=7,
    fix=Fix(
        time_ms=1_700_000_000_250,
        lat_e6=-47_000_001,
        lon_e6=8_000_000,
        altitude_dm=None,
        speed_dmps=0,
        course_deg=359,
        hdop_tenths=9,
        satellites=11,
        kind=FixKind.RTK,
        error_dm=12,
        date_repaired=True,
    ),
    stands_for=3,
    hole=True,
)


def measured(instant: int) -> Fix:
    """The fix of an instant."""
    return Fix(time_ms=instant * 1000, lat_e6=47_000_000, lon_e6=instant - BEGIN)


def drive(device: str, stream: bytes, seconds: int) -> Vehicle:
    """Return a unit that committed a fix a second."""
    vehicle = Vehicle(Address(0, device), measured, Tally(), random.Random(1))
    vehicle.start(stream, BEGIN)
    vehicle.tick(BEGIN + seconds - 1)
    return vehicle


def rows_of(*vehicles: Vehicle) -> list[list[str]]:
    """What a table exports that holds all of these vehicles' fixes."""
    return [
        [vehicle.address.device, *row_of(stream, kept)]
        for vehicle in vehicles
        for stream, kept in vehicle.buffer.committed()
    ]


@pytest.fixture
def fleet() -> list[Vehicle]:
    """Two units with five fixes each."""
    return [drive("sim-1", b"stream-1", 5), drive("sim-2", b"stream-2", 5)]


def test_row_of_truth_is_written_as_the_table_exports_it() -> None:
    """Times are RFC 3339, yes is 1, and what is unknown is empty, not 0."""
    row = ",".join(row_of(b"\x00\x01abcdef", FULL))

    assert row == (
        "0001616263646566,7,2023-11-14T22:13:20.250Z,-47000001,8000000,,0,359,9,11,4,12,1,3,1"
    )


@pytest.mark.parametrize("name", ["truth.csv", "truth.csv.gz"])
def test_truth_file_holds_every_row_below_the_names_of_its_columns(
    tmp_path: Path, name: str
) -> None:
    """Plain or compressed, by its name."""
    path = tmp_path / name
    with TruthFile(path) as truth:
        truth.add("sim-1", b"stream-1", [FULL, FULL])

    text = gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()

    head, *rows = text.decode().splitlines()
    assert head == ",".join(COLUMNS)
    assert rows == [",".join(("sim-1", *row_of(b"stream-1", FULL)))] * 2


def test_plain_truth_can_be_read_while_the_fleet_drives(tmp_path: Path) -> None:
    """What was handed over is in the file, also if the process is killed the next moment."""
    with TruthFile(tmp_path / "truth.csv") as truth:
        truth.add("sim-1", b"stream-1", [FULL])

        assert len((tmp_path / "truth.csv").read_text().splitlines()) == 2


def test_truth_on_a_full_disk_is_an_error_that_names_the_file() -> None:
    """Nobody drives for hours and finds half a truth."""
    with (
        pytest.raises(TruthError, match="/dev/full: No space left"),
        TruthFile(Path("/dev/full")) as truth,
    ):
        truth.add("sim-1", b"stream-1", [FULL])


def test_table_that_holds_everything_once_is_sound(fleet: list[Vehicle]) -> None:
    """Rows of other devices and of earlier runs are passed over."""
    stranger, earlier = drive("van-1", b"stream-3", 3), drive("sim-1", b"earlier!", 4)

    verdict = by_table(fleet, sorted(rows_of(*fleet, stranger, earlier)))

    assert verdict == Verdict("table", lost=0, duplicates=0, invented=0, stored=10)
    assert verdict.is_sound


def test_missing_row_is_lost(fleet: list[Vehicle]) -> None:
    """One committed fix that the table does not hold is one lost fix."""
    rows = rows_of(*fleet)
    del rows[3]

    verdict = by_table(fleet, rows)

    assert (verdict.lost, verdict.duplicates, verdict.invented, verdict.stored) == (1, 0, 0, 9)
    assert not verdict.is_sound


def test_vehicle_that_the_table_does_not_know_is_lost_as_a_whole(fleet: list[Vehicle]) -> None:
    """A device without any row has lost all its fixes."""
    verdict = by_table(fleet, rows_of(fleet[0]))

    assert (verdict.lost, verdict.stored) == (5, 5)


def test_changed_value_is_a_lost_and_an_invented_fix(fleet: list[Vehicle]) -> None:
    """A row that differs in one column is not the fix that was committed."""
    rows = rows_of(*fleet)
    rows[2][4] = "47000001"

    verdict = by_table(fleet, rows)

    assert (verdict.lost, verdict.duplicates, verdict.invented) == (1, 0, 1)


def test_row_that_is_there_twice_is_a_duplicate(fleet: list[Vehicle]) -> None:
    """The second row of a stream and number is counted."""
    rows = rows_of(*fleet)

    verdict = by_table(fleet, sorted([*rows, rows[4]]))

    assert (verdict.lost, verdict.duplicates, verdict.invented) == (0, 1, 0)
    assert not verdict.is_sound


def test_without_a_table_what_nobody_acknowledged_is_lost(fleet: list[Vehicle]) -> None:
    """By acks nothing can be said of duplicates and inventions, so nothing is."""
    verdict = by_acks(fleet)

    assert verdict == Verdict("acks", lost=10, duplicates=None, invented=None, stored=None)
    assert not verdict.is_sound


def test_percentiles_are_those_of_the_sorted_latencies() -> None:
    """The median and the 99th percentile of a thousand known times, within one percent."""
    latencies = Latencies()
    assert latencies.percentile_ms(0.5) is None
    for number in range(1, 1001):
        latencies.add(number / 1000)

    assert latencies.percentile_ms(0.5) == pytest.approx(500, rel=0.011)
    assert latencies.percentile_ms(0.99) == pytest.approx(990, rel=0.011)


def test_report_gives_rates_over_the_drive_and_bytes_over_what_is_stored() -> None:
    """The wait for the rest is in the counts, not in the rates."""
    tally = Tally(batches=220, bytes=4000, acks=210, fixes_committed=200)
    driven = Driven(
        driven_s=10.0,
        batches=200,
        acks=190,
        cpu_s=2.5,
        drained_s=None,
        acknowledged=160,
        backlog=40,
    )

    figures = report(tally, driven, Verdict("acks", lost=40))

    assert (figures["batches_per_s"], figures["acks_per_s"]) == (20.0, 19.0)
    assert (figures["bytes_per_fix"], figures["cpu_share"]) == (25.0, 0.25)
    assert (figures["batches"], figures["lost"], figures["drained_s"]) == (220, 40, None)
    assert figures["ack_ms"] == {"p50": None, "p99": None}
    assert figures["duplicates"] is None
