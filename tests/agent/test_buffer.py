"""The buffer: what was committed is there whatever happens, and nothing is given up uncounted."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from milepost_agent import buffer as agent_buffer
from milepost_agent.buffer import IN_MEMORY, Buffer, BufferFileError
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.sender import Ledger, Rewind, SetAside, Stored
from milepost_schemas.fix import Fix, FixKind, KeptFix

FIRST_MS = 1_700_000_000_000


def fix(n: int) -> Fix:
    """Return the fix of the n-th second."""
    return Fix(FIRST_MS + 1000 * n, 47_000_000 + 90 * n, 8_000_000 - 70 * n, 4000, 139, 90, 9, 12)


def fill(buffer: Buffer, count: int, *, at_once: int = 50) -> None:
    """Add and commit fixes in ticks."""
    held = buffer.commit()
    for n in range(held + 1, held + count + 1):
        buffer.add(fix(n))
        if n % at_once == 0:
            buffer.commit()
    buffer.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the buffer is to be made, with its folder."""
    return tmp_path / "held" / "buffer.sqlite"


def test_committed_fixes_are_there_after_a_crash(path: Path) -> None:
    """What `commit` has returned from is in the files, also when the process ends right there."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from milepost_agent.buffer import Buffer; from milepost_schemas.fix import Fix\n"
        "buffer = Buffer(Path(sys.argv[1])); buffer.begin_stream()\n"
        "for n in range(100): buffer.add(Fix(n, n, n))\n"
        "buffer.commit(); buffer.add(Fix(1000, 0, 0))\n"
        "os.write(1, buffer.stream); os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    assert ended.returncode == 9
    buffer = Buffer(path)
    assert buffer.ledgers() == [Ledger(ended.stdout, 0, 100)]
    assert [kept.fix.time_ms for kept in buffer.read(ended.stdout, 0, -1)] == list(range(100))
    buffer.close()


def test_fix_comes_back_as_it_was(path: Path) -> None:
    """Every value, missing ones too, is the same after the file was closed and opened."""
    whole = Fix(FIRST_MS, -90_000_000, 180_000_000, -43, 0, 0, 999, 255, FixKind.RTK)
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    buffer.add(whole, stands_for=7, hole=True)
    buffer.add(Fix(0, 0, 0))
    buffer.close()
    again = Buffer(path)
    assert again.read(stream, 0, 10) == [KeptFix(1, whole, 7, True), KeptFix(2, Fix(0, 0, 0))]
    again.close()


def test_nothing_can_be_read_before_it_is_committed() -> None:
    """A fix that is not yet on the disk is neither counted nor read, so it is never sent."""
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    buffer.add(fix(1))
    assert (buffer.rows(), buffer.read(stream, 0, 10)) == (0, [])
    assert buffer.ledgers() == [Ledger(stream, 0, 0)]
    assert buffer.commit() == 1
    assert [kept.fix for kept in buffer.read(stream, 0, 10)] == [fix(1)]
    buffer.close()


def test_fixes_are_read_in_order_after_a_number() -> None:
    """Reading is bounded below by a number and above by a count, within one stream."""
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    fill(buffer, 10)
    buffer.begin_stream()
    fill(buffer, 3)
    assert [kept.seq for kept in buffer.read(stream, 4, 3)] == [5, 6, 7]
    assert buffer.read(stream, 10, 3) == []
    assert buffer.read(bytes(8), 0, 3) == []
    buffer.close()


def test_every_run_is_a_stream_of_its_own(path: Path) -> None:
    """A new run counts from 1 in 8 new bytes, and the runs before keep their order."""
    streams = []
    for _ in range(3):
        buffer = Buffer(path)
        streams.append(buffer.begin_stream())
        fill(buffer, 2)
        buffer.close()
    buffer = Buffer(path)
    assert buffer.ledgers() == [Ledger(stream, 0, 2) for stream in streams]
    assert len(set(streams)) == 3
    buffer.close()


def test_runs_of_which_nothing_is_held_are_forgotten(path: Path) -> None:
    """A run that committed nothing leaves no trace, one with fixes or something to say stays."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 3)
    buffer.begin_stream()
    buffer.begin_stream()
    assert [ledger.stream for ledger in buffer.ledgers()] == [stream, buffer.stream]
    buffer.close()


def test_gap_that_is_not_yet_told_keeps_its_run() -> None:
    """A run of which only an untold gap is left is kept until the server knows of it."""
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    fill(buffer, 3)
    assert buffer._give_up(GapReason.CUT)
    buffer.begin_stream()
    assert buffer.ledgers()[0] == Ledger(stream, 0, 3)
    buffer.apply([Stored(stream, 3)])
    buffer.commit()
    buffer.begin_stream()
    assert [ledger.stream for ledger in buffer.ledgers()] == [buffer.stream]
    assert buffer.gaps(stream) == []
    buffer.close()


