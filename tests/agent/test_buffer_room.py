"""A full buffer: what goes first, how coarse the history becomes, and that all of it is counted."""

import math
import os
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from milepost_agent.buffer import IN_MEMORY, Buffer, room
from milepost_agent.buffer.row import HeldFix
from milepost_agent.buffer.space import LEAST_BYTES, Space
from milepost_agent.buffer.thinning import (
    MAX_LEVEL,
    policy_at,
    segments,
    thinned,
    tolerance_at,
)
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.effect import Rewind, Stored
from milepost_schemas.delivery.sender import Ledger
from milepost_schemas.fix import Fix, KeptFix
from tests.agent.buffers import FIRST_MS, fill, fix

MIB = 1 << 20
METRES_PER_E6 = 0.111_195  # of latitude
STREAM = b"8 bytes."


def street(n: int) -> Fix:
    """Return the n-th second of a drive over slow curves, at some 14 m/s."""
    angle = 0.9 * math.sin(n / 40)
    north_m = 12.0 * n
    east_m = 500 * math.sin(n / 40) + 3 * math.cos(n / 3)
    return Fix(
        FIRST_MS + 1000 * n,
        round(47_000_000 + (north_m % 50_000) / METRES_PER_E6),
        round(8_000_000 + east_m / METRES_PER_E6 / 0.68),
        4000,
        140,
        round(math.degrees(angle)) % 360,
    )


def jumping(n: int) -> Fix:
    """Return a fix that no track leads to: each second somewhere else in a country."""
    chance = random.Random(n)
    return Fix(
        FIRST_MS + 1000 * n,
        47_000_000 + chance.randrange(3_000_000),
        8_000_000 + chance.randrange(3_000_000),
        speed_dmps=150,
    )


def pour(buffer: Buffer, made: Callable[[int], Fix], count: int, *, at_once: int = 200) -> None:
    """Commit fixes in ticks."""
    for n in range(1, count + 1):
        buffer.add(made(n))
        if n % at_once == 0:
            buffer.commit(0.0)
    buffer.commit(0.0)


def test_delivered_rows_go_before_undelivered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """When room is needed, what the server has goes first, oldest first, then the oldest rest."""
    monkeypatch.setattr(room, "FREED_ROWS", 100)
    buffer = Buffer(IN_MEMORY, max_bytes=150_000)
    undelivered = buffer.begin_stream()
    pour(buffer, jumping, 300)
    delivered = buffer.begin_stream()
    pour(buffer, jumping, 300)
    buffer.apply([Stored(delivered, 250)])
    fill(buffer, 6000)
    reasons = {
        stream: [(gap.reason, gap.first) for gap in buffer.gaps(stream)]
        for stream in (undelivered, delivered)
    }
    assert reasons[delivered][0] == (GapReason.RELEASED, 1)
    released = next(gap for gap in buffer.gaps(delivered) if gap.reason is GapReason.RELEASED)
    assert released.last == 250
    assert len(buffer.read(undelivered, 0, -1)) + buffer.health().cut >= 2
    assert buffer.health().thinned > 0
    buffer.close()


@pytest.mark.parametrize("made", [street, jumping])
def test_full_buffer_keeps_its_size_and_the_newest_and_counts_the_rest(
    tmp_path: Path, made: Callable[[int], Fix]
) -> None:
    """50,000 fixes into 1 MiB (fault A7): file and log stay in bounds, all that is gone is counted.

    A drive is thinned and nothing of it cut; what cannot be thinned is cut, oldest first.
    """
    path = tmp_path / "buffer.db"
    buffer = Buffer(path, max_bytes=MIB)
    stream = buffer.begin_stream()
    largest = [0, 0]
    for n in range(1, 50_001):
        buffer.add(made(n))
        if n % 100 == 0:
            buffer.commit(0.0)
            sizes = [Path(f"{path}{suffix}").stat().st_size for suffix in ("", "-wal")]
            largest = list(map(max, largest, sizes))
    assert largest[0] <= MIB
    assert largest[1] <= MIB // 2
    held = buffer.read(stream, 0, -1)
    health = buffer.health()
    assert health.rows == len(held)
    assert len(held) + health.thinned + health.cut == 50_000
    assert [kept.seq for kept in held[-500:]] == list(range(49_501, 50_001))
    assert sum(kept.stands_for for kept in held) == 50_000 - health.cut
    assert all(kept.fix == made(kept.seq) for kept in held)
    if made is street:
        assert (health.cut, buffer.gaps(stream)) == (0, [])
        assert held[0].seq == 1
    else:
        assert buffer.gaps(stream) == [Gap(1, held[0].seq - held[0].stands_for, GapReason.CUT)]
        assert len(held) > 10_000
    buffer.close()
    again = Buffer(path, max_bytes=MIB)
    assert again.ledgers() == [Ledger(stream, 0, 50_000)]
    assert (again.rows(), again.health().thinned) == (len(held), health.thinned)
    assert again.read(stream, 0, -1) == held
    again.close()


