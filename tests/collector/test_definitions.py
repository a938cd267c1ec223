"""Definitions by version in a real database."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from milepost_collector.engine import Definitions, Rules, Version
from milepost_collector.store.connection import connect, connect_async
from milepost_collector.store.definitions import load, newest_fences, postpone, publish
from milepost_collector.store.planned_stops import PlannedStops
from milepost_schemas.fix import Fix
from tests.collector.batches import NOW, NOW_MS
from tests.collector.fences import circle, collection
from tests.fixtures.servers import FreshDatabase

PLACE = Fix(NOW_MS, 48_000_000, 11_000_000)
SMALL = collection(circle("yard", PLACE, 50))
LARGE = collection(circle("yard", PLACE, 80), circle("gate", PLACE, 10))


def put(
    database: FreshDatabase,
    fences: dict[str, Any] | None = None,
    rules: dict[str, Any] | None = None,
    after_s: float = 0,
) -> bool:
    """Publish definitions that are in force some seconds from now."""
    with connect(database.dsn) as connection:
        return publish(connection, fences, NOW + timedelta(seconds=after_s), rules)


def loaded(database: FreshDatabase) -> tuple[Definitions, dict[str, Any]]:
    """Load all versions, and the newest fences as GeoJSON."""

    async def both() -> tuple[Definitions, dict[str, Any]]:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await load(connection, PlannedStops(), NOW_MS), await newest_fences(connection)

    return asyncio.run(both())


def at(definitions: Definitions, time_ms: int) -> Version:
    """The version that is in force at a GPS time."""
    return definitions.numbered(int(definitions.numbers_at(np.array([time_ms]))[0]))


def ids(version: Version) -> list[str]:
    """The ids of its fences."""
    return [fence.id for fence in version.fences.fences]


def test_publish_of_the_same_twice_is_one_version(plain_database: FreshDatabase) -> None:
    """The same fences and rules, also with keys in another order, are not a new version."""
    assert put(plain_database, SMALL, {"stop_s": 90, "trip_m": 100})
    assert not put(plain_database, dict(reversed(SMALL.items())), after_s=60)
    assert not put(plain_database, None, {"trip_m": 100, "stop_s": 90}, after_s=60)
    assert plain_database.rows("SELECT version, effective_at FROM definitions") == [(1, NOW)]


def test_publish_of_nothing_into_an_empty_database_is_no_version(
    plain_database: FreshDatabase,
) -> None:
    """No fences and the usual rules are what holds without any definitions."""
    assert not put(plain_database, collection(), {})
    assert plain_database.rows("SELECT FROM definitions") == []


def test_publish_of_what_was_in_force_before_is_a_new_version(
    plain_database: FreshDatabase,
) -> None:
    """Going back to earlier fences is a change: only the newest version is compared."""
    assert [put(plain_database, each) for each in (SMALL, LARGE, SMALL)] == [True] * 3


def test_publish_of_one_part_keeps_the_other(plain_database: FreshDatabase) -> None:
    """New rules keep the fences as they are, and new fences the rules."""
    put(plain_database, SMALL)
    put(plain_database, None, {"stop_s": 90}, after_s=10)
    put(plain_database, LARGE, after_s=20)
    definitions, newest = loaded(plain_database)
    versions = [at(definitions, NOW_MS + after_ms) for after_ms in (0, 10_000, 20_000)]
    assert [ids(version) for version in versions] == [["yard"], ["yard"], ["yard", "gate"]]
    assert [version.rules.usual.stop_s for version in versions] == [60, 90, 90]
    assert newest == LARGE


def test_publish_of_rules_first_has_no_fences(plain_database: FreshDatabase) -> None:
    """Rules can be there before there are fences."""
    put(plain_database, None, {"vehicles": {"van-1": {"speed_limit_mps": 14}}})
    version = at(loaded(plain_database)[0], NOW_MS)
    assert ids(version) == []
    assert version.rules.of("van-1") == Rules(speed_limit_mps=14)
    assert version.rules.of("van-2") == Rules()


def test_load_gives_each_version_from_when_it_is_in_force(plain_database: FreshDatabase) -> None:
    """Fixes meet the version that was in force at their time, and none before the first."""
    put(plain_database, SMALL, after_s=10)
    put(plain_database, LARGE, after_s=20)
    definitions, newest = loaded(plain_database)
    found = [
        ids(at(definitions, NOW_MS + after_ms)) for after_ms in (9_999, 10_000, 19_999, 20_000)
    ]
    assert found == [[], ["yard"], ["yard"], ["yard", "gate"]]
    assert definitions.version == 2
    assert newest == LARGE


def test_publish_is_never_in_force_before_an_older_version(plain_database: FreshDatabase) -> None:
    """A clock that was set back does not put a new version behind an older one."""
    put(plain_database, SMALL, after_s=20)
    put(plain_database, LARGE, after_s=10)
    definitions, _ = loaded(plain_database)
    found = [ids(at(definitions, NOW_MS + after_ms)) for after_ms in (19_999, 20_000)]
    assert found == [[], ["yard", "gate"]]


def test_postpone_moves_only_the_newest_version_and_only_later(
    plain_database: FreshDatabase,
) -> None:
    """What took long to write is in force after it was written; older versions stay."""
    put(plain_database, SMALL)
    put(plain_database, LARGE, after_s=10)
    for after_s in (30, 20):
        with connect(plain_database.dsn) as connection:
            postpone(connection, NOW + timedelta(seconds=after_s))
    times = plain_database.rows("SELECT effective_at FROM definitions ORDER BY version")
    assert times == [(NOW,), (NOW + timedelta(seconds=30),)]


def test_load_without_definitions_is_empty(plain_database: FreshDatabase) -> None:
    """A database without definitions has version 0, no fences and the usual rules."""
    definitions, newest = loaded(plain_database)
    assert definitions.version == 0
    assert (ids(at(definitions, NOW_MS)), newest) == ([], collection())
    assert at(definitions, NOW_MS).rules.of("van-1") == Rules()


def test_load_makes_equal_fences_ready_once(plain_database: FreshDatabase) -> None:
    """Versions with the same fences share them, also with those that are loaded already."""
    put(plain_database, SMALL)
    put(plain_database, None, {"stop_s": 90})
    first, _ = loaded(plain_database)
    put(plain_database, None, {"stop_s": 120})
    second, _ = loaded(plain_database)
    indexes = {id(first.numbered(n).fences) for n in (1, 2)}
    assert indexes == {id(second.numbered(n).fences) for n in (1, 2, 3)}
    assert len(indexes) == 1


@pytest.mark.parametrize("radius_m", [50, 50.0])
def test_load_gives_the_fences_that_were_published(
    plain_database: FreshDatabase, radius_m: float
) -> None:
    """A stored fence is the one that was published."""
    put(plain_database, collection(circle("yard", PLACE, radius_m)))
    (fence,) = at(loaded(plain_database)[0], NOW_MS).fences.fences
    assert (fence.id, fence.shape.depth_m) == ("yard", 50)


def test_load_leaves_out_what_only_an_older_release_took(plain_database: FreshDatabase) -> None:
    """One stored fence or rule that is not taken any more does not take the others with it."""
    put(plain_database, LARGE, {"stop_s": 90})
    plain_database.run(
        "UPDATE definitions SET fences = jsonb_set(fences, '{features,1,properties,radius_m}', "
        "'0.25'), rules = '{\"stop_s\": 1}'"
    )
    version = at(loaded(plain_database)[0], NOW_MS)
    assert ids(version) == ["yard"]
    assert version.rules.of("van-1") == Rules()
