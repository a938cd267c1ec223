"""Forecasts: never before now, in order, wider in silence; what is learned adds and merges."""

import json
import math
import time
from dataclasses import replace
from itertools import groupby
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_collector.delivery.eta import Book, Estimates, Now, Outlook, forecast, measured
from milepost_collector.delivery.eta.backtest import learned
from milepost_collector.delivery.eta.book import hour_of_week, timed
from milepost_collector.delivery.eta.calibration import calibrated, score_key
from milepost_collector.delivery.eta.day import Day
from milepost_collector.delivery.eta.learning import learn
from milepost_collector.delivery.eta.lognormal import Spread, remaining, spread, waited
from milepost_collector.delivery.eta.route import Call, Position, Route, Visit
from milepost_collector.delivery.eta.sums import Key, Sums
from milepost_schemas.plan import Window
from tests.collector.eta_fleet import MONDAY, Fleet, fleet_days

NOON_MS = MONDAY * 86_400_000 + 12 * 3_600_000
MINUTE_MS = 60_000
# A degree of longitude on the equator, in metres.
DEGREE_M = 111_195.0


def row(calls: int, apart_m: float = 1_000.0, **more: object) -> Route:
    """Return a route of stops in a row on the equator, eastward, with its path."""
    places = [(0.0, number * apart_m / DEGREE_M) for number in range(calls + 1)]
    stops = tuple(
        Call(f"s{number}", *place, 120.0, radius_m=0.0) for number, place in enumerate(places[1:])
    )
    route = Route(stops, tuple(places), places[0], NOON_MS, start_radius_m=0.0)
    return replace(route, **more)  # type: ignore[arg-type]


def outlook(route: Route, book: Book | None = None, coverage: float = 0.8) -> Outlook:
    """Return what is expected of a route."""
    estimates = Estimates.of(book or Book(), coverage)
    return Outlook(measured(route, estimates.detour), estimates)


@pytest.fixture(scope="module")
def days() -> list[Day]:
    """Two weeks of a small fleet."""
    return fleet_days(31, 12, Fleet(vans=4, stops=30))


@pytest.fixture(scope="module")
def book(days: list[Day]) -> Book:
    """What all of them but the last calendar day teach."""
    groups = [list(group) for _, group in groupby(days[:-4], key=lambda day: day.number)]
    return learned(groups)[0]


@settings(deadline=None, max_examples=150)
@given(
    van=st.integers(0, 3),
    share=st.floats(0.0, 1.0),
    silent_s=st.integers(0, 7_200),
    seed=st.integers(0, 2**16),
)
def test_forecasts_are_in_order_and_never_before_now(
    days: list[Day], book: Book, van: int, share: float, silent_s: int, seed: int
) -> None:
    """Low <= point <= high, none before now or before that of an earlier stop, whatever came."""
    day, random = days[-1 - van], Random(seed)
    assert day.left_ms is not None
    at_ms = round(day.left_ms + share * (day.visits[-1].arrived_ms - day.left_ms))
    known = day.at(at_ms)
    if random.random() < 0.3:
        known = replace(known, position=None)
    elif random.random() < 0.3:  # somewhere else altogether
        known = replace(known, position=Position(random.uniform(-80, 80), 3.0, at_ms))
    now = replace(known, now_ms=at_ms + 1_000 * silent_s)
    etas = forecast(outlook(day.route, book), now)
    assert len(etas) == len(day.route.calls) - len(now.visits)
    low = point = high = now.now_ms
    for eta in etas:
        assert low <= eta.low_ms
        assert point <= eta.point_ms
        assert high <= eta.high_ms
        assert eta.low_ms <= eta.point_ms <= eta.high_ms
        low, point, high = eta.low_ms, eta.point_ms, eta.high_ms


