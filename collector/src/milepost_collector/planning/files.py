"""Files of plans: which kind one is, and the plans in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from milepost_collector.importing.files import FileError, unpacked
from milepost_collector.planning.drafts import Draft, Told, drafts
from milepost_collector.planning.points import PointsError, read_points
from milepost_collector.planning.table import TableError, read_table
from milepost_schemas.plan import PlanError, read_plan

__all__ = ["FileError", "read_file"]


def read_file(path: Path, usual: Mapping[str, str]) -> tuple[list[Draft], list[Told]]:
    """Read the plans of a file, plain or gzip.

    Args:
        path: JSON (a plan, or a list of them), GeoJSON, or a table.
        usual: What holds where a row does not say its plan, vehicle, date or time zone.

    Returns:
        The plans, and lines that belong to none.

    Raises:
        FileError: It cannot be read or used at all; the message says why.
    """
    data = unpacked(path)
    try:
        if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
            return drafts(read_table(data), usual)
        value = json.loads(data.decode("utf-8-sig"))
        if isinstance(value, dict) and value.get("type") == "FeatureCollection":
            rows, way, members = read_points(value)
            return drafts(rows, {**usual, **members}, way)
    except (TableError, PointsError) as error:
        raise FileError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise FileError(f"is no JSON: {error}") from None
    return _plans(value)


def _plans(value: Any) -> tuple[list[Draft], list[Told]]:
    """Read plans as JSON; one that is wrong is refused with all its problems."""
    whole: Sequence[Any] = value if isinstance(value, list) else [value]
    found: list[Draft] = []
    lost: list[Told] = []
    for number, each in enumerate(whole, 1):
        name = each.get("id") if isinstance(each, dict) else None
        told = Told(str(number), name if isinstance(name, str) else None)
        try:
            plan = read_plan(each)
        except PlanError as error:
            lost.append(replace(told, why_refused=str(error)))
            continue
        if any(plan.id == other.plan.id for other in found):
            lost.append(replace(told, why_refused=f"plan {plan.id} stands twice in this file"))
            continue
        draft = Draft(replace(plan, stops=()))
        for place, stop in enumerate(plan.stops):
            draft.stops[stop.id] = stop
            where = f"{number}.stops[{place}]"
            draft.lines[stop.id] = [Told(where, plan.id, stop.id)]
        if not plan.stops:
            draft.told.append(told)
        found.append(draft)
    return found, lost
