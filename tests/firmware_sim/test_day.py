"""The files of delivery days: plans that the server takes, tracks, and the same ones each time."""

import re
import sys
from pathlib import Path

import pytest

from milepost_firmware_sim.cli import main
from milepost_firmware_sim.town.geojson import read_town
from tests.firmware_sim.delivery_days import Days, files_of, made, seconds
from tests.firmware_sim.driven import apart_m

_SMALL = "--seed 5 --vans 2 --stops 5 --tracks csv"


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Return two days of two vans."""
    return made(tmp_path_factory.mktemp("days") / "out", f"{_SMALL} --days 2 --date 2026-03-27")


def test_day_same_seed_gives_same_bytes(tmp_path: Path) -> None:
    """Town, plans, tracks and truth are the same, byte for byte; another seed gives others."""
    wish = "--every 10 --events 3"
    one, again = (made(tmp_path / name, f"{_SMALL} {wish}") for name in ("one", "again"))
    files = files_of(one.folder)
    assert files == files_of(again.folder)
    other = made(tmp_path / "other", f"{_SMALL} {wish} --seed 6")
    assert all(data != files[name] for name, data in files_of(other.folder).items())


def test_day_mishap_of_one_van_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    """Who wants a jam for one van gets the same tracks of the others."""
    calm, jammed = (
        made(tmp_path / name, f"{_SMALL} --every 10 {wish}")
        for name, wish in (("calm", ""), ("jammed", "--delay van-2"))
    )
    tracks = [[(days.folder / one["track"]).read_bytes() for one in days.drives]
              for days in (calm, jammed)]  # fmt: skip
    assert tracks[0][0] == tracks[1][0]
    assert tracks[0][1] != tracks[1][1]


def test_day_plans_are_read_by_the_contract(two_days: Days) -> None:
    """Each plan is what the server takes, for its van and date, with the stops of the truth."""
    for drive in two_days.drives:
        plan = two_days.plan(drive)
        assert (plan.id, plan.vehicle) == (drive["plan"], drive["vehicle"])
        assert plan.date.isoformat() == drive["date"]
        assert [stop.id for stop in plan.stops] == [stop["stop"] for stop in drive["stops"]]
        assert plan.depot is not None
        assert plan.depot.departs_ms == seconds(drive["planned_departure"]) * 1000


def test_day_order_and_parcel_ids_are_unique_in_the_fleet(two_days: Days) -> None:
    """No two orders, nor two parcels, of any van and day have one id."""
    orders = [
        order
        for drive in two_days.drives
        for stop in two_days.plan(drive).stops
        for order in stop.orders
    ]
    parcels = [parcel for order in orders for parcel in order.parcels]
    assert len({order.id for order in orders}) == len(orders) >= 20
    assert len(set(parcels)) == len(parcels) >= len(orders)


def test_day_contacts_reach_nobody(two_days: Days) -> None:
    """Phones are of ranges kept for fiction, e-mails of example.com, locales English and German."""
    contacts = [
        order.contact
        for drive in two_days.drives
        for stop in two_days.plan(drive).stops
        for order in stop.orders
    ]
    fictional = re.compile(r"\+49 ?3023125\d{3}|\+447700900\d{3}")
    assert all(one.phone is None or fictional.fullmatch(one.phone) for one in contacts)
    assert all(one.email is None or one.email.endswith("@example.com") for one in contacts)
    assert all(one.phone or one.email for one in contacts)
    assert {one.locale for one in contacts} == {"en", "de"}


def test_day_windows_hold_the_planned_arrival(tmp_path: Path) -> None:
    """Some windows are tight, some wide, some missing; the plan keeps each."""
    days = made(tmp_path / "out", "--seed 5 --vans 2 --stops 12 --tracks csv --every 60")
    lengths = set()
    for drive in days.drives:
        for stop, told in zip(days.plan(drive).stops, drive["stops"], strict=True):
            if stop.window is None:
                lengths.add("none")
                continue
            assert stop.window.from_ms <= seconds(told["planned_arrival"]) * 1000
            assert seconds(told["planned_arrival"]) * 1000 <= stop.window.to_ms
            hours = (stop.window.to_ms - stop.window.from_ms) / 3_600_000
            lengths.add("tight" if hours < 1.0 else "wide")
    assert lengths == {"none", "tight", "wide"}


def test_day_planned_path_leads_from_the_depot_past_each_stop(two_days: Days) -> None:
    """The path begins and ends at the depot and comes within some metres of every door."""
    for drive in two_days.drives:
        plan = two_days.plan(drive)
        assert plan.depot is not None
        gate = plan.depot.place.lat_deg, plan.depot.place.lon_deg
        assert plan.path[0] == plan.path[-1] == gate
        for stop in plan.stops:
            assert stop.place.lat_deg is not None
            assert stop.place.lon_deg is not None
            door = stop.place.lat_deg, stop.place.lon_deg
            assert min(apart_m(door, place) for place in plan.path) < 14.5


def test_day_town_can_be_driven_again(two_days: Days, tmp_path: Path) -> None:
    """The town's file makes the same days as the seed that drew it."""
    file = two_days.folder / "town.geojson"
    assert read_town(file).name == two_days.truth["town"]
    again = made(tmp_path / "out", f"{_SMALL} --days 2 --date 2026-03-27 --town {file}")
    assert files_of(again.folder) == files_of(two_days.folder)


