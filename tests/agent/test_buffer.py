"""The buffer: what was committed is there whatever happens, and nothing is given up uncounted."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from milepost_agent.buffer import (
    IN_MEMORY,
    Buffer,
    BufferFileError,
    BufferState,
    StreamGoneError,
    beginning,
    room,
)
from milepost_agent.buffer.buffer import MAX_MEMO_BYTES, POINTERS_EVERY_S
from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.delivery.effect import Rewind, SetAside, Stored
from milepost_schemas.delivery.sender import Ledger
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.agent.buffers import FIRST_MS, copied, fill, fix


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
        "buffer.commit(0.0); buffer.add(Fix(1000, 0, 0))\n"
        "os.write(1, buffer.stream); os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    assert ended.returncode == 9
    buffer = Buffer(path)
    assert buffer.ledgers() == [Ledger(ended.stdout, 0, 100)]
    assert buffer.rows() == 100
    assert [kept.fix.time_ms for kept in buffer.read(ended.stdout, 0, -1)] == list(range(100))
    buffer.close()


def test_fix_comes_back_as_it_was(path: Path) -> None:
    """Every value, missing ones too, is the same after the file was closed and opened."""
    whole = Fix(FIRST_MS, -90_000_000, 180_000_000, -43, 0, 0, 999, 255, FixKind.RTK, 65_535, True)
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
    assert buffer.commit(0.0) == 1
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
    for ask in (buffer.gaps, lambda stream: buffer.read(stream, 0, 3)):
        with pytest.raises(StreamGoneError):
            ask(bytes(8))
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
    make_room(buffer, "cut")
    buffer.begin_stream()
    assert buffer.ledgers()[0] == Ledger(stream, 0, 3)
    buffer.apply([Stored(stream, 3)])
    buffer.commit(0.0)
    buffer.begin_stream()
    assert [ledger.stream for ledger in buffer.ledgers()] == [buffer.stream]
    assert buffer.health().cut == 3, "what was given up of it is counted for ever"
    buffer.close()


def test_pointer_is_known_at_once_and_written_within_a_minute(path: Path) -> None:
    """What the server said to have counts from then on, and is on the disk at the latest 60 s on.

    The disk is spared, because a pointer that is lost costs a repetition and nothing else.
    """
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 9)
    buffer.apply([Stored(stream, 4), Stored(stream, 6)])
    assert buffer.ledgers() == [Ledger(stream, 6, 9)]
    buffer.commit(POINTERS_EVERY_S - 1)
    assert stored_on_disk(path) == [0]
    buffer.commit(POINTERS_EVERY_S)
    assert stored_on_disk(path) == [6]
    buffer.apply([Stored(stream, 7)])
    buffer.close()
    again = Buffer(path)
    assert again.ledgers() == [Ledger(stream, 7, 9)]
    assert again.rows() == 9, "delivered fixes are kept while there is room"
    again.close()


def test_rewind_takes_everything_as_not_stored() -> None:
    """After a rewind no stream is believed stored, whatever was to be written."""
    buffer = Buffer(IN_MEMORY)
    first = buffer.begin_stream()
    fill(buffer, 2)
    buffer.apply([Stored(first, 2)])
    buffer.commit(0.0)
    second = buffer.begin_stream()
    fill(buffer, 2)
    buffer.apply([Stored(second, 1), Rewind()])
    buffer.commit(0.0)
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
    assert (buffer.rows(), buffer.health().set_aside) == (2, 1)
    buffer.apply([SetAside(bytes(8), 2, "of a stream that is not held")])
    buffer.close()
    db = sqlite3.connect(path)
    ((seq, text, reason),) = db.execute("SELECT seq, fix, reason FROM set_aside").fetchall()
    assert (seq, json.loads(text)["time_ms"], reason) == (2, fix(2).time_ms, "range")
    assert db.execute("SELECT seq FROM fix ORDER BY key").fetchall() == [(1,), (3,)]
    db.close()


def test_gaps_that_touch_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are given up one after the other for one reason leave one gap."""
    monkeypatch.setattr(room, "FREED_ROWS", 2)
    buffer = Buffer(IN_MEMORY)
    stream = buffer.begin_stream()
    fill(buffer, 10)
    make_room(buffer, "cut")
    make_room(buffer, "cut")
    assert buffer.gaps(stream) == [Gap(1, 4, GapReason.CUT)]
    buffer.apply([SetAside(stream, 5, "range")])
    make_room(buffer, "cut")
    assert buffer.gaps(stream) == [
        Gap(1, 4, GapReason.CUT),
        Gap(5, 5, GapReason.REFUSED),
        Gap(6, 7, GapReason.CUT),
    ]
    buffer.close()


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


