"""The traffic of delivery days, how long stops take, and what goes wrong by chance."""

from collections.abc import Iterator
from datetime import date, datetime
from random import Random
from statistics import mean
from zoneinfo import ZoneInfo

import pytest

from milepost_firmware_sim.day import service
from milepost_firmware_sim.day.congestion import Congestion
from milepost_firmware_sim.day.customers import Clientele, Customer, StopKind
from milepost_firmware_sim.day.mishaps import Mishap, Wish, draw_mishaps
from milepost_firmware_sim.day.roads import roads_of
from milepost_firmware_sim.drive.motion import Motion
from milepost_firmware_sim.path import Path, Stretch
from milepost_firmware_sim.town.addresses import AddressBook
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.router import Router
from milepost_firmware_sim.town.traffic import Traffic

_TOWN = generate_town(11)


@pytest.fixture(scope="module")
def paths() -> list[Path]:
    """Return some ways through the town."""
    book, random, router = AddressBook(_TOWN), Random(1), Router(_TOWN)
    ways = [router.way(book.depot, book.draw(random)) for _ in range(6)]
    return [way.path for way in ways if way is not None]


def test_random_events_are_as_many_as_asked_for() -> None:
    """`--events N` makes N things go wrong that nobody asked for, never one twice on a drive."""
    drives = [(van, date(2026, 1, day)) for day in (5, 6) for van in ("van-1", "van-2")]
    wish = Wish(Mishap.DELAY, "van-2")
    drawn = draw_mishaps(3, drives, [wish], 9)
    assert sum(len(each) for each in drawn.values()) == 10
    assert Mishap.DELAY in drawn["van-2", date(2026, 1, 5)]
    everything = draw_mishaps(3, drives, [wish], 1000)
    assert all(each == set(Mishap) for each in everything.values())


def _congestion(seed: int = 1) -> Congestion:
    return Congestion(_TOWN, Traffic(_TOWN), seed)


def _hours(first: int, last: int) -> Iterator[float]:
    return (float(hour) for hour in range(first, last))


def test_traffic_is_slow_in_the_rush_hours_of_working_days() -> None:
    """Main roads are slower at 8 and 17 than at 12 and at night, and on Sundays nowhere much."""
    traffic, road = _congestion(), Stretch(13.89, street="of no name", rank="primary")
    monday = {hour: traffic.factor(road, 0, hour) for hour in _hours(0, 24)}
    assert max(monday[8.0], monday[17.0]) < 0.85 * monday[12.0] < monday[3.0]
    assert all(0.85 < traffic.factor(road, 6, hour) <= 1.0 for hour in _hours(0, 24))
    friday = {hour: traffic.factor(road, 4, hour) for hour in _hours(0, 24)}
    assert friday[15.0] < 0.8 * monday[15.0]
    lane = Stretch(5.56, rank="lane")
    assert traffic.factor(lane, 0, 17.0) > traffic.factor(road, 0, 17.0) + 0.2


def test_traffic_is_slow_on_the_same_streets_every_day() -> None:
    """The streets that the truth names are slower at their hours, and at no others."""
    traffic = _congestion()
    names = {street.name for street in _TOWN.streets}
    assert len(traffic.slow_streets) == 4
    for slow in traffic.slow_streets:
        assert slow.street in names
        here = Stretch(13.89, street=slow.street, rank="primary")
        other = Stretch(13.89, street="of no name", rank="primary")
        usual = traffic.factor(other, 2, slow.from_hour)
        assert traffic.factor(here, 2, slow.from_hour) == pytest.approx(usual * slow.factor)
        before = slow.from_hour - 0.5
        assert traffic.factor(here, 2, before) == traffic.factor(other, 2, before)


def _drive_s(paths: list[Path], traffic: Congestion, day: int, hour: int, luck: int) -> float:
    """Return how long ways take if all are begun at one time."""
    local = datetime(2026, 1, day, hour, tzinfo=ZoneInfo("Europe/Berlin"))
    return sum(
        Motion(traffic.slowed(path, local, "van-1", Random(luck))).duration_s for path in paths
    )


def test_traffic_has_luck_of_days_and_of_legs(paths: list[Path]) -> None:
    """The same ways at the same hour take another time each day, and each time of a day."""
    traffic = _congestion()
    times = {_drive_s(paths, traffic, day, 12, luck) for day in (6, 7) for luck in range(2)}
    assert len(times) == 4


def test_traffic_makes_ways_of_rush_hours_longer(paths: list[Path]) -> None:
    """The same ways take longer in the afternoon's rush than before noon, and least at night."""
    traffic = _congestion()
    night_s, noon_s, rush_s = (
        mean(_drive_s(paths, traffic, 6, hour, luck) for luck in range(3)) for hour in (3, 11, 17)
    )
    assert rush_s > 1.25 * noon_s
    assert noon_s > 1.03 * night_s


def test_service_differs_by_what_is_there() -> None:
    """Shops take longer than flats, flats than houses, a few very long; plans know the usual."""
    expected = {kind: service.expected_s(kind, 1) for kind in StopKind}
    assert expected[StopKind.HOUSE] < expected[StopKind.FLAT] < expected[StopKind.SHOP]
    random = Random(1)
    here = AddressBook(_TOWN).depot
    for kind in StopKind:
        customer = Customer(here, (0.0, 0.0), kind, 1.0)
        drawn = [service.draw_s(customer, 1, 1.0, random) for _ in range(4000)]
        assert 0.02 < mean(is_long for _, is_long in drawn) < 0.04
        usual = [seconds for seconds, is_long in drawn if not is_long]
        assert mean(usual) == pytest.approx(expected[kind], rel=0.05)
        assert min(usual) >= 30.0
        assert max(seconds for seconds, _ in drawn) > 4.0 * expected[kind]


def test_customers_come_again_and_are_what_they_were() -> None:
    """A third of a day's stops are regulars; what is at an address is the same every day."""
    clientele = Clientele(roads_of(_TOWN), 1, 2)
    days = [clientele.day(day, 20) for day in ("2026-01-05", "2026-01-06", "2026-01-07")]
    assert all([len(van) for van in vans] == [20, 20] for vans in days)
    seen = [{one.address.name: one for van in vans for one in van} for vans in days]
    again = seen[0].keys() & (seen[1].keys() | seen[2].keys())
    assert len(again) >= 8
    for name in again:
        for other in seen[1:]:
            assert other.get(name, seen[0][name]) == seen[0][name]