@settings(deadline=None, max_examples=100)
@given(
    share=st.floats(0.0, 0.95),
    first_s=st.integers(60, 3_600),
    more_s=st.integers(1, 3_600),
)
def test_interval_widens_with_silence(
    days: list[Day], book: Book, share: float, first_s: int, more_s: int
) -> None:
    """The longer nothing has been heard of a vehicle, the wider are all of its intervals."""
    day = days[-1]
    assert day.left_ms is not None
    at_ms = round(day.left_ms + share * (day.visits[-1].arrived_ms - day.left_ms))
    known, expected = day.at(at_ms), outlook(day.route, book)
    widths = [
        [eta.high_ms - eta.low_ms for eta in forecast(expected, now)]
        for now in (
            replace(known, now_ms=at_ms + 1_000 * first_s),
            replace(known, now_ms=at_ms + 1_000 * (first_s + more_s)),
        )
    ]
    assert all(late > early for early, late in zip(*widths, strict=True))


def test_wider_interval_for_higher_coverage(days: list[Day], book: Book) -> None:
    """An interval that is to hold more arrivals is wider."""
    day = days[-1]
    assert day.left_ms is not None
    now = day.at(day.left_ms + 40 * MINUTE_MS)
    widths = [
        sum(eta.high_ms - eta.low_ms for eta in forecast(outlook(day.route, book, share), now))
        for share in (0.5, 0.8, 0.95)
    ]
    assert widths[0] < widths[1] < widths[2]


def test_update_of_thirty_stops_costs_less_than_a_millisecond(days: list[Day], book: Book) -> None:
    """The usual update of a vehicle with 30 stops stays below 1 ms of this machine."""
    day = days[-1]
    expected = outlook(day.route, book)
    assert day.left_ms is not None
    now = day.at(day.left_ms + MINUTE_MS)
    took_s = []
    for _ in range(100):
        begin_s = time.process_time()
        etas = forecast(expected, now)
        took_s.append(time.process_time() - begin_s)
    assert len(etas) == 30
    assert sorted(took_s)[50] < 0.001


def test_vehicle_that_is_nearer_is_expected_earlier() -> None:
    """Along the planned path every metre counts."""
    expected = outlook(row(3))
    points = []
    for done_m in (100.0, 500.0, 900.0):
        place = Position(0.0, done_m / DEGREE_M, NOON_MS + 2 * MINUTE_MS)
        now = Now(NOON_MS + 2 * MINUTE_MS, (), place, NOON_MS)
        points.append(forecast(expected, now)[0].point_ms)
    assert points[0] > points[1] > points[2]


def test_place_is_found_on_the_right_part_of_a_path_that_comes_back() -> None:
    """Where a path passes a place twice, the clock says which time is meant."""
    path = [(0.0, 0.0), (0.0, 2_000.0), (0.0, 0.0), (400.0, 0.0)]
    degrees = tuple((north / DEGREE_M, east / DEGREE_M) for north, east in path)
    calls = (Call("s0", *degrees[-1], 60.0, radius_m=0.0),)
    course = measured(Route(calls, degrees, degrees[0], NOON_MS, start_radius_m=0.0), 1.3)
    assert course.legs[0].length_m == pytest.approx(4_400.0, rel=0.01)
    place = (0.0, 500.0 / DEGREE_M)
    assert course.rest_m(course.legs[0], place, 0.1) == pytest.approx(3_900.0, abs=30.0)
    assert course.rest_m(course.legs[0], place, 0.9) == pytest.approx(900.0, abs=30.0)


def test_leg_without_path_is_the_straight_line_times_the_detour() -> None:
    """No planned path: as the crow flies, times what the fleet's streets add."""
    course = measured(row(2, path=()), 1.4)
    assert [leg.length_m for leg in course.legs] == pytest.approx([1_400.0, 1_400.0], rel=0.001)


def test_leg_leaves_out_the_radii_of_both_ends() -> None:
    """A vehicle has arrived at the edge of a stop's circle, and departs there."""
    route = row(2)
    calls = tuple(replace(call, radius_m=100.0) for call in route.calls)
    course = measured(replace(route, calls=calls), 1.4)
    assert [leg.outside_m for leg in course.legs] == pytest.approx([900.0, 800.0], rel=0.001)


