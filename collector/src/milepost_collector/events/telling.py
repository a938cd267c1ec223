"""Events as people and machines read them: a line each."""

import json
from collections.abc import Mapping
from typing import Any

from milepost_collector.events.trial import Figures
from milepost_schemas.event import Event, cloud_event, rfc3339

# Where it happened and what it was about has a place of its own in a line.
_PLACED = {"fence", "name", "lat_deg", "lon_deg"}


def json_line(event: Event) -> str:
    """Return an event that is not stored as a CloudEvent."""
    return json.dumps(cloud_event(event), ensure_ascii=False)


def sentence(event: Event) -> str:
    """Return an event as a line for people: when, who, what, where, and what else is known."""
    data = event.data
    fence = data.get("name") or data.get("fence") or ""
    place = f"{data['lat_deg']:.6f},{data['lon_deg']:.6f}" if "lat_deg" in data else ""
    more = {name: value for name, value in data.items() if name not in _PLACED}
    parts = (
        rfc3339(event.time_ms),
        event.subject,
        event.type.replace(".", " "),
        str(fence),
        place,
        " ".join(f"{name}={value}" for name, value in _flat(more).items()),
    )
    return printable("  ".join(part for part in parts if part))


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with those of an object inside beside them, without what is not known."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value)
        elif value is not None:
            found[name] = str(value).lower() if isinstance(value, bool) else value
    return found


def printable(text: str) -> str:
    """Return text that does nothing to a terminal: what cannot be printed is written as escapes."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def figures_lines(figures: Figures) -> str:
    """Return figures for people."""
    told = sum(figures.events.values())
    lines = [f"{told} events" + _counted(figures.events)]
    doubted = sum(figures.doubted.values())
    lines.append(
        f"{figures.fixes} fixes, {figures.distance_m / 1000:.1f} km; "
        f"{doubted} doubted" + _counted(figures.doubted)
    )
    others = {
        "quarantined for their times": figures.quarantined,
        "points left out": figures.left_out,
    }
    lines += [f"{count} {what}" for what, count in others.items() if count]
    return "".join(f"{line}\n" for line in lines)


def figures_json(figures: Figures) -> str:
    """Return figures for machines."""
    return json.dumps(
        {
            "events": dict(sorted(figures.events.items())),
            "fixes": figures.fixes,
            "quarantined": figures.quarantined,
            "doubted": dict(sorted(figures.doubted.items())),
            "left_out": figures.left_out,
            "distance_m": round(figures.distance_m, 1),
        }
    )


def _counted(counts: Mapping[str, int]) -> str:
    parts = [f"{count} {name}" for name, count in sorted(counts.items()) if count]
    return f" ({', '.join(parts)})" if parts else ""