def test_pointer_is_written_with_the_next_commit(path: Path) -> None:
    """What the server said to have is on the disk after the commit that follows."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 9)
    buffer.apply([Stored(stream, 4), Stored(stream, 6)])
    assert buffer.ledgers()[0].stored == 0
    buffer.commit()
    buffer.close()
    again = Buffer(path)
    assert again.ledgers() == [Ledger(stream, 6, 9)]
    assert again.rows() == 9, "delivered fixes are kept while there is room"
    again.close()


def test_rewind_takes_everything_as_not_stored() -> None:
    """After a rewind no stream is believed stored, whatever was to be written."""
    buffer = Buffer(IN_MEMORY)
    first = buffer.begin_stream()
    fill(buffer, 2)
    buffer.apply([Stored(first, 2)])
    buffer.commit()
    second = buffer.begin_stream()
    fill(buffer, 2)
    buffer.apply([Stored(second, 1), Rewind()])
    buffer.commit()
    assert buffer.ledgers() == [Ledger(first, 0, 2), Ledger(second, 0, 2)]
    buffer.close()


def test_refused_fix_is_set_aside_and_leaves_a_gap(path: Path) -> None:
    """A fix that the server will never take is kept apart for people, and told as a gap."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 3)
    buffer.apply([SetAside(stream, 2, "range"), SetAside(stream, 2, "range")])
    assert [kept.seq for kept in buffer.read(stream, 0, 10)] == [1, 3]
    assert buffer.gaps(stream) == [Gap(2, 2, GapReason.REFUSED)]
    buffer.close()
    row = sqlite3.connect(path)
    assert row.execute("SELECT seq, reason FROM set_aside").fetchall() == [(2, "range")]
    row.close()


def test_gaps_that_touch_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are given up one after the other for one reason leave one gap."""
    monkeypatch.setattr(agent_buffer, "_FREED_ROWS", 2)
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    fill(buffer, 10)
    assert buffer._give_up(GapReason.CUT)
    assert buffer._give_up(GapReason.CUT)
    assert buffer.gaps(stream) == [Gap(1, 4, GapReason.CUT)]
    buffer.apply([SetAside(stream, 5, "range")])
    assert buffer._give_up(GapReason.CUT)
    assert buffer.gaps(stream) == [
        Gap(1, 4, GapReason.CUT),
        Gap(5, 5, GapReason.REFUSED),
        Gap(6, 7, GapReason.CUT),
    ]
    buffer.close()


def test_delivered_rows_go_before_undelivered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """When room is needed, what the server has goes first, oldest first, then the oldest rest."""
    monkeypatch.setattr(agent_buffer, "_FREED_ROWS", 100)
    buffer = Buffer(IN_MEMORY, max_bytes=150_000)
    undelivered = buffer.begin_stream()
    fill(buffer, 300)
    delivered = buffer.begin_stream()
    fill(buffer, 300)
    buffer.apply([Stored(delivered, 250)])
    fill(buffer, 6000)
    reasons = {
        stream: [(gap.reason, gap.first) for gap in buffer.gaps(stream)]
        for stream in (undelivered, delivered)
    }
    assert reasons[delivered][0] == (GapReason.RELEASED, 1)
    assert reasons[undelivered] == [(GapReason.CUT, 1)]
    released = next(gap for gap in buffer.gaps(delivered) if gap.reason is GapReason.RELEASED)
    assert released.last == 250
    buffer.close()


def test_full_buffer_keeps_its_size_and_the_newest_and_counts_the_rest(path: Path) -> None:
    """50,000 fixes into 1 MB: the file stays at 1 MB, the newest are held, the rest is one gap."""
    buffer = Buffer(path, max_bytes=1_000_000)
    stream = buffer.begin_stream()
    fill(buffer, 50_000, at_once=200)
    held = [kept.seq for kept in buffer.read(stream, 0, -1)]
    assert held == list(range(held[0], 50_001))
    assert len(held) > 15_000
    assert buffer.gaps(stream) == [Gap(1, held[0] - 1, GapReason.CUT)]
    assert buffer.ledgers() == [Ledger(stream, 0, 50_000)]
    buffer.close()
    size_bytes = sum(each.stat().st_size for each in path.parent.iterdir())
    assert size_bytes <= 1_000_000 + 64 * 1024


def test_second_process_is_locked_out(path: Path) -> None:
    """While a process holds the buffer another one is told so, and afterwards it may."""
    buffer = Buffer(path)
    buffer.begin_stream()
    code = (
        "import sys; from pathlib import Path\n"
        "from milepost_agent.buffer import Buffer, BufferFileError\n"
        "try: Buffer(Path(sys.argv[1])).close()\n"
        "except BufferFileError as error: sys.exit(str(error))\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    refused = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (refused.returncode, refused.stderr) == (
        1,
        f"buffer {path} is in use by another process\n",
    )
    buffer.close()
    assert subprocess.run(command, check=False).returncode == 0


def test_newer_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    """A buffer of a later version is not touched, and can be opened by that version again."""
    Buffer(path).close()
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 2")
    later.close()
    with pytest.raises(BufferFileError, match=r"has schema version 2, this agent knows 1"):
        Buffer(path)
    again = sqlite3.connect(path)
    assert again.execute("PRAGMA user_version").fetchone() == (2,)
    again.close()


@pytest.mark.parametrize("data", [b"hello\n", b"SQLite format 3\0" + b"\xff" * 5000, bytes(9000)])
def test_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, data: bytes) -> None:
    """Another file under the buffer's name is named in one error, kept, and not locked."""
    path.parent.mkdir()
    path.write_bytes(data)
    for _ in range(2):
        with pytest.raises(BufferFileError, match=f"^buffer {path}: .*(not a database|malformed)"):
            Buffer(path)
    assert path.read_bytes() == data


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where the folder's place is taken by a file, the error names the buffer and the cause."""
    (tmp_path / "held").write_text("")
    with pytest.raises(BufferFileError, match=r"^buffer .*buffer\.sqlite: "):
        Buffer(tmp_path / "held" / "buffer.sqlite")