def test_early_vehicle_waits_for_the_window() -> None:
    """Who comes early serves when the window opens, and the stop after it moves; not without."""
    opens_ms = NOON_MS + 60 * MINUTE_MS
    route = row(2)
    first = replace(route.calls[0], window=Window(opens_ms, opens_ms + 60 * MINUTE_MS))
    waits = replace(route, calls=(first, route.calls[1]))
    now = Now(NOON_MS, (), Position(0.0, 0.0, NOON_MS), NOON_MS)
    early, after = forecast(outlook(waits), now)
    assert early.point_ms < opens_ms
    assert after.low_ms > opens_ms
    unbound = forecast(outlook(replace(waits, waits=False)), now)
    assert unbound == forecast(outlook(route), now)
    assert unbound[1].high_ms < opens_ms


def test_waiting_takes_earlier_errors_away() -> None:
    """Slack absorbs: what is told of the stop after a long wait is surer than without it."""
    opens_ms = NOON_MS + 90 * MINUTE_MS
    route = row(6)
    bound = replace(route.calls[4], window=Window(opens_ms, opens_ms + 60 * MINUTE_MS))
    waits = replace(route, calls=(*route.calls[:4], bound, route.calls[5]))
    now = Now(NOON_MS, (), Position(0.0, 0.0, NOON_MS), NOON_MS)
    with_slack, without = forecast(outlook(waits), now)[-1], forecast(outlook(route), now)[-1]
    assert with_slack.high_ms - with_slack.low_ms < without.high_ms - without.low_ms


def test_slow_day_makes_later_stops_later() -> None:
    """Legs that took twice as long as expected slow the legs to come, fewer the less they count."""
    route, expected = row(8), outlook(row(8))
    leg_s = expected.leg(None, 0).median_s
    points = []
    for factor in (1.0, 2.0):
        time_ms, visits = float(NOON_MS), []
        for call in route.calls[:4]:
            time_ms += 1_000.0 * leg_s * factor
            visits.append(Visit(call.id, round(time_ms), round(time_ms + 120_000.0)))
            time_ms += 120_000.0
        now = Now(round(time_ms), tuple(visits), None, NOON_MS)
        points.append(forecast(expected, now)[-1].point_ms - round(time_ms))
    assert points[1] > 1.1 * points[0]


def test_service_that_lasts_remains_longer() -> None:
    """A service that has lasted far longer than usual is not over any moment."""
    expected = outlook(row(2))
    ahead = []
    for lasted_min in (1, 30):
        at_ms = NOON_MS + lasted_min * MINUTE_MS
        now = Now(at_ms, (Visit("s0", NOON_MS),), None, NOON_MS - 5 * MINUTE_MS)
        ahead.append(forecast(expected, now)[0].point_ms - at_ms)
    assert ahead[1] > ahead[0]


def test_standing_in_traffic_delays() -> None:
    """Who has stood for minutes on a leg is expected later than who just came there."""
    expected = outlook(row(2))
    points = []
    for standing_s in (0.0, 240.0):
        at_ms = NOON_MS + 6 * MINUTE_MS
        place = Position(0.0, 500.0 / DEGREE_M, at_ms, standing_s)
        points.append(forecast(expected, Now(at_ms, (), place, NOON_MS))[0].point_ms)
    assert points[1] > points[0] + MINUTE_MS


def test_stop_that_was_passed_by_comes_last_and_a_dropped_one_not_at_all() -> None:
    """A later stop made first puts the earlier one behind all others; dropped ones are gone."""
    expected = outlook(row(4))
    visits = (Visit("s1", NOON_MS + 5 * MINUTE_MS, NOON_MS + 7 * MINUTE_MS),)
    now = Now(NOON_MS + 8 * MINUTE_MS, visits, None, NOON_MS)
    assert [eta.id for eta in forecast(expected, now)] == ["s2", "s3", "s0"]
    dropped = replace(now, dropped=frozenset(["s0", "s3"]))
    assert [eta.id for eta in forecast(expected, dropped)] == ["s2"]


def test_vehicle_that_has_not_left_is_expected_after_its_departure() -> None:
    """Before the planned departure nothing is driven."""
    route = row(2, departs_ms=NOON_MS + 60 * MINUTE_MS)
    etas = forecast(outlook(route), Now(NOON_MS, (), Position(0.0, 0.0, NOON_MS)))
    assert etas[0].point_ms > NOON_MS + 60 * MINUTE_MS