def test_thinned_history_can_be_rebuilt_within_the_tolerance_that_is_told() -> None:
    """Every fix that went lies beside the rebuilt track by no more than twice what health says.

    Each thinning adds its tolerance, and the tolerances double: their sum is below twice the last.
    """
    buffer = Buffer(IN_MEMORY, max_bytes=250_000, tolerance_m=2.5)
    stream = buffer.begin_stream()
    pour(buffer, street, 15_000)
    held = buffer.read(stream, 0, -1)
    told_m = buffer.health().tolerance_m
    assert told_m in {2.5 * 2**level for level in range(1, MAX_LEVEL + 1)}
    assert (len(held) < 4000, buffer.health().cut) == (True, 0)
    worst_m = 0.0
    for before, after in pairwise(held):
        for n in range(before.seq + 1, after.seq):
            worst_m = max(worst_m, apart_m(street(n), before.fix, after.fix))
    assert 0 < worst_m <= 2 * told_m + 0.1
    buffer.close()


def apart_m(fix: Fix, before: Fix, after: Fix) -> float:
    """Return how far a fix lies from where two others say that it was at its time."""
    share = (fix.time_ms - before.time_ms) / (after.time_ms - before.time_ms)
    north_e6 = before.lat_e6 + share * (after.lat_e6 - before.lat_e6) - fix.lat_e6
    east_e6 = before.lon_e6 + share * (after.lon_e6 - before.lon_e6) - fix.lon_e6
    return math.hypot(north_e6, east_e6 * math.cos(math.radians(fix.lat_deg))) * METRES_PER_E6


