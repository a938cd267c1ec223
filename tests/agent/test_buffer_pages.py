"""SQLite's pages read without SQLite, rows with their checks, and gaps."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost_agent.buffer import Buffer, BufferState
from milepost_agent.buffer.buffer import MAX_MEMO_BYTES
from milepost_agent.buffer.check import fault_of
from milepost_agent.buffer.gaps import joined, uncovered, with_gap
from milepost_agent.buffer.image import Image
from milepost_agent.buffer.pages import PAGE_BYTES, frames_of, rows_of, varint
from milepost_agent.buffer.row import (
    MAX_SEQ,
    HeldFix,
    Memo,
    StreamRow,
    fix_row,
    gap_row,
    memo_row,
    read_fix,
    read_gap,
    read_memo,
    read_stream,
    set_aside_row,
    stream_row,
)
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.effect import SetAside, Stored
from milepost_schemas.fix import Fix, FixKind
from tests.agent.buffers import copied, fix, winding

STREAM = b"8 bytes."

Files = dict[str, bytes]

values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, -1, 127, 128, -128, -129, 2**15, 2**23, 2**31, 2**47, 2**63 - 1]),
    st.floats(allow_nan=False),
    st.binary(max_size=60),
    st.text(max_size=30),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.tuples(values, values, values)),
    in_log=st.booleans(),
)
def test_rows_of_pages_are_those_that_sqlite_wrote(
    rows: dict[int, tuple[Any, ...]], in_log: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever values a table holds, its pages in database or log yield what SELECT does."""
    path = tmp_path_factory.mktemp("any") / "any.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE anything (key INTEGER PRIMARY KEY, a, b, c)")
        db.executemany(
            "INSERT INTO anything VALUES (?,?,?,?)", [(key, *row) for key, row in rows.items()]
        )
        if not in_log:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        image = Image(path.read_bytes(), Path(f"{path}-wal").read_bytes())
        told = db.execute("SELECT * FROM anything").fetchall()
    found = [
        row for number in range(2, image.page_count + 1) for row in rows_of(image.page(number))
    ]
    assert sorted(found, key=lambda row: row[0]) == told


