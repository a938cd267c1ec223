"""The statuses that wait to be stored: of each unit those that can still make a difference.

A birth makes what was said over earlier connections void, a goodbye or a will counts for the
connection that it names: `store.statuses` judges by the row, this room leaves out what no row would
make a difference of. So a few a unit are enough, however long the database is away.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from milepost_schemas.topics import Address

MAX_STATUS_BYTES = 4096
_MAX_DEPTH = 16

# Goodbyes of different connections of a unit; more than two there are only of a hostile one.
_MAX_GOODBYES = 4


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """A unit's own words.

    Attributes:
        words: A small JSON object in which `online` says yes or no.
    """

    address: Address
    words: dict[str, Any]

    @property
    def is_birth(self) -> bool:
        """Whether it says that the unit is there."""
        return bool(self.words["online"])

    def is_of_same_connection(self, other: "UnitStatus") -> bool:
        """Whether both were said over one connection."""
        return all(self.words.get(key) == other.words.get(key) for key in ("run", "connection"))

    def is_before(self, other: "UnitStatus") -> bool:
        """Whether it was said over an earlier connection of the same run."""
        ours, theirs = self.words.get("connection"), other.words.get("connection")
        is_same_run = self.words.get("run", self) == other.words.get("run")
        return is_same_run and isinstance(ours, int) and isinstance(theirs, int) and ours < theirs


def read_status(address: Address, payload: bytes) -> UnitStatus | None:
    """Read a status; None where it is none."""
    if len(payload) > MAX_STATUS_BYTES:
        return None
    try:
        words = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(words, dict) or not isinstance(words.get("online"), bool):
        return None
    # What the stack bears here, it may not bear where it is written again.
    if _depth(words) > _MAX_DEPTH:
        return None
    # PostgreSQL's jsonb holds no NUL character.
    return None if "\\u0000" in json.dumps(words) else UnitStatus(address, words)


def _depth(value: object) -> int:
    """Return how deep objects and arrays lie in one another, counted by levels, not by calls."""
    depth, level = 0, [value]
    while level and depth <= _MAX_DEPTH:
        inner = [each for each in level if isinstance(each, dict | list)]
        level = [x for each in inner for x in (each.values() if isinstance(each, dict) else each)]
        depth += bool(inner)
    return depth


class StatusRoom:
    """Statuses between the broker and the table."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[UnitStatus, ...]] = {}
        self._some = asyncio.Event()

    def put(self, status: UnitStatus) -> None:
        """Let a status wait behind what its unit said before."""
        device = status.address.device
        self._waiting[device] = _followed(self._waiting.get(device, ()), status)
        self._some.set()

    def put_back(self, statuses: list[UnitStatus]) -> None:
        """Let statuses wait again, before what has come meanwhile."""
        for status in statuses:
            device = status.address.device
            waiting: tuple[UnitStatus, ...] = (status,)
            for later in self._waiting.get(device, ()):
                waiting = _followed(waiting, later)
            self._waiting[device] = waiting
        if self._waiting:
            self._some.set()

    async def some(self) -> None:
        """Wait until a status waits."""
        await self._some.wait()

    def take(self, limit: int) -> list[UnitStatus]:
        """Take the oldest status of at most `limit` units."""
        taken = []
        for device in list(self._waiting)[:limit]:
            first, *rest = self._waiting.pop(device)
            taken.append(first)
            if rest:
                self._waiting[device] = tuple(rest)
        if not self._waiting:
            self._some.clear()
        return taken


def _followed(waiting: tuple[UnitStatus, ...], status: UnitStatus) -> tuple[UnitStatus, ...]:
    """Return what must wait once a status has followed others of its unit."""
    birth = next((each for each in waiting if each.is_birth), None)
    goodbyes = [each for each in waiting if not each.is_birth]
    if status.is_birth:
        is_over = any(each.is_of_same_connection(status) for each in goodbyes)
        if birth is not None and (
            status.is_before(birth) or (birth.is_of_same_connection(status) and is_over)
        ):
            return waiting
        kept = [e for e in goodbyes if e.is_of_same_connection(status) or status.is_before(e)]
        return (*kept, status)
    if birth is not None and not (birth.is_of_same_connection(status) or birth.is_before(status)):
        return waiting
    superseded = {id(each) for each in goodbyes if each.is_of_same_connection(status)}
    superseded |= {id(each) for each in goodbyes[: 1 - _MAX_GOODBYES]}
    return (*[each for each in waiting if id(each) not in superseded], status)