def test_oldest_history_is_the_coarsest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor goes from the oldest to the newest, and begins anew at twice the tolerance."""
    monkeypatch.setattr(room, "SPARED_ROWS", 100)
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    pour(buffer, street, 2000)
    told = []
    rows = []
    for _ in range(9):
        thin(buffer)
        told.append(buffer.health().tolerance_m)
        held = buffer._holding.current.held_fixes(stream, 0, 2000)  # not read for sending
        kept = [each.place for each in held]
        rows.append(kept)
        assert kept[-100:] == list(range(1901, 2001)), "the newest are spared"
    first_pass = [each for each in told if each == 10.0]
    assert len(first_pass) == 4, "2,000 rows less 100 are three whole blocks and one more"
    assert told == sorted(told)
    assert told[-1] > 10.0
    assert 513 in rows[0]
    assert 514 in rows[0]
    assert len(rows[-1]) < len(rows[2]) < len(rows[0]) < 2000
    buffer.close()


def thin(buffer: Buffer) -> bool:
    """Thin the next block."""
    with buffer._holding.current.transaction() as transaction:
        return room.thin_block(transaction, 5.0)


def test_thinning_begins_anew_when_what_was_thinned_is_delivered() -> None:
    """The next history is not thinned as coarsely as one that has gone."""
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    pour(buffer, street, 2000)
    while thin(buffer):
        pass
    assert buffer.health().tolerance_m == 5.0 * 2**MAX_LEVEL
    buffer.apply([Stored(stream, 2000)])
    assert buffer.health().tolerance_m == 5.0
    for n in range(2001, 4001):
        buffer.add(street(n))
    buffer.commit(0.0)
    assert thin(buffer)
    assert buffer.health().tolerance_m == 10.0
    buffer.close()


def test_server_counts_every_raw_fix_once_although_a_sent_batch_is_thinned() -> None:
    """What was read for sending is not merged into what was not: sums of `stands_for` are exact.

    The batch is under way, the buffer is thinned, and the ack comes, or does not, or names less.
    """
    for acked in (0, 300, 512):
        buffer = Buffer(IN_MEMORY)
        stream = buffer.begin_stream()
        pour(buffer, street, 3000)
        stored = {kept.seq: kept.stands_for for kept in buffer.read(stream, 0, 512)[:acked]}
        while thin(buffer):
            pass
        rest = buffer.read(stream, acked, -1)
        stored |= {kept.seq: kept.stands_for for kept in rest}
        assert sum(stored.values()) == 3000
        assert len(stored) < 1600
        buffer.close()


def test_rewind_after_thinning_and_releasing_accounts_for_each_number() -> None:
    """A server that was set back is told what is gone, and gets what is held."""
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    pour(buffer, street, 3000)
    while thin(buffer):
        pass
    held = buffer.read(stream, 0, -1)
    middle = held[len(held) // 2].seq
    buffer.apply([Stored(stream, middle)])
    with buffer._holding.current.transaction() as transaction:
        assert room.release(transaction)
    buffer.apply([Rewind()])
    buffer.commit(0.0)
    assert buffer.ledgers() == [Ledger(stream, 0, 3000)]
    assert buffer.gaps(stream) == [Gap(1, middle, GapReason.RELEASED)]
    assert buffer.read(stream, 0, -1) == [kept for kept in held if kept.seq > middle]
    assert buffer.rows() == len(buffer.read(stream, 0, -1))
    buffer.close()


def rows(fixes: list[tuple[int, Fix, int, bool, int]]) -> list[HeldFix]:
    """Make rows of number, fix, what it stands for, hole, and numbers thinned into it."""
    return [
        HeldFix(STREAM, seq, False, fix, stands, hole, thinned)
        for seq, fix, stands, hole, thinned in fixes
    ]


def test_thinning_keeps_both_ends_of_a_hole() -> None:
    """Sampled away is never mistaken for not measured, at any tolerance."""
    before = rows([(n, fix(n), 1, n == 40, 0) for n in range(1, 101)])
    after = thinned(before, policy_at(MAX_LEVEL, 5.0))
    assert [row.place for row in after] == [1, 39, 40, 100]
    assert [row.hole for row in after] == [False, False, True, False]
    assert [row.stands_for for row in after] == [1, 38, 1, 60]
    assert [row.thinned for row in after] == [0, 37, 0, 59]


def test_thinning_again_adds_up() -> None:
    """A row that stands for others counts them when it goes itself."""
    once = rows([(n, fix(n), 4, False, 2) for n in range(3, 300, 3)])
    twice = thinned(once, policy_at(3, 5.0))
    assert sum(row.stands_for for row in twice) == 4 * len(once)
    assert [twice[0].first, twice[-1].place] == [1, 297]
    for earlier, later in pairwise(twice):
        assert later.first == earlier.place + 1


def test_nothing_is_thinned_across_missing_numbers() -> None:
    """Rows are parted where a gap is between them, so that no row stands for numbers in it."""
    held = rows([(n, fix(n), 1, False, 0) for n in (1, 2, 3, 7, 8, 12)])
    assert [[row.place for row in part] for part in segments(held)] == [[1, 2, 3], [7, 8], [12]]


@pytest.mark.parametrize(
    ("tolerance_m", "told"), [(5.0, [5.0, 10.0, 20.0, 640.0]), (0.0, [0.0, 5.0, 10.0, 320.0])]
)
def test_tolerance_doubles(tolerance_m: float, told: list[float]) -> None:
    """With the sampler off it is some GPS noise that is doubled; intervals double likewise."""
    assert [tolerance_at(level, tolerance_m) for level in (0, 1, 2, 7)] == told
    policy = policy_at(2, tolerance_m)
    assert (policy.moving_interval_s, policy.parked_interval_s) == (60.0, 1200.0)


def test_work_of_a_commit_is_bounded_while_there_is_some_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A buffer that is nearly full thins one block a commit, not all at once."""
    blocks = 0
    thin_block = room.thin_block

    def counted(*arguments: object) -> bool:
        nonlocal blocks
        blocks += 1
        return thin_block(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "thin_block", counted)
    buffer = Buffer(IN_MEMORY, max_bytes=2 * MIB)
    buffer.begin_stream()
    most = 0
    for n in range(1, 60_001):
        buffer.add(street(n))
        if n % 20 == 0:
            blocks = 0
            buffer.commit(0.0)
            most = max(most, blocks)
    assert buffer.health().thinned > 20_000
    assert most == 1
    buffer.close()


def test_file_grows_to_its_share_of_the_disk_and_no_further(tmp_path: Path) -> None:
    """The limit is the smallest of the wanted size and the share, but never below what there is."""
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    tiny = 4 * LEAST_BYTES / free
    share = Space(tmp_path / "b", 10**15, tiny)
    assert share.limit_bytes(0) == pytest.approx(4 * LEAST_BYTES, rel=0.2)
    assert share.limit_bytes(10**9) == 10**9, "it is not made smaller"
    assert Space(tmp_path / "b", 10**15, 1e-12).limit_bytes(0) == LEAST_BYTES
    assert Space(tmp_path / "b", 5000, tiny).limit_bytes(10**9) == 5000


def test_kept_fix_is_read_as_it_was_added() -> None:
    """Thinning does not touch what a sampler said of the rows that stay."""
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    for n in range(1, 2001):
        buffer.add(street(n), stands_for=3, hole=n == 700)
    buffer.commit(0.0)
    assert thin(buffer)
    held = buffer.read(stream, 0, -1)
    assert held[0] == KeptFix(1, street(1), 3)
    assert sum(kept.stands_for for kept in held) == 6000
    assert [kept.seq for kept in held if kept.hole] == [700]
    buffer.close()
