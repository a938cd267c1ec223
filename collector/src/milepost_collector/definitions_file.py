"""The files that people write definitions in: read, checked by the engine, put in force.

In flow the fence file (GeoJSON) and the rule file (JSON), out flows a new version of the
definitions. Whoever takes definitions in by another way checks them here too.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from milepost_collector.clock import Clock
from milepost_collector.engine import (
    Fence,
    FenceError,
    RuleBook,
    RulesError,
    fences_from_geojson,
    rules_from_json,
)
from milepost_collector.garbage import uncollected
from milepost_collector.store.connection import connect
from milepost_collector.store.definitions import postpone, publish

_Made = TypeVar("_Made")

# Every transaction that begins after this knows of them, so no fix before it was judged without.
EFFECTIVE_AFTER = timedelta(seconds=10)


def read_fences(path: Path) -> dict[str, Any]:
    """Read and check a fence file; return it as it is stored.

    Raises:
        FenceError: It cannot be read or used; the message names the file.
    """
    return _read(path, "fence", fences_from_geojson, FenceError)[0]


def fences_of(path: Path) -> tuple[Fence, ...]:
    """Return the fences of a file; raises as `read_fences`."""
    return _read(path, "fence", fences_from_geojson, FenceError)[1]


def read_rules(path: Path) -> dict[str, Any]:
    """Read and check a rule file; return it as it is stored.

    Raises:
        RulesError: It cannot be read or used; the message names the file.
    """
    return _read(path, "rule", rules_from_json, RulesError)[0]


def rules_of(path: Path) -> RuleBook:
    """Return the rules of a file; raises as `read_rules`."""
    return _read(path, "rule", rules_from_json, RulesError)[1]


def _read(
    path: Path,
    kind: str,
    made: Callable[[object], _Made],
    refusal: type[FenceError] | type[RulesError],
) -> tuple[dict[str, Any], _Made]:
    """Return what a file holds, as JSON and as what the engine makes of it."""
    try:
        with uncollected():
            read: dict[str, Any] = json.loads(path.read_bytes().decode(), parse_constant=_refuse)
            found = made(read)
        if not _is_storable(read):
            raise refusal("holds the character U+0000, which cannot be stored")
    except OSError as error:
        raise refusal(f"{kind} file {path}: {error.strerror}") from None
    except refusal as error:
        raise refusal(f"{kind} file {path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise refusal(f"{kind} file {path}: is no JSON: {error}") from None
    return read, found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def _is_storable(value: object) -> bool:
    """Whether PostgreSQL's jsonb can hold it, which JSON can write.

    Raises:
        UnicodeEncodeError: It holds half a surrogate pair.
    """
    text = json.dumps(value, ensure_ascii=False)
    text.encode()
    return "\\u0000" not in text


def put_in_force(
    dsn: str, clock: Clock, *, fences: dict[str, Any] | None, rules: dict[str, Any] | None
) -> bool:
    """Store what was read as new definitions, if it is; say whether.

    Args:
        dsn: The database.
        clock: Our time.
        fences: None: they stay as they are.
        rules: Likewise.

    Raises:
        OperationalError: The database cannot be reached.
    """
    with connect(dsn) as database, database.transaction():
        if not publish(database, fences, clock.now() + EFFECTIVE_AFTER, rules):
            return False
        postpone(database, clock.now() + EFFECTIVE_AFTER)
    return True
