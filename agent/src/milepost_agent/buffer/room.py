"""Making room in a full buffer: what goes first, and how coarse the history becomes.

1. Rows that the server has, oldest first.
2. The oldest rows that it has not are sampled again at twice the tolerance. A cursor goes from the
   oldest to the newest of them: what is before it is at 2^n of the first tolerance, what is behind
   it at no more than half of that. When it has come to the end it begins anew, at twice as much.
3. When all is at 2^7, the oldest rows are cut.

The first rows of the next batch may be under way or stored already, so rows that were read for
sending are never thinned: a row stands for nothing that the server may have got by itself. (After a
restart, what was sent by the run before is not known: the sums of `stands_for` can then count the
rows of one merger twice. Fixes are never doubled: their numbers see to that.)

Work is bounded: each commit that finds the buffer nearly full thins one block; only one that finds
it quite full goes on until there is room.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from milepost_agent.buffer.row import HeldFix, key_of, split_key
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.thinning import MAX_LEVEL, policy_at, segments, thinned, tolerance_at
from milepost_agent.buffer.transaction import Transaction, verified
from milepost_schemas.batch import GapReason

PAGE_BYTES = 1024

# Rows given up or sampled again at a time.
FREED_ROWS = 512
BLOCK_ROWS = 512

# The newest rows of this run are not thinned: some minutes, which will be sent first of all.
SPARED_ROWS = 512

# More than any row needs, with its share of the pages above it.
_ROW_BYTES = 100
_COMMIT_BYTES = 8 * PAGE_BYTES

_RELEASES = 16
_SWEEP = "sweep"
_PACKED = struct.Struct(">Bq")


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far the thinning has come.

    Attributes:
        level: The tolerance was doubled so many times; 1 to 7.
        key: The key of the last row that was thinned at this level; 0 at its begin.
    """

    level: int = 1
    key: int = 0

    def packed(self) -> bytes:
        """Pack it for a memo."""
        return _PACKED.pack(self.level, self.key)

    @classmethod
    def of(cls, memos: dict[str, bytes]) -> "Sweep":
        """Return what the memos say."""
        packed = memos.get(_SWEEP)
        return cls() if packed is None else cls(*_PACKED.unpack(packed))


def make_room(
    transaction: Transaction,
    coming_rows: int,
    *,
    limit_bytes: int,
    tolerance_m: float,
    may_lose: bool,
) -> None:
    """Give up what must be, so that so many more rows fit.

    Args:
        transaction: What is under way.
        coming_rows: Rows that will be written in it.
        limit_bytes: What the file may hold then.
        tolerance_m: The sampler's tolerance.
        may_lose: Rows that the server has not may be given up.
    """
    full_bytes = limit_bytes - coming_rows * _ROW_BYTES - _COMMIT_BYTES
    nearly_bytes = full_bytes - max(limit_bytes // 16, min(64 * 1024, limit_bytes // 4))
    if transaction.used_bytes() <= nearly_bytes:
        return
    for _ in range(_RELEASES):
        if transaction.used_bytes() <= nearly_bytes or not release(transaction):
            break
    if not may_lose:
        return
    if transaction.used_bytes() > nearly_bytes:
        thin_block(transaction, tolerance_m)
    while transaction.used_bytes() > full_bytes and (
        release(transaction) or thin_block(transaction, tolerance_m) or cut(transaction)
    ):
        pass


def release(transaction: Transaction) -> bool:
    """Give up the oldest rows that the server has; False without any."""
    return any(
        _give_up(transaction, held, 0, min(held.stored, held.newest), GapReason.RELEASED)
        for held in transaction.streams.values()
    )


def cut(transaction: Transaction) -> bool:
    """Give up the oldest rows that the server has not; False without any."""
    return any(
        _give_up(transaction, held, held.stored, held.newest, GapReason.CUT)
        for held in transaction.streams.values()
    )


def thin_block(transaction: Transaction, tolerance_m: float) -> bool:
    """Sample the next rows again; False when all is as coarse as can be."""
    sweep = Sweep.of(transaction.memos)
    oldest = _oldest_unsent_key(transaction)
    if oldest is None:
        return False
    if oldest > sweep.key:  # all that was thinned has been sent
        sweep = Sweep()
    while (block := _next_block(transaction, sweep.key)) is None:
        if sweep.level == MAX_LEVEL:
            return False
        sweep = Sweep(sweep.level + 1)
    held, rows = block
    policy = policy_at(sweep.level, tolerance_m)
    for segment in segments(rows):
        stay = thinned(segment, policy)
        if len(stay) < len(segment):
            transaction.thin(transaction.streams[held.stream], segment, stay)
    done = Sweep(sweep.level, key_of(held.no, rows[-1].place))
    transaction.remember(_SWEEP, done.packed())
    return True


def tolerance_in_force(
    streams: dict[bytes, HeldStream], memos: dict[str, bytes], tolerance_m: float
) -> float:
    """Return the tolerance in metres at which the oldest rows were sampled last."""
    sweep = Sweep.of(memos)
    oldest = next((held for held in streams.values() if held.stored < held.newest), None)
    if oldest is None or sweep.key < key_of(oldest.no, oldest.stored + 1):
        return tolerance_m
    return tolerance_at(sweep.level, tolerance_m)


def _oldest_unsent_key(transaction: Transaction) -> int | None:
    for held in transaction.streams.values():
        for row in transaction.rows(held, held.stored, held.newest, 1):
            return int(row[0])
    return None


def _next_block(
    transaction: Transaction, after_key: int
) -> tuple[HeldStream, list[HeldFix]] | None:
    for held, after, upto in _thinnable(transaction, after_key):
        rows = verified(transaction.rows(held, after, upto, BLOCK_ROWS), held.stream)
        grows = held.stream == transaction.current and after_key > 0
        if len(rows) > (BLOCK_ROWS // 4 if grows else 1):
            return held, rows
    return None


def _thinnable(transaction: Transaction, after_key: int) -> Iterator[tuple[HeldStream, int, int]]:
    after_no, after_seq = split_key(after_key)
    for held in transaction.streams.values():
        if held.no < after_no:
            continue
        done = after_seq if held.no == after_no else 0
        after = max(done, held.stored, transaction.offered.get(held.stream, 0))
        spared = SPARED_ROWS if held.stream == transaction.current else 0
        if after < held.newest - spared:
            yield held, after, held.newest - spared


def _give_up(
    transaction: Transaction, held: HeldStream, after: int, upto: int, reason: GapReason
) -> bool:
    rows = transaction.rows(held, after, upto, FREED_ROWS)
    if not rows:
        return False
    sound = verified(rows[:1], held.stream)
    first = min([after + 1, *(fix.first for fix in sound)])
    transaction.give_up(held, first, split_key(rows[-1][0])[1], reason)
    return True