@pytest.mark.parametrize(
    ("data", "value"),
    [("00", 0), ("7f", 127), ("8100", 128), ("81807f", 16_511), ("ff" * 9, 2**64 - 1)],
)
def test_integers_of_variable_length_are_read(data: str, value: int) -> None:
    """1 to 9 bytes, high bit set while more follow, all 8 bits of the ninth."""
    assert varint(bytes.fromhex(data), 0) == (value, len(data) // 2)


@given(page=st.binary(min_size=1, max_size=PAGE_BYTES))
def test_no_page_is_too_bad_to_be_read(page: bytes) -> None:
    """Any bytes yield rows or none, and end."""
    for head in (page, b"\x0d" + page[1:]):
        for _ in rows_of(head):
            pass


def test_every_row_fits_a_page(tmp_path: Path) -> None:
    """The longest rows that we write stay whole in one page, as the reader of pages wants it."""
    whole = Fix(2**47, -90_000_000, -180_000_000, 10**6, 10**4, 359, 999, 255, FixKind.RTK, 65_535)
    held = HeldFix(STREAM, MAX_SEQ, False, whole, 2**31 - 1, True, MAX_SEQ - 1)
    rows = {
        "fix": fix_row(2**30, held),
        "set_aside": set_aside_row(2**30, held, "ß" * 128),
        "memo": memo_row(Memo("n" * 20, bytes(MAX_MEMO_BYTES - 20))),
    }
    path = tmp_path / "buffer.db"
    Buffer(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for table, row in rows.items():
            marks = ",".join("?" * len(row))
            db.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = path.read_bytes()
    found = [row for page in Image(data, b"").versions() for row in rows_of(page)]
    for row in rows.values():
        assert [each for each in found if each[1:] == row[1:]] != []


def some_rows() -> list[tuple[Callable[[Any], Any], tuple[Any, ...]]]:
    """Return one row of each kind, with its reader."""
    held = HeldFix(STREAM, 77, False, winding(77), 3, True, 2)
    return [
        (read_fix, fix_row(5, held)),
        (read_fix, fix_row(5, HeldFix(STREAM, 78, True, fix(78)))),
        (read_stream, stream_row(StreamRow(5, STREAM, 7, None, 3))),
        (read_stream, stream_row(StreamRow(5, STREAM, 7, 9, 3))),
        (read_gap, gap_row(5, STREAM, Gap(3, 9, GapReason.CUT))),
        (read_memo, (1, *memo_row(Memo("time", b"12345"))[1:])),
    ]


@pytest.mark.parametrize("which", range(6))
def test_row_with_one_flipped_bit_is_none(which: int) -> None:
    """Each bit of each value is covered: no fix, pointer or gap is invented by a flipped one."""
    read, row = some_rows()[which]
    assert read(row) is not None
    assert read(row[:-1]) is None
    for column, value in enumerate(row):
        changed: list[Any]
        if isinstance(value, bytes):
            changed = [
                value[:at] + bytes((value[at] ^ 1 << bit,)) + value[at + 1 :]
                for at in range(len(value))
                for bit in range(8)
            ]
        elif isinstance(value, str):
            changed = ["tima", value.encode()]
        elif value is None:
            changed = [0, 1, "", b""]
        else:
            changed = [int(value) ^ 1 << bit for bit in range(31 if column == 0 else 62)]
            changed += [None, str(value), b""] if column else []
        if which == 5 and column == 0:
            continue  # a memo is known by its name
        for other in changed:
            assert read((*row[:column], other, *row[column + 1 :])) is None, (column, other)


def test_frames_are_believed_as_sqlite_believes_them(tmp_path: Path) -> None:
    """All frames of a log are sound; behind a flipped bit none is, and SQLite agrees."""
    path = tmp_path / "buffer.db"
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    for n in range(1, 101):
        buffer.add(fix(n))
        buffer.commit(0.0)
    image = copied(path, tmp_path / "cut")
    buffer.close()
    log_path = Path(f"{image}-wal")
    log = bytearray(log_path.read_bytes())
    frames = [frame for frame in frames_of(bytes(log)) if frame.is_current]
    assert len(frames) > 100
    assert all(frame.is_sound for frame in frames)
    broken = len(frames) // 2
    log[frames[broken].page_at + 500] ^= 4
    assert sum(frame.is_sound for frame in frames_of(bytes(log))) == broken
    log_path.write_bytes(log)
    with closing(sqlite3.connect(image)) as db:
        (held,) = db.execute("SELECT count(*) FROM fix").fetchone()
    commits = sum(frame.commit_pages > 0 for frame in frames[:broken])
    assert held == commits - 1, "the first commit began the stream"
    assert len(stream) == 8


def healthy(path: Path, seed: int) -> Files:
    """Let a unit do everything that it may do, and return the files as a cut leaves them."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        buffer = Buffer(path, chance.choice([100_000, 10**8]))
        buffer.begin_stream()
        n = 0
        for tick in range(chance.randint(0, 150)):
            for _ in range(chance.randint(0, 20)):
                n += 1
                buffer.add(winding(n))
            buffer.set_open_end(winding(10**5 + tick) if chance.random() < 0.5 else None)
            newest = buffer.commit(5.0 * tick)
            buffer.remember("time", str(chance.random()).encode())
            if chance.random() < 0.3:
                buffer.apply([Stored(buffer.stream, int(newest * chance.random()))])
            if newest and chance.random() < 0.05:
                held = buffer.read(buffer.stream, 0, 1)
                buffer.apply([SetAside(buffer.stream, held[0].seq, "range")] if held else [])
        image = copied(path, path.parent / "cut")
        files = {suffix: Path(f"{image}{suffix}").read_bytes() for suffix in ("", "-wal")}
        buffer.close()
        if chance.random() < 0.5:
            for suffix, data in files.items():
                Path(f"{path}{suffix}").write_bytes(data)
    return files


@pytest.mark.parametrize("seed", range(12))
def test_no_fault_is_found_in_a_sound_buffer(tmp_path: Path, seed: int) -> None:
    """Whatever a unit has done and whenever it was cut off, a sound file is not set aside."""
    path = tmp_path / "buffer.db"
    files = healthy(path, seed)
    assert fault_of(Image(files[""], files["-wal"])) is None
    again = Buffer(path)
    again.begin_stream()
    for ledger in again.ledgers():
        again.read(ledger.stream, 0, -1)
    health = again.health()
    assert (health.quarantined, health.damaged, health.state) == ((), 0, BufferState.DISK)
    again.close()


def test_gaps_keep_the_reason_that_came_first() -> None:
    """A number is given up once; neighbours of one reason are one gap."""
    gaps = with_gap((), 5, 9, GapReason.CUT)
    gaps = with_gap(gaps, 1, 12, GapReason.DAMAGED)
    assert gaps == (
        Gap(1, 4, GapReason.DAMAGED),
        Gap(5, 9, GapReason.CUT),
        Gap(10, 12, GapReason.DAMAGED),
    )
    assert with_gap(gaps, 13, 13, GapReason.DAMAGED)[-1] == Gap(10, 13, GapReason.DAMAGED)
    assert uncovered(gaps, 0, 20) == [(0, 0), (13, 20)]
    assert uncovered(gaps, 6, 8) == []


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 9), st.sampled_from(list(GapReason))),
        max_size=12,
    )
)
def test_gaps_hold_each_number_once(added: list[tuple[int, int, GapReason]]) -> None:
    """However gaps are added, they are ascending and apart, and hold just the numbers that went."""
    gaps: tuple[Gap, ...] = ()
    reasons: dict[int, GapReason] = {}
    for first, length, reason in added:
        gaps = with_gap(gaps, first, first + length, reason)
        for seq in range(first, first + length + 1):
            reasons.setdefault(seq, reason)
    assert {seq: gap.reason for gap in gaps for seq in range(gap.first, gap.last + 1)} == reasons
    assert sum(gap.last - gap.first + 1 for gap in gaps) == len(reasons)
    assert joined(gaps) == gaps