def test_route_without_stops_has_no_forecasts() -> None:
    """Nothing to do, nothing to tell."""
    assert forecast(outlook(Route(())), Now(NOON_MS)) == ()


SUMS = st.builds(
    Sums,
    st.floats(0.01, 1e4),
    st.floats(-3.0, 3.0),
    st.floats(0.0, 1e3),
    st.floats(0.0, 20.0),
)


def close(one: Sums, other: Sums) -> bool:
    """Say whether two rows say the same."""
    pairs = zip(
        (one.weight, one.mean, one.squares, one.size),
        (other.weight, other.mean, other.squares, other.size),
        strict=True,
    )
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-6) for a, b in pairs)


@given(SUMS, SUMS, SUMS)
def test_merging_rows_is_associative_and_commutative(one: Sums, two: Sums, three: Sums) -> None:
    """However rows are put together, they say the same."""
    assert close(one.merged(two).merged(three), one.merged(two.merged(three)))
    assert close(one.merged(two), two.merged(one))


@given(st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=50))
def test_row_holds_mean_and_squares_of_its_values(values: list[float]) -> None:
    """Values added one by one give the sums of all."""
    key, book = Key("leg.size", "9", 8, 0), Book()
    for value in values:
        book.add(key, value)
    (_, sums), mean = next(iter(book.of_kind("leg.size"))), math.fsum(values) / len(values)
    assert math.isclose(sums.mean, mean, abs_tol=1e-9)
    assert math.isclose(sums.squares, math.fsum((v - mean) ** 2 for v in values), abs_tol=1e-6)


def test_book_comes_back_from_its_rows(days: list[Day], book: Book) -> None:
    """What is stored is all there is: the same rows give the same forecasts."""
    again = Book.from_rows(json.loads(json.dumps(book.to_rows())))
    assert again.to_rows() == book.to_rows()
    day = days[-1]
    now = day.at(day.visits[5].arrived_ms)
    assert forecast(outlook(day.route, again), now) == forecast(outlook(day.route, book), now)


def test_books_merge_row_by_row(days: list[Day]) -> None:
    """Two books, each of half of a day, are the book of that day."""
    estimates = Estimates.of(Book())
    parts = [Book(), Book()]
    whole = Book()
    for number, day in enumerate(days[:4]):
        learn(parts[number % 2], day, estimates)
        learn(whole, day, estimates)
    parts[0].merge(parts[1])
    merged, learned_rows = dict(iter(parts[0])), dict(iter(whole))
    assert merged.keys() == learned_rows.keys()
    assert all(close(merged[key], learned_rows[key]) for key in merged)


def test_aged_book_counts_less_and_says_the_same() -> None:
    """Age takes weight, and leaves means where they are."""
    book = Book([(Key("leg.size", "9", 8, 0), Sums(8.0, 0.5, 2.0, 9.5))])
    book.age(60.0)
    assert dict(iter(book)) == {Key("leg.size", "9", 8, 0): Sums(4.0, 0.5, 1.0, 9.5)}


def test_rare_place_is_drawn_toward_the_fleet_and_a_known_one_is_believed() -> None:
    """One odd visit moves the estimate of a place little, a hundred of them nearly all the way."""
    effects = {}
    for times in (1, 100):
        book, random = Book(), Random(4)
        for number in range(500):
            key = timed("service.size", "6", NOON_MS + number, 0.0)
            book.add(key, random.gauss(0.0, 0.5), 6.9)
        for _ in range(times):
            book.add(timed("service.place", "a/p", NOON_MS, 0.0), 1.0, 6.9)
        effects[times] = Estimates.of(book).services.lasting(6.9, "a", "a/p")[0]
    assert 0.0 < effects[1] < 0.5
    assert effects[100] > 0.8


