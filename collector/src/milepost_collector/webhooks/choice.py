"""Which events a subscription wants."""

from collections.abc import Sequence

from milepost_collector.delivery.desk import DESK_TYPES
from milepost_collector.delivery.notices.rules import NOTICE_TYPES
from milepost_collector.engine.telling import TYPES
from milepost_collector.events.difference import WITHDRAWN
from milepost_schemas.event import TYPE_PREFIX

EVENT_TYPES = tuple(sorted((*TYPES, *DESK_TYPES, *NOTICE_TYPES, WITHDRAWN)))

_MAX_NAME = 200


class ChoiceError(ValueError):
    """No event can be meant; the message says by which word."""


def checked_types(names: Sequence[str]) -> list[str] | None:
    """Return types as they are stored; None where all are wanted.

    Args:
        names: A type with or without our prefix, or a beginning that ends with a dot (`fence.`).

    Raises:
        ChoiceError: There is no such type.
    """
    types = [name.removeprefix(TYPE_PREFIX) for name in names]
    for name, short in zip(names, types, strict=True):
        if short in EVENT_TYPES:
            continue
        if not (short.endswith(".") and any(known.startswith(short) for known in EVENT_TYPES)):
            raise ChoiceError(f"type {name!r} is none of {', '.join(EVENT_TYPES)}")
    return sorted(set(types)) or None


def checked_vehicles(names: Sequence[str]) -> list[str] | None:
    """Return vehicles as they are stored; None where all are wanted.

    Raises:
        ChoiceError: No vehicle can have that name.
    """
    for name in names:
        if not name or len(name) > _MAX_NAME or not name.isprintable():
            raise ChoiceError(f"vehicle {name[:_MAX_NAME]!r} cannot be the name of a vehicle")
    return sorted(set(names)) or None