def make_room(buffer: Buffer, how: str) -> None:
    """Do once what a full buffer does again and again."""
    with buffer._holding.current.transaction() as transaction:
        assert {"cut": room.cut, "release": room.release}[how](transaction)


def stored_on_disk(path: Path) -> list[int]:
    """Return the pointers that a power cut would leave, read by SQLite from a copy."""
    copy = copied(path, path.parent / "copy")
    db = sqlite3.connect(copy)
    pointers = [stored for (stored,) in db.execute("SELECT stored FROM stream ORDER BY no")]
    db.close()
    return pointers


@pytest.mark.parametrize("version", [1, 4])
def test_other_schema_is_refused_and_left_as_it_is(path: Path, version: int) -> None:
    """A buffer of another version is not touched, and can be opened by that version again."""
    Buffer(path).close()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    if version == 1:  # an older draft named no application
        data = bytearray(path.read_bytes())
        data[68:72] = bytes(4)
        path.write_bytes(data)
    before = path.read_bytes()
    with pytest.raises(BufferFileError, match=rf"has schema version {version}, this agent knows 3"):
        Buffer(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"hello\n", b"bytes of somebody else's " * 500])
def test_file_that_is_no_buffer_is_refused_and_left_as_it_is(path: Path, data: bytes) -> None:
    """Another file under the buffer's name is named in one error, kept, and not locked."""
    path.parent.mkdir()
    path.write_bytes(data)
    for _ in range(2):
        with pytest.raises(BufferFileError, match=f"^buffer {path}: file is not a database"):
            Buffer(path)
    assert path.read_bytes() == data
    assert not list(path.parent.glob("*damaged*"))


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0" + b"\xff" * 5000, bytes(9000)])
def test_file_of_which_nothing_is_left_is_set_aside(path: Path, data: bytes) -> None:
    """What may have been a buffer is kept under a name, and the agent begins anew."""
    path.parent.mkdir()
    path.write_bytes(data)
    buffer = Buffer(path)
    assert buffer.ledgers() == []
    assert path.read_bytes() == data, "looking changes nothing"
    buffer.begin_stream()
    fill(buffer, 3)
    health = buffer.health()
    assert (health.state, health.quarantined) == (BufferState.DISK, ("buffer.sqlite.damaged-1",))
    assert (path.parent / health.quarantined[0]).read_bytes() == data
    buffer.close()


@pytest.mark.parametrize("blocked", ["held", "held/buffer.sqlite"])
def test_place_that_can_never_hold_a_file_is_named(tmp_path: Path, blocked: str) -> None:
    """Where the folder is a file, or the file a folder, the error names buffer and cause."""
    if blocked == "held":
        (tmp_path / blocked).write_text("")
    else:
        (tmp_path / blocked).mkdir(parents=True)
    with pytest.raises(BufferFileError, match=r"^buffer .*buffer\.sqlite: "):
        Buffer(tmp_path / "held" / "buffer.sqlite")


