"""The record as a chain of hashes: each change holds that of the one before.

A change of any row, a row that is missing or one too many is found by walking the chain. Personal
content is in it by salted digests alone: where content and salt were erased, and the record says
so, the chain still holds, and the walk says how much was erased.

A chain is `plan/ID`, or `order/ID` for what happened to an order outside of plans.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from milepost_collector.delivery.changes import ChangeKind

FIRST = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the record.

    Attributes:
        chain: Which.
        n: Its place there, from 1.
        at: When it was written, in our time.
        source: dispatcher, driver, fence or import.
        input: Which request, event, tap, or line of a file.
        kind: What changed.
        stop: The stop.
        order: The order.
        said: Canonical JSON; under `personal` the number and digest of a personal row.
    """

    chain: str
    n: int
    at: datetime
    source: str
    input: str
    kind: str
    stop: str | None
    order: str | None
    said: str

    def hash(self, previous: bytes) -> bytes:
        """Return the SHA-256 of it and of the hash before it."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        whole = [self.chain, self.n, at, self.source, self.input, self.kind, self.stop, self.order]
        return hashlib.sha256(previous + canonical([*whole, self.said]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Linked:
    """An entry as it is stored.

    Attributes:
        entry: It.
        previous: The hash of the one before.
        hash: Its own.
    """

    entry: Entry
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class PersonalRow:
    """What lies in a personal row; None: it was erased."""

    salt: bytes | None
    content: str | None


@dataclass(frozen=True, slots=True)
class Walked:
    """What the walk along a chain found.

    Attributes:
        chain: Which.
        changes: How many there are.
        head: The hash of the last one, in hexadecimal digits: written down elsewhere, it shows
            that nobody made the chain anew.
        erased: Personal rows that were erased, as the record says.
        broken_at: The first change that is not as it was written; None: all are.
        cause: Why that is.
    """

    chain: str
    changes: int
    head: str
    erased: int
    broken_at: int | None = None
    cause: str | None = None


def canonical(value: Any) -> str:
    """Write JSON in the one form of which digests are made."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(salt: bytes, content: str) -> str:
    """Return the digest of personal content, in hexadecimal digits."""
    return hashlib.sha256(salt + content.encode()).hexdigest()


def linked(previous: bytes, entries: Iterable[Entry]) -> list[Linked]:
    """Return entries with the hashes that bind them to the one before.

    Args:
        previous: The chain's head; `FIRST` where it begins.
        entries: In order.
    """
    found = []
    for entry in entries:
        own = entry.hash(previous)
        found.append(Linked(entry, previous, own))
        previous = own
    return found


def walk(
    chain: str,
    rows: Sequence[Linked],
    head: tuple[int, bytes],
    personal: Mapping[int, PersonalRow],
    erased: Collection[int],
) -> Walked:
    """Walk along a chain and tell what is wrong with it first, if anything is.

    Args:
        chain: Its name.
        rows: All of it, by number.
        head: How many changes there were and the last one's hash, as it is noted elsewhere.
        personal: The personal rows that it names; one that is not there is missing.
        erased: The personal rows of which any chain says that they were erased (`erased_by`).
    """
    gone: set[int] = set()
    previous = FIRST
    for place, row in enumerate(rows, 1):
        cause = _fault(row, place, previous) or _personal_fault(row, personal, erased, gone)
        if cause is not None:
            return Walked(chain, len(rows), previous.hex(), len(gone), place, cause)
        previous = row.hash
    if head != (len(rows), previous):
        cause = f"it ends with change {len(rows)}, but change {head[0]} was the newest"
        if head[0] == len(rows):
            cause = "its last change is not the one that was written last"
        first = min(len(rows), head[0]) + 1 if head[0] != len(rows) else len(rows)
        return Walked(chain, len(rows), previous.hex(), len(gone), first, cause)
    return Walked(chain, len(rows), previous.hex(), len(gone))


def _fault(row: Linked, place: int, previous: bytes) -> str | None:
    if row.entry.n != place:
        return f"change {place} is missing"
    if row.previous != previous:
        return "it does not follow the change before it"
    if row.entry.hash(previous) != row.hash:
        return "it is not what was written"
    return None


def _personal_fault(
    row: Linked, personal: Mapping[int, PersonalRow], erased: Collection[int], gone: set[int]
) -> str | None:
    """Return what is wrong with the personal row that a change names; count erased ones."""
    named = json.loads(row.entry.said).get("personal")
    if named is None or row.entry.kind == ChangeKind.ERASED:
        return None
    number, expected = named
    stored = personal.get(number)
    if stored is None:
        return f"its personal row {number} is missing"
    if stored.salt is None or stored.content is None:
        if number not in erased:
            return f"its personal row {number} is empty, and no change says that it was erased"
        gone.add(number)
        return None
    if digest(stored.salt, stored.content) != expected:
        return f"its personal row {number} is not what was written"
    return None


def erased_by(said: str) -> list[int]:
    """Return the personal rows that a change of kind `erased` says it erased."""
    try:
        return [int(number) for number in json.loads(said)["rows"]]
    except (ValueError, LookupError, TypeError):  # tampered with: the walk of its chain tells
        return []
