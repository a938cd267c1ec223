"""The fences by version: never overwritten, each in force from a time of its own."""

import hashlib
import json
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from milepost_collector.engine import Definitions, fences_from_geojson
from milepost_collector.store.connection import AsyncDatabase, Database
from milepost_schemas.fix import milliseconds


def publish(connection: Database, fences: dict[str, Any], effective_at: datetime) -> bool:
    """Store fences as a new version unless they are the newest one already; say whether it is new.

    Args:
        connection: Committed here.
        fences: A GeoJSON FeatureCollection that the engine has accepted.
        effective_at: From when they are in force.
    """
    canonical = json.dumps(fences, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    with connection.transaction():
        connection.execute("LOCK TABLE definitions IN SHARE ROW EXCLUSIVE MODE")
        newest = connection.execute(
            "SELECT digest FROM definitions ORDER BY version DESC LIMIT 1"
        ).fetchone()
        if newest is not None and newest[0] == digest:
            return False
        connection.execute(
            "INSERT INTO definitions (effective_at, digest, fences) VALUES (%s, %s, %s)",
            (effective_at, digest, Jsonb(fences)),
        )
    return True


async def load(connection: AsyncDatabase) -> Definitions:
    """Load all versions."""
    cursor = await connection.execute(
        "SELECT version, effective_at, fences FROM definitions ORDER BY version"
    )
    rows = await cursor.fetchall()
    version = rows[-1][0] if rows else 0
    return Definitions.of(
        version, [(milliseconds(at), fences_from_geojson(fences)) for _, at, fences in rows]
    )


async def newest_fences(connection: AsyncDatabase) -> dict[str, Any]:
    """Return the newest fences as GeoJSON; an empty collection without any."""
    cursor = await connection.execute(
        "SELECT fences FROM definitions ORDER BY version DESC LIMIT 1"
    )
    row = await cursor.fetchone()
    fences: dict[str, Any] = row[0] if row else {"type": "FeatureCollection", "features": []}
    return fences