def test_rush_hour_is_learned_by_hour_and_weekday() -> None:
    """An hour in which legs take longer is expected to be slow, others are not."""
    book, random = Book(), Random(1)
    for number in range(2_000):
        time_ms = NOON_MS + (number % 96 - 12) * 3_600_000
        hour = int(hour_of_week(time_ms, 0.0)) % 24
        value = (0.4 if hour == 8 else 0.0) + random.gauss(0.0, 0.2)
        book.add(timed("leg.size", "10", time_ms, 0.0), value, 10.5)
    legs = Estimates.of(book).legs
    assert legs.at_hour(8.5) - legs.at_hour(12.5) == pytest.approx(0.4, abs=0.1)


def test_slow_driver_is_expected_to_be_slow(days: list[Day]) -> None:
    """A vehicle whose services last longer than the fleet's is known by it, also early in a day."""
    book = Book()
    for day in days[:-4]:
        slow = day.name.startswith("van-1")
        visits = []
        for visit in day.visits:
            lasted_ms = (visit.departed_ms or 0) - visit.arrived_ms
            ends_ms = visit.arrived_ms + round(lasted_ms * (1.4 if slow else 1.0))
            visits.append(replace(visit, departed_ms=ends_ms))
        route = replace(day.route, vehicle=day.name[:5])
        learn(book, replace(day, route=route, visits=tuple(visits)), Estimates.of(book))
    habits = Estimates.of(book).habits_services
    others = [each for vehicle, each in habits.items() if vehicle != "van-1"]
    assert len(others) == 3
    assert habits["van-1"] > max(others) + 0.15


def test_local_hour_counts() -> None:
    """1970-01-01, 00:00 UTC was a Thursday; two hours east it was 02:00."""
    assert hour_of_week(0.0, 0.0) == 72.0
    assert hour_of_week(0.0, 7_200.0) == 74.0


def test_calibration_follows_the_scores_of_the_past() -> None:
    """Errors twice as large as expected make intervals twice as wide, and only at their horizon."""
    book, random = Book(), Random(2)
    for _ in range(20_000):
        score = random.gauss(0.0, 2.0)
        book.add(score_key(1_920.0, score), score)
    calibration = calibrated(book, 0.8)
    low, point, high = calibration.at(1_920.0)
    assert (low, point, high) == pytest.approx((-2.56, 0.0, 2.56), abs=0.2)
    assert calibration.at(120.0) == pytest.approx((-1.28, 0.0, 1.28), abs=0.05)


@settings(max_examples=50, deadline=None)
@given(st.floats(10.0, 2_000.0), st.floats(0.1, 1.0), st.floats(0.0, 4.0))
def test_remaining_time_is_that_of_the_durations_that_last(
    median_s: float, sigma: float, share: float
) -> None:
    """The closed form agrees with counting."""
    elapsed_s = median_s * min(share, math.exp(1.5 * sigma))
    steps = [median_s * math.exp(sigma * (z / 500.0)) for z in range(-3_000, 3_001)]
    weights = [math.exp(-((z / 500.0) ** 2) / 2.0) for z in range(-3_000, 3_001)]
    lasting = [(x - elapsed_s, w) for x, w in zip(steps, weights, strict=True) if x > elapsed_s]
    total = math.fsum(w for _, w in lasting)
    mean_s = math.fsum(x * w for x, w in lasting) / total
    assert remaining(median_s, sigma, elapsed_s).mean_s == pytest.approx(mean_s, rel=0.02, abs=0.5)


def test_spread_and_wait_agree_with_chance() -> None:
    """The moments of a lognormal, and of what cannot begin before an instant, as drawn."""
    random = Random(3)
    drawn = [random.lognormvariate(math.log(100.0), 0.5) for _ in range(100_000)]
    assert spread(100.0, 0.5).mean_s == pytest.approx(sum(drawn) / len(drawn), rel=0.02)
    late = [max(random.gauss(100.0, 30.0), 110.0) for _ in range(100_000)]
    mean_s = sum(late) / len(late)
    found = waited(Spread(100.0, 900.0), 110.0)
    assert found.mean_s == pytest.approx(mean_s, rel=0.01)
    variance = sum((each - mean_s) ** 2 for each in late) / len(late)
    assert found.variance == pytest.approx(variance, rel=0.05)
