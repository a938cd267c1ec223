"""What is saved of damaged buffers, page by page, and what is done with the damaged files."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from milepost_agent.buffer import Buffer, BufferState, room
from milepost_agent.buffer.check import fault_of
from milepost_agent.buffer.image import Image
from milepost_agent.buffer.pages import PAGE_BYTES, frames_of, rows_of
from milepost_agent.buffer.quarantine import KEPT_SETS
from milepost_agent.buffer.row import (
    read_fix,
    read_stream,
)
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.effect import SetAside, Stored
from milepost_schemas.delivery.sender import Ledger
from milepost_schemas.fix import Fix
from tests.agent.buffers import copied, fill, fix


def held_by(buffer: Buffer) -> dict[tuple[bytes, int], tuple[Fix, int]]:
    """Return what a buffer holds."""
    return {
        (ledger.stream, kept.seq): (kept.fix, kept.stands_for)
        for ledger in buffer.ledgers()
        for kept in buffer.read(ledger.stream, 0, -1)
    }


def three_streams(path: Path) -> tuple[dict[tuple[bytes, int], tuple[Fix, int]], list[Ledger]]:
    """Make a buffer of three runs, partly delivered; return what it holds and how it stands."""
    for run in range(3):
        buffer = Buffer(path)
        stream = buffer.begin_stream()
        fill(buffer, 200)
        buffer.apply([Stored(stream, 50 * run)])
        buffer.close()
    buffer = Buffer(path)
    held, ledgers = held_by(buffer), buffer.ledgers()
    buffer.close()
    return held, ledgers


def cut_off(folder: Path, count: int) -> tuple[bytes, Path]:
    """Make a buffer of one run whose power was cut; return its stream and the file as it was."""
    buffer = Buffer(folder / "buffer.db")
    stream = buffer.begin_stream()
    fill(buffer, count, at_once=5)
    image = copied(folder / "buffer.db", folder / "cut")
    buffer.close()
    return stream, image


def pages_where(data: bytes, is_wanted: Callable[[bytes], bool]) -> list[int]:
    """Return the offsets of the pages of a kind."""
    return [at for at in range(0, len(data), PAGE_BYTES) if is_wanted(data[at : at + PAGE_BYTES])]


@pytest.mark.parametrize("lost", ["header", "schema", "interior", "counters"])
def test_rows_are_saved_without_what_leads_to_them(tmp_path: Path, lost: str) -> None:
    """Without header, schema, interior pages or roots every row comes back; the file is kept."""
    path = tmp_path / "buffer.db"
    held, ledgers = three_streams(path)
    data = bytearray(path.read_bytes())
    if lost == "header":
        data[:100] = bytes(100)
    elif lost == "schema":
        data[:PAGE_BYTES] = random.Random(1).randbytes(PAGE_BYTES)
    elif lost == "interior":
        interior = pages_where(bytes(data[PAGE_BYTES:]), lambda page: page[0] == 5)
        assert interior != []
        for at in interior:
            data[PAGE_BYTES + at : 2 * PAGE_BYTES + at] = bytes(PAGE_BYTES)
    else:
        data[24:40] = b"\xff" * 16
    path.write_bytes(data)
    buffer = Buffer(path)
    buffer.begin_stream()
    assert held_by(buffer) == held
    assert buffer.ledgers()[:-1] == ledgers
    health = buffer.health()
    assert (health.damaged, health.quarantined) == (0, ("buffer.db.damaged-1",))
    assert (tmp_path / "buffer.db.damaged-1").read_bytes() == data
    assert buffer.changed
    buffer.close()


def test_streams_are_found_by_their_rows_alone(tmp_path: Path) -> None:
    """Without the table of streams they come back in order, each with its bytes; pointers are 0."""
    path = tmp_path / "buffer.db"
    held, ledgers = three_streams(path)
    data = bytearray(path.read_bytes())
    tables = pages_where(
        bytes(data), lambda page: any(read_stream(row) is not None for row in rows_of(page))
    )
    assert len(tables) == 1
    data[tables[0] : tables[0] + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)
    buffer = Buffer(path)
    buffer.begin_stream()
    assert held_by(buffer) == held
    assert [(each.stream, each.stored) for each in buffer.ledgers()[:-1]] == [
        (each.stream, 0) for each in ledgers
    ]
    buffer.close()


def test_lost_rows_are_gaps_and_are_counted(tmp_path: Path) -> None:
    """A zeroed leaf: its rows, and no others, are missing, and told as damaged to the server."""
    path = tmp_path / "buffer.db"
    held, _ = three_streams(path)
    data = bytearray(path.read_bytes())
    leaves = pages_where(bytes(data), lambda page: any(map(read_fix, rows_of(page))))
    at = leaves[len(leaves) // 2]
    rows = [read_fix(row) for row in rows_of(bytes(data[at : at + PAGE_BYTES]))]
    gone = {(row.stream, row.place) for row in rows if row is not None}
    data[at : at + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)
    buffer = Buffer(path)
    buffer.begin_stream()
    assert held_by(buffer).keys() == held.keys() - gone
    told = {
        (ledger.stream, seq)
        for ledger in buffer.ledgers()
        for gap in buffer.gaps(ledger.stream)
        for seq in range(gap.first, gap.last + 1)
        if gap.reason is GapReason.DAMAGED
    }
    assert told == gone
    assert buffer.health().damaged == len(gone)
    buffer.close()


def test_row_with_a_flipped_bit_is_left_out_when_it_is_read(tmp_path: Path) -> None:
    """A bad row alone needs no salvage: it is not sent, becomes a gap, and is gone for good."""
    path = tmp_path / "buffer.db"
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 100)
    buffer.close()
    data = bytearray(path.read_bytes())
    at = data.index((fix(50).time_ms).to_bytes(6, "big"))
    data[at + 8] ^= 1  # a bit of its latitude
    path.write_bytes(data)
    for _ in range(2):
        buffer = Buffer(path)
        buffer.begin_stream()
        kept = buffer.read(stream, 0, 100)
        assert [each.seq for each in kept] == [n for n in range(1, 101) if n != 50]
        assert buffer.read(stream, 45, 10)[-1].seq == 56, "as many as were asked for"
        assert buffer.gaps(stream) == [Gap(50, 50, GapReason.DAMAGED)]
        assert (buffer.rows(), buffer.health().damaged) == (99, 1)
        assert buffer.health().quarantined == ()
        buffer.commit(0.0)
        buffer.close()


def test_given_up_rows_do_not_come_back(tmp_path: Path) -> None:
    """Released, refused and thinned rows lie about in freed pages; salvage leaves them there."""
    path = tmp_path / "buffer.db"
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 3000)
    buffer.apply([Stored(stream, 500), SetAside(stream, 700, "range")])
    buffer.commit(100.0)
    with buffer._holding.current.transaction() as transaction:
        assert room.release(transaction)
        assert room.thin_block(transaction, 5.0)
        assert room.thin_block(transaction, 5.0)
    image = copied(path, tmp_path / "cut")
    held = buffer._holding.current.held_fixes(stream, 0, 10**6)
    gaps, rows, health = buffer.gaps(stream), buffer.rows(), buffer.health()
    buffer.close()
    data = bytearray(image.read_bytes())
    data[:100] = bytes(100)
    image.write_bytes(data)
    again = Buffer(image)
    again.begin_stream()
    assert again._holding.current.held_fixes(stream, 0, 10**6) == held
    assert (again.gaps(stream), again.rows()) == (gaps, rows)
    told = again.health()
    assert (told.thinned, told.cut, told.damaged) == (health.thinned, health.cut, 0)
    again.close()


def test_damage_that_is_met_while_running_is_mended_on_the_spot(tmp_path: Path) -> None:
    """The run goes on in its stream, no number is used twice, what was pending is not lost."""
    path = tmp_path / "buffer.db"
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 60_000, at_once=1000)  # more than SQLite keeps in its cache
    buffer._holding.current.checkpoint()
    with path.open("r+b") as file:
        data = file.read()
        leaves = pages_where(data, lambda page: page[0] == 0x0D)
        hit = leaves[len(leaves) // 2]
        file.seek(hit)
        file.write(bytes(PAGE_BYTES))
    lost = {
        row.place for row in map(read_fix, rows_of(data[hit : hit + PAGE_BYTES])) if row is not None
    }
    assert lost
    buffer.add(fix(60_001))
    buffer.apply([Stored(stream, 7)])
    held = {kept.seq for kept in buffer.read(stream, 0, -1)}
    assert held == set(range(1, 60_001)) - lost
    assert buffer.commit(0.0) == 60_001
    assert buffer.stream == stream
    assert buffer.ledgers() == [Ledger(stream, 7, 60_001)]
    assert [kept.fix for kept in buffer.read(stream, 60_000, 5)] == [fix(60_001)]
    health = buffer.health()
    assert (health.damaged, health.state) == (len(lost), BufferState.DISK)
    assert health.quarantined == ("buffer.db.damaged-1",)
    assert any("damaged" in change for change in buffer.take_changes())
    buffer.close()


def test_at_most_three_damaged_buffers_are_kept(tmp_path: Path) -> None:
    """A card that damages the file each day fills no disk; the newest sets stay."""
    path = tmp_path / "buffer.db"
    for day in range(KEPT_SETS + 2):
        buffer = Buffer(path)
        buffer.begin_stream()
        fill(buffer, 10)
        buffer.close()
        data = bytearray(path.read_bytes())
        data[:16] = b"nothing like it!"
        path.write_bytes(data)
        buffer = Buffer(path)
        buffer.begin_stream()
        assert buffer.rows() == 10 * (day + 1)
        names = buffer.health().quarantined
        assert names[-1] == f"buffer.db.damaged-{day + 1}"
        assert len(names) == min(day + 1, KEPT_SETS)
        buffer.close()


def test_damaged_buffers_take_no_more_than_a_buffer_may(tmp_path: Path) -> None:
    """Where three sets would take more than the limit fewer are kept, but always the newest."""
    path = tmp_path / "buffer.db"
    for _ in range(3):
        buffer = Buffer(path, 100_000)
        buffer.begin_stream()
        fill(buffer, 900)
        buffer.close()
        data = bytearray(path.read_bytes())
        data[:16] = b"nothing like it!"
        path.write_bytes(data)
        buffer = Buffer(path, 100_000)
        buffer.begin_stream()
        names = buffer.health().quarantined
        assert 1 <= len(names) <= 2
        buffer.close()


@pytest.mark.parametrize("cut_after", ["log", "database", "draft"])
def test_power_cut_while_a_damaged_buffer_is_set_aside(tmp_path: Path, cut_after: str) -> None:
    """Whatever had been moved or written by then, the next start saves the same rows."""
    stream, image = cut_off(tmp_path, 300)
    data = bytearray(image.read_bytes())
    data[:16] = b"nothing like it!"
    image.write_bytes(data)
    Path(f"{image}-wal").rename(f"{image}.damaged-1-wal")
    if cut_after != "log":
        image.rename(f"{image}.damaged-1")
    if cut_after == "draft":
        Path(f"{image}.new").write_bytes(bytes(500))
    again = Buffer(image)
    again.begin_stream()
    assert [kept.fix for kept in again.read(stream, 0, -1)] == [fix(n) for n in range(1, 301)]
    assert again.health().quarantined == ("buffer.db.damaged-1",)
    assert Path(f"{image}.damaged-1").read_bytes() == data
    assert not Path(f"{image}.new").exists()
    again.close()


@pytest.mark.parametrize("database", [None, b""])
def test_log_without_a_database_is_saved(tmp_path: Path, database: bytes | None) -> None:
    """SQLite would delete it; its rows come back."""
    stream, image = cut_off(tmp_path, 100)
    if database is None:
        image.unlink()
    else:
        image.write_bytes(database)
    again = Buffer(image)
    again.begin_stream()
    assert [kept.seq for kept in again.read(stream, 0, -1)] == list(range(1, 101))
    assert Path(f"{image}.damaged-1-wal").exists()
    again.close()


def test_log_whose_header_is_damaged_is_saved(tmp_path: Path) -> None:
    """SQLite would take it for empty and write over it; its commits come back."""
    stream, image = cut_off(tmp_path, 100)
    log_path = Path(f"{image}-wal")
    log = bytearray(log_path.read_bytes())
    log[17] ^= 1  # a salt
    log_path.write_bytes(log)
    again = Buffer(image)
    again.begin_stream()
    assert [kept.seq for kept in again.read(stream, 0, -1)] == list(range(1, 101))
    assert again.health().quarantined == ("buffer.db.damaged-1",)
    again.close()


def test_torn_end_of_a_log_is_no_damage(tmp_path: Path) -> None:
    """Of a commit that was being written when the power went what is whole is kept, in order."""
    stream, image = cut_off(tmp_path, 100)
    log_path = Path(f"{image}-wal")
    log = bytearray(log_path.read_bytes())
    last = [frame for frame in frames_of(bytes(log)) if frame.is_current][-1]
    log[last.page_at + 100 : last.page_at + PAGE_BYTES] = bytes(PAGE_BYTES - 100)
    log_path.write_bytes(log)
    again = Buffer(image)
    again.begin_stream()
    seqs = [kept.seq for kept in again.read(stream, 0, -1)]
    assert 95 <= len(seqs) < 100
    assert seqs == list(range(1, len(seqs) + 1))
    assert (again.health().quarantined, again.health().damaged) == ((), 0)
    again.close()


def test_free_page_that_is_in_use_is_found_before_it_is_written_over(tmp_path: Path) -> None:
    """A flipped bit in the list of free pages makes SQLite overwrite rows; the check forestalls."""
    path = tmp_path / "buffer.db"
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 3000)
    buffer.apply([Stored(stream, 1000)])
    with buffer._holding.current.transaction() as transaction:
        assert room.release(transaction)
    buffer.close()
    data = bytearray(path.read_bytes())
    trunk = struct.unpack_from(">I", data, 32)[0]
    assert trunk
    leaf_at = (trunk - 1) * PAGE_BYTES + 8
    in_use = pages_where(bytes(data), lambda page: any(map(read_fix, rows_of(page))))[-1]
    struct.pack_into(">I", data, leaf_at, in_use // PAGE_BYTES + 1)
    assert fault_of(Image(bytes(data), b"")) is not None
    path.write_bytes(data)
    again = Buffer(path)
    again.begin_stream()
    for n in range(3001, 3400):
        again.add(fix(n))
    again.commit(0.0)
    assert [kept.seq for kept in again.read(stream, 512, -1)] == list(range(513, 3001))
    again.close()
