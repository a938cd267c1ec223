"""The fence file: read, checked by the engine, stored as the newest definitions."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from milepost_collector.clock import Clock
from milepost_collector.engine import FenceError, fences_from_geojson
from milepost_collector.store.connection import connect
from milepost_collector.store.definitions import publish

# Every transaction that begins after this knows of them, so no fix before it was judged without.
EFFECTIVE_AFTER = timedelta(seconds=10)


def read_fences(path: Path) -> dict[str, Any]:
    """Read and check a fence file.

    Raises:
        FenceError: It cannot be read or used; the message names the file.
    """
    try:
        collection = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        fences_from_geojson(collection)
        _check_storable(collection)
    except OSError as error:
        raise FenceError(f"fence file {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        kind = "" if isinstance(error, FenceError) else "is no JSON: "
        raise FenceError(f"fence file {path}: {kind}{error}") from None
    fences: dict[str, Any] = collection
    return fences


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def _check_storable(collection: object) -> None:
    """Refuse what JSON can write and PostgreSQL's jsonb cannot hold."""
    text = json.dumps(collection, ensure_ascii=False)
    if "\\u0000" in text:
        raise FenceError("holds the character U+0000, which cannot be stored")
    text.encode()  # half a surrogate pair raises UnicodeEncodeError, a ValueError


def publish_fences(dsn: str, fences: dict[str, Any], clock: Clock) -> bool:
    """Store fences that were read as new definitions, if they are; say whether.

    Raises:
        OperationalError: The database cannot be reached.
    """
    with connect(dsn) as database:
        return publish(database, fences, clock.now() + EFFECTIVE_AFTER)