def test_open_end_is_one_row_and_becomes_a_stream_at_the_next_start(path: Path) -> None:
    """Each commit writes it over the one before; after a cut it is there, once, with its counts."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    for n in range(1, 41):
        if n % 4 == 0:
            buffer.add(fix(n), stands_for=4)
            buffer.set_open_end(None)
        else:
            buffer.set_open_end(fix(n), stands_for=n % 4, hole=n == 39)
        buffer.commit(0.0)
        assert [kept.seq for kept in buffer.read(stream, 0, -1)] == list(range(1, n // 4 + 1))
    buffer.set_open_end(fix(41), stands_for=7, hole=True)
    buffer.commit(0.0)
    image = copied(path, path.parent / "cut")
    buffer.close()

    again = Buffer(image)
    assert [ledger.newest for ledger in again.ledgers()] == [10], "looking numbers nothing"
    again.begin_stream()
    old, end, new = again.ledgers()
    assert (old, new) == (Ledger(stream, 0, 10), Ledger(again.stream, 0, 0))
    assert again.read(end.stream, 0, -1) == [KeptFix(1, fix(41), 7, True)]
    again.close()
    third = Buffer(image)
    third.begin_stream()
    assert [ledger.newest for ledger in third.ledgers()] == [10, 1, 0]
    assert third.rows() == 11
    third.close()


def test_open_end_that_was_numbered_or_withdrawn_leaves_nothing(path: Path) -> None:
    """After a clean stop the next start finds no open end, whatever there was before."""
    for last in (fix(2), None):
        buffer = Buffer(path)
        stream = buffer.begin_stream()
        buffer.add(fix(1))
        buffer.set_open_end(fix(2))
        buffer.commit(0.0)
        buffer.set_open_end(None)
        if last is not None:
            buffer.add(last)
        buffer.close()
        again = Buffer(path)
        again.begin_stream()
        held = [kept.fix for kept in again.read(stream, 0, -1)]
        assert held == ([fix(1)] if last is None else [fix(1), last])
        assert [ledger.stream for ledger in again.ledgers()] == [stream, again.stream]
        again.apply([Stored(stream, 2)])
        again.close()
        path.unlink()


def test_small_values_are_remembered(path: Path) -> None:
    """What the unit wants to know at its next start is there, and what is new replaces the old."""
    buffer = Buffer(path)
    assert buffer.recall("time") is None
    buffer.remember("time", b"1")
    buffer.begin_stream()
    buffer.commit(0.0)
    buffer.remember("time", b"2")
    buffer.remember("other", bytes(500))
    assert buffer.recall("time") == b"2"
    buffer.commit(0.0)
    image = copied(path, path.parent / "cut")
    buffer.close()
    again = Buffer(image)
    assert (again.recall("time"), again.recall("other")) == (b"2", bytes(500))
    with pytest.raises(ValueError, match="too many"):
        again.remember("time", bytes(MAX_MEMO_BYTES))
    again.close()


def test_looking_at_a_buffer_changes_nothing_of_it(path: Path) -> None:
    """Who reads a buffer without beginning a stream leaves its files byte for byte as they were."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 100)
    buffer.set_open_end(fix(101))
    buffer.commit(0.0)
    image = copied(path, path.parent / "cut")
    buffer.close()
    before = {file.name: file.read_bytes() for file in image.parent.iterdir()}
    looker = Buffer(image)
    assert len(looker.read(stream, 0, -1)) == 100
    looker.close()
    after = {file.name: file.read_bytes() for file in image.parent.iterdir()}
    assert after == before | {image.name + ".lock": b""}


def test_looking_at_a_damaged_buffer_shows_what_can_be_saved(path: Path) -> None:
    """An export of a damaged file finds its rows, and neither mends nor moves it."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    buffer.remember("time", b"1")
    fill(buffer, 100)
    buffer.close()
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)
    looker = Buffer(path)
    assert looker.recall("time") == b"1"
    assert looker.ledgers() == [Ledger(stream, 0, 100)]
    assert [kept.fix for kept in looker.read(stream, 0, -1)] == [fix(n) for n in range(1, 101)]
    looker.close()
    assert path.read_bytes() == data
    assert not list(path.parent.glob("*damaged*"))


def test_many_streams_keep_their_order(path: Path) -> None:
    """A unit that was switched on 60 times without network holds 60 streams, in order."""
    streams = []
    for n in range(60):
        buffer = Buffer(path)
        streams.append(buffer.begin_stream())
        buffer.add(fix(n))
        buffer.close()
    buffer = Buffer(path)
    begin_s = time.process_time()
    buffer.begin_stream()
    assert time.process_time() - begin_s < 1.0
    assert [ledger.stream for ledger in buffer.ledgers()] == [*streams, buffer.stream]
    buffer.close()


def test_of_very_many_runs_the_oldest_delivered_are_forgotten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit that is switched on and off all day does not hold thousands of delivered runs."""
    monkeypatch.setattr(beginning, "MAX_STREAMS", 5)
    streams = []
    for n in range(12):
        buffer = Buffer(path)
        streams.append(buffer.begin_stream())
        buffer.add(fix(n))
        buffer.commit(0.0)
        if n != 3:
            buffer.apply([Stored(buffer.stream, 1)])
        buffer.close()
    buffer = Buffer(path)
    assert [ledger.stream for ledger in buffer.ledgers()] == [streams[3], *streams[-5:]]
    assert buffer.rows() == 6
    buffer.close()


def test_health_says_what_is_held(path: Path) -> None:
    """Rows, size, the oldest fix that is not delivered, and the version of SQLite are told."""
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    fill(buffer, 20)
    buffer.apply([Stored(stream, 5)])
    health = buffer.health()
    assert (health.rows, health.oldest_ms) == (20, fix(6).time_ms)
    assert (health.state, health.reason) == (BufferState.DISK, "")
    assert health.bytes == sum(file.stat().st_size for file in path.parent.iterdir())
    assert health.sqlite_version == sqlite3.sqlite_version
    assert (health.thinned, health.cut, health.damaged, health.tolerance_m) == (0, 0, 0, 5.0)
    buffer.apply([Stored(stream, 20)])
    assert buffer.health().oldest_ms is None
    buffer.close()