def test_day_leaves_by_local_time(two_days: Days) -> None:
    """Vans leave between 8 and 9 in the town's own time, before and after the clocks change."""
    told = [drive["planned_departure"][11:19] for drive in two_days.drives]
    assert told == ["07:00:00", "08:00:00"] * 2


def test_day_nmea_says_what_the_csv_says(tmp_path: Path) -> None:
    """NMEA and CSV of the same seed and pace are the same measurements."""
    from milepost_schemas.tracks.fixes import read_fixes

    places = []
    for kind in ("csv", "nmea"):
        days = made(tmp_path / kind, f"{_SMALL} --vans 1 --every 5 --tracks {kind}")
        (track,) = read_fixes((days.folder / days.drives[0]["track"]).read_bytes())
        places.append([(fix.time_ms, fix.lat_e6, fix.lon_e6) for fix in track.fixes])
    assert len(places[0]) == len(places[1]) > 300
    for one, other in zip(*places, strict=True):
        assert one == pytest.approx(other, abs=2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("--vans 0", "--vans 0"),
        ("--stops 3", "--stops 3"),
        ("--days 0", "--days 0"),
        ("--every 0", "--every 0"),
        ("--events -1", "--events -1"),
        ("--date yesterday", "--date yesterday"),
        ("--date 2099-12-31 --days 2", "--date 2099-12-31"),
        ("--depart 8", "--depart 8"),
        ("--depart 25:00", "--depart 25:00"),
        ("--depart 09:00-08:00", "--depart 09:00-08:00"),
        ("--tracks gpx", "gpx"),
        ("--delay van-9", "--delay van-9"),
        ("--silent van-9", "--silent van-9"),
        ("--late-start van-1@2026-02-01", "--late-start van-1@2026-02-01"),
        ("--off van-1@soon", "--off van-1@soon"),
        ("--town {missing}", "{missing}"),
        ("--out {full}", "--out {full}"),
        ("--out {file}", "--out {file}"),
    ],
)
def test_day_wrong_option_is_told_in_one_line(
    wrong: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What cannot be had is named on standard error, with exit code 2, and nothing is written."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    names = {"missing": tmp_path / "missing", "full": tmp_path / "full",
             "file": tmp_path / "full" / "file"}  # fmt: skip
    out = tmp_path / "out"
    typed = ["--out", str(out), *wrong.format(**names).split()]
    monkeypatch.setattr(sys, "argv", ["milepost-sim", "day", *typed])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capfd.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert told.format(**names) in said.err
    assert not out.exists()
