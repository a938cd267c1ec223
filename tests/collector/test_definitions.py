"""Fences by version in a real database."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from milepost_collector.engine import Definitions
from milepost_collector.store.connection import connect, connect_async
from milepost_collector.store.definitions import load, newest_fences, publish
from milepost_schemas.fix import Fix, milliseconds
from tests.collector.batches import NOW, NOW_MS
from tests.collector.fences import circle, collection
from tests.fixtures.servers import FreshDatabase

PLACE = Fix(NOW_MS, 48_000_000, 11_000_000)
SMALL = collection(circle("yard", PLACE, 50))
LARGE = collection(circle("yard", PLACE, 80), circle("gate", PLACE, 10))


def put(database: FreshDatabase, fences: dict[str, Any], after_s: float = 0) -> bool:
    """Publish fences that are in force some seconds from now."""
    with connect(database.dsn) as connection:
        return publish(connection, fences, NOW + timedelta(seconds=after_s))


def loaded(database: FreshDatabase) -> tuple[Definitions, dict[str, Any]]:
    """Load all versions, and the newest as GeoJSON."""

    async def both() -> tuple[Definitions, dict[str, Any]]:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await load(connection), await newest_fences(connection)

    return asyncio.run(both())


def test_publish_of_the_same_fences_twice_is_one_version(plain_database: FreshDatabase) -> None:
    """The same fences, also with their keys in another order, are not a new version."""
    assert put(plain_database, SMALL)
    assert not put(plain_database, dict(reversed(SMALL.items())), after_s=60)
    assert plain_database.rows("SELECT version, effective_at FROM definitions") == [(1, NOW)]


def test_publish_of_fences_that_were_in_force_before_is_a_new_version(
    plain_database: FreshDatabase,
) -> None:
    """Going back to earlier fences is a change: only the newest version is compared."""
    assert [put(plain_database, each) for each in (SMALL, LARGE, SMALL)] == [True] * 3


def test_load_gives_each_version_from_when_it_is_in_force(plain_database: FreshDatabase) -> None:
    """Fixes meet the version that was in force at their time, and none before the first."""
    put(plain_database, SMALL, after_s=10)
    put(plain_database, LARGE, after_s=20)
    definitions, newest = loaded(plain_database)
    ids = [
        [fence.id for fence in definitions.in_force(NOW_MS + after_ms)]
        for after_ms in (9_999, 10_000, 19_999, 20_000)
    ]
    assert ids == [[], ["yard"], ["yard"], ["yard", "gate"]]
    assert definitions.version == 2
    assert definitions.effective_ms == (milliseconds(NOW) + 10_000, milliseconds(NOW) + 20_000)
    assert newest == LARGE


def test_load_without_definitions_is_empty(plain_database: FreshDatabase) -> None:
    """A database without fences has version 0 and an empty collection."""
    assert loaded(plain_database) == (Definitions(), collection())


@pytest.mark.parametrize("radius_m", [50, 50.0])
def test_load_gives_the_fences_that_were_published(
    plain_database: FreshDatabase, radius_m: float
) -> None:
    """A stored fence is the one that was published."""
    put(plain_database, collection(circle("yard", PLACE, radius_m)))
    definitions, _ = loaded(plain_database)
    (fence,) = definitions.in_force(NOW_MS)
    assert (fence.id, fence.reach_m) == ("yard", 50)
