"""The definitions by version: never overwritten, each in force from a time of its own.

A version holds fences (GeoJSON) and rules (JSON), as people wrote them. Fences that are the same in
several versions, or were loaded before and are still in use, are read and made ready once.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

import structlog
from psycopg.types.json import Jsonb

from milepost_collector.engine import (
    Definitions,
    Fence,
    FenceError,
    RuleBook,
    RulesError,
    Version,
    fences_from_geojson,
    rules_from_json,
)
from milepost_collector.engine.nearby import FenceIndex
from milepost_collector.garbage import uncollected
from milepost_collector.store.connection import AsyncDatabase, Database
from milepost_collector.store.planned_stops import PlannedStops
from milepost_schemas.fix import milliseconds

_log = structlog.get_logger(__name__)

_NO_FENCES: dict[str, Any] = {"type": "FeatureCollection", "features": []}

_Part = dict[str, Any]

# Earlier than any GPS time.
_ALWAYS_MS = -(2**62)

# Fences taken from the connection between two looks at other work.
_AT_ONCE = 1000

# By digest; those that nobody uses any more are gone by themselves.
_ready: WeakValueDictionary[bytes, FenceIndex] = WeakValueDictionary()


def publish(
    connection: Database,
    fences: _Part | None,
    effective_at: datetime,
    rules: _Part | None = None,
) -> bool:
    """Store a new version unless all of it is in the newest one already; say whether it is new.

    Args:
        connection: Committed here.
        fences: A GeoJSON FeatureCollection that the engine has accepted; None: as they are.
        effective_at: From when it is in force; a version is never in force before an older one.
        rules: A JSON object that the engine has accepted; None: as they are.
    """
    with connection.transaction():
        connection.execute("LOCK TABLE definitions IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "SELECT digest, rules, version FROM definitions ORDER BY version DESC LIMIT 1"
        ).fetchone()
        digest, kept_rules, version = row or (_digest(_NO_FENCES), {}, 0)
        new_digest = digest if fences is None else _digest(fences)
        new_rules = kept_rules if rules is None else rules
        if (new_digest, new_rules) == (digest, kept_rules):
            return False
        given = None if new_digest == digest else Jsonb(fences)
        connection.execute(
            "INSERT INTO definitions (effective_at, digest, fences, rules) "
            "SELECT greatest(%s, (SELECT max(effective_at) FROM definitions)), %s, "
            "coalesce(%s, (SELECT fences FROM definitions WHERE version = %s), %s), %s",
            (effective_at, new_digest, given, version, Jsonb(_NO_FENCES), Jsonb(new_rules)),
        )
    return True


def postpone(connection: Database, effective_at: datetime) -> None:
    """Put the newest version in force no earlier than some time; the caller commits.

    To be called when all of it is written, which takes seconds where there are many fences.
    """
    connection.execute(
        "UPDATE definitions SET effective_at = greatest(effective_at, %s) "
        "WHERE version = (SELECT max(version) FROM definitions)",
        (effective_at,),
    )


def _digest(fences: _Part) -> bytes:
    canonical = json.dumps(fences, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


async def load(
    connection: AsyncDatabase,
    plans: PlannedStops,
    since_ms: int,
    fences: FenceIndex | None = None,
    rules: RuleBook | None = None,
) -> Definitions:
    """Load all versions; fences are made ready beside the event loop.

    Args:
        connection: An open connection.
        plans: What is at hand of plans; brought up to date.
        since_ms: GPS time from which on all plans are to be at hand, milliseconds since 1970.
        fences: Hold at any time in place of those that are stored.
        rules: Likewise.
    """
    # Asked first: what changes meanwhile is loaded once more.
    cursor = await connection.execute("SELECT newest_definitions()")
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it asks for one value
    planned = await plans.load(connection, since_ms)
    cursor = await connection.execute(
        "SELECT version, effective_at, digest, rules FROM definitions ORDER BY version"
    )
    rows = await cursor.fetchall()
    digests = dict.fromkeys(digest for _, _, digest, _ in rows)
    indexes = await _indexes(connection, digests) if fences is None else {}
    versions = [
        (
            milliseconds(at),
            Version(
                indexes[digest] if fences is None else fences,
                _rules(written) if rules is None else rules,
            ),
        )
        for _, at, digest, written in rows
    ]
    if fences is not None or rules is not None:
        before = Version.of()
        always = Version(fences or before.fences, rules or before.rules)
        versions.insert(0, (_ALWAYS_MS, always))
    return Definitions(row[0], versions, planned)


async def _indexes(connection: AsyncDatabase, digests: Iterable[bytes]) -> dict[bytes, FenceIndex]:
    found = {}
    for digest in digests:
        index = _ready.get(digest)
        if index is None:
            features = await _features(connection, digest)
            index = _ready.setdefault(digest, await asyncio.to_thread(_index, features))
        found[digest] = index
    return found


async def _features(connection: AsyncDatabase, digest: bytes) -> list[str]:
    """Return fences one by one: reading all of them as one text would hold everything up."""
    cursor = await connection.execute(
        "SELECT feature::text FROM jsonb_array_elements((SELECT fences -> 'features' "
        "FROM definitions WHERE digest = %s ORDER BY version LIMIT 1)) AS feature",
        (digest,),
    )
    features: list[str] = []
    while rows := await cursor.fetchmany(_AT_ONCE):
        features += (text for (text,) in rows)
        await asyncio.sleep(0)
    return features


def _index(features: Sequence[str]) -> FenceIndex:
    with uncollected():
        return FenceIndex(_fences([json.loads(text) for text in features]))


def _fences(features: Sequence[object]) -> Sequence[Fence]:
    """Read stored fences; one that an older release took and this one does not is left out."""
    try:
        return fences_from_geojson(_collection(features))
    except FenceError:
        found: list[Fence] = []
        for feature in features:
            try:
                found += fences_from_geojson(_collection([feature]))
            except FenceError as error:
                _log.error("A stored fence is left out.", cause=str(error))
        return found


def _rules(stored: object) -> RuleBook:
    """Read stored rules; the usual ones hold where this release does not take them."""
    try:
        return rules_from_json(stored)
    except RulesError as error:
        _log.error("Stored rules do not hold: the usual ones do.", cause=str(error))
        return RuleBook()


def _collection(features: Sequence[object]) -> _Part:
    return _NO_FENCES | {"features": features}


async def newest_fences(connection: AsyncDatabase) -> _Part:
    """Return the newest fences as GeoJSON; an empty collection without any."""
    cursor = await connection.execute(
        "SELECT fences FROM definitions ORDER BY version DESC LIMIT 1"
    )
    row = await cursor.fetchone()
    return row[0] if row else _NO_FENCES


async def rules_at(connection: AsyncDatabase, time: datetime) -> RuleBook:
    """Return the rules that were in force at a GPS time; the usual ones before the first."""
    cursor = await connection.execute(
        "SELECT rules FROM definitions WHERE effective_at <= %s ORDER BY version DESC LIMIT 1",
        (time,),
    )
    row = await cursor.fetchone()
    return _rules(row[0]) if row else RuleBook()
