"""A disk that is full, read-only, failing or gone: the buffer lives on in memory, and returns."""

import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost_agent.buffer import Buffer, BufferState, StreamGoneError
from milepost_agent.buffer.holding import MEMORY_BYTES, RETRY_S
from milepost_schemas.delivery.effect import Stored
from milepost_schemas.delivery.sender import Ledger
from tests.agent.buffers import fill, fix
from tests.agent.mounts import ext4, remount, shut_down, tmpfs

TICK_S = 5.0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    with tmpfs(tmp_path / "small", "2m") as folder:
        yield folder


class Drive:
    """A unit that measures and commits, five fixes a tick."""

    def __init__(self, path: Path) -> None:
        self.buffer = Buffer(path)
        self.first = self.buffer.begin_stream()
        self.now_s = 0.0
        self.n = 0
        self.made: dict[tuple[bytes, int], int] = {}

    def tick(self, ticks: int = 1, *, stored: bool = False) -> None:
        """Go on; `stored`: the server answers at once."""
        for _ in range(ticks):
            self.now_s += TICK_S
            numbers = range(self.n + 1, self.n + 6)
            self.n += 5
            for n in numbers:
                self.buffer.add(fix(n))
            newest = self.buffer.commit(self.now_s)
            stream = self.buffer.stream
            self.made |= dict(
                zip(((stream, newest - 4 + i) for i in range(5)), numbers, strict=True)
            )
            if stored:
                for ledger in self.buffer.ledgers():
                    self.buffer.apply([Stored(ledger.stream, ledger.newest)])

    def tick_into(self, state: BufferState) -> None:
        """Go on until fixes are held so; a day is enough."""
        for _ in range(7200):
            self.tick()
            if self.state() is state:
                return
        pytest.fail(f"not {state} within a day but {self.buffer.health()}")

    def state(self) -> BufferState:
        """Say where fixes are held."""
        return self.buffer.health().state

    def check_held(self) -> None:
        """Every fix that was made is held under the number that it got."""
        held = {
            (ledger.stream, kept.seq): kept.fix
            for ledger in self.buffer.ledgers()
            for kept in self.buffer.read(ledger.stream, 0, -1)
        }
        assert held == {key: fix(n) for key, n in self.made.items()}


def hog(folder: Path) -> Path:
    """Let another program take all that is left of a disk."""
    path = folder / "hog"
    with path.open("wb", buffering=0) as file:
        for chunk in (65_536, 4096):
            try:
                while file.write(bytes(chunk)) == chunk:
                    pass
            except OSError:
                pass
    return path


def test_disk_filled_by_another_program(small: Path) -> None:
    """While a disk is full fixes go to memory and are delivered from there; nothing is lost (A6).

    What was committed before stays readable; after the space came back, the next tick is durable,
    and so is what was held in memory.
    """
    drive = Drive(small / "buffer.db")
    drive.tick(40)
    before = drive.buffer.stream
    hogged = hog(small)
    drive.tick_into(BufferState.MEMORY_FULL_DISK)
    drive.tick(200)
    assert drive.buffer.health().reason != ""
    in_memory = drive.buffer.stream
    assert drive.buffer.is_volatile(in_memory)
    assert not drive.buffer.is_volatile(before)
    assert [ledger.stream for ledger in drive.buffer.ledgers()] == [before, in_memory]
    assert (drive.buffer.take_changes() != [], drive.buffer.take_changes()) == (True, [])
    drive.check_held()
    drive.buffer.apply([Stored(before, 200), Stored(in_memory, 3)])
    hogged.unlink()
    drive.tick()
    assert (drive.state(), drive.buffer.health().reason) == (BufferState.DISK, "")
    assert not drive.buffer.is_volatile(in_memory)
    assert drive.buffer.changed
    ledgers = drive.buffer.ledgers()
    assert [each.stream for each in ledgers] == [before, in_memory, drive.buffer.stream]
    assert [each.stored for each in ledgers] == [200, 3, 0]
    drive.check_held()
    image = small / "cut"
    image.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{small}/buffer.db{suffix}", image / f"buffer.db{suffix}")
    again = Buffer(image / "buffer.db")
    assert again.rows() == drive.buffer.rows() == drive.n
    again.close()
    drive.buffer.close()


def test_full_disk_with_delivered_rows_is_no_trouble(small: Path) -> None:
    """Rows that the server has make room inside the file, so that commits stay durable."""
    drive = Drive(small / "buffer.db")
    drive.tick(300, stored=True)
    hog(small)
    drive.tick(600, stored=True)
    assert drive.state() is BufferState.DISK
    assert drive.buffer.stream == drive.first
    health = drive.buffer.health()
    assert (health.cut, health.thinned) == (0, 0)
    assert drive.buffer.read(drive.first, drive.n - 5, -1)[-1].fix == fix(drive.n)
    drive.buffer.close()


def test_memory_has_a_limit_and_counts_what_it_gives_up(small: Path) -> None:
    """Days on a full disk: the history in memory is thinned, and every fix is held or counted."""
    drive = Drive(small / "buffer.db")
    drive.tick(2)
    hogged = hog(small)
    for _ in range(60):
        for _ in range(1000):
            drive.n += 1
            drive.buffer.add(fix(drive.n))
        drive.now_s += TICK_S
        drive.buffer.commit(drive.now_s)
    health = drive.buffer.health()
    assert health.state is BufferState.MEMORY_FULL_DISK
    assert health.rows + health.thinned + health.cut == drive.n
    assert (health.thinned, health.cut) > (10_000, 0)
    spare = drive.buffer._holding.spare
    assert spare is not None
    assert spare.size_bytes() <= MEMORY_BYTES
    hogged.unlink()
    drive.now_s += TICK_S
    drive.buffer.commit(drive.now_s)
    again = drive.buffer.health()
    assert again.state is BufferState.DISK
    assert (again.rows + again.thinned, again.cut) == (drive.n, 0)
    drive.buffer.close()


def test_read_only_disk(small: Path) -> None:
    """A disk that turns read-only is read on, and written again when it can be."""
    drive = Drive(small / "buffer.db")
    drive.tick(10)
    # A file that is open for writing forbids the remount, so the unit starts on the closed one.
    drive.buffer.close()
    remount(small, "ro")
    later = Drive(small / "buffer.db")
    later.made, later.n = dict(drive.made), drive.n
    assert later.state() is BufferState.MEMORY_READ_ONLY
    assert later.buffer.is_volatile(later.first)
    later.tick(10)
    assert [ledger.stream for ledger in later.buffer.ledgers()] == [drive.first, later.first]
    later.check_held()
    remount(small, "rw")
    later.tick()
    assert later.state() is BufferState.DISK
    later.check_held()
    later.buffer.close()
    again = Buffer(small / "buffer.db")
    assert again.rows() == later.n
    again.close()


def test_start_on_a_full_disk(small: Path) -> None:
    """A unit whose disk is full from the begin starts in memory, and says so."""
    hogged = hog(small)
    drive = Drive(small / "buffer.db")
    drive.tick(10)
    assert drive.state() is BufferState.MEMORY_FULL_DISK
    drive.check_held()
    hogged.unlink()
    drive.tick()
    assert drive.state() is BufferState.DISK
    drive.check_held()
    drive.buffer.close()


def test_damage_on_a_full_disk_is_mended_when_there_is_space(small: Path) -> None:
    """While there is no space for what can be saved, the unit lives in memory; then it is saved."""
    drive = Drive(small / "buffer.db")
    drive.tick(100)
    drive.buffer.close()
    path = small / "buffer.db"
    data = bytearray(path.read_bytes())
    data[:1024] = bytes(1024)
    path.write_bytes(data)
    hogged = hog(small)
    later = Drive(path)
    later.made, later.n = dict(drive.made), drive.n
    later.tick(3)
    assert later.state() is BufferState.MEMORY_FULL_DISK
    hogged.unlink()
    later.tick()
    assert later.state() is BufferState.DISK
    later.check_held()
    assert later.buffer.health().quarantined == ("buffer.db.damaged-1",)
    later.buffer.close()


@pytest.mark.parametrize("what", ["folder", "file", "log"])
def test_file_that_is_taken_away(tmp_path: Path, what: str) -> None:
    """A file that is deleted under the unit is found missing at once, and written anew whole."""
    path = tmp_path / "held" / "buffer.db"
    drive = Drive(path)
    drive.tick(30)
    if what == "folder":
        shutil.rmtree(path.parent)
    else:
        (path if what == "file" else Path(f"{path}-wal")).unlink()
    drive.tick()
    assert drive.state() is BufferState.MEMORY_IO_ERROR
    drive.check_held()
    drive.tick()
    assert drive.state() is BufferState.DISK
    drive.check_held()
    drive.tick(5)
    drive.check_held()
    drive.buffer.close()
    again = Buffer(path)
    assert again.rows() == drive.n
    again.close()


def test_file_system_that_fails_in_every_way(tmp_path: Path) -> None:
    """After a file system has shut down (A10) nothing of it can be read or written; the unit lives.

    The streams on it are gone from what is held; it is tried again now and then, and when it is
    there again, so are they.
    """
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    with ext4(image, folder):
        drive = Drive(folder / "buffer.db")
        drive.tick(50)
        shut_down(folder)
        drive.tick(50)
        assert drive.state() is BufferState.MEMORY_IO_ERROR
        held = [ledger.stream for ledger in drive.buffer.ledgers()]
        if drive.first in held:
            with pytest.raises(StreamGoneError):
                drive.buffer.read(drive.first, 0, -1)
        assert [ledger.stream for ledger in drive.buffer.ledgers()] == [drive.buffer.stream]
        begin_s = time.process_time()
        for _ in range(2000):
            drive.now_s += 0.01
            drive.buffer.commit(drive.now_s)
        assert time.process_time() - begin_s < 0.2 * 2000 * 0.01, "no tight loop"
        assert drive.buffer.health().oldest_ms is not None
    with ext4(image, folder):
        drive.tick()
        assert drive.state() is BufferState.DISK
        drive.check_held()
        drive.buffer.close()


FSIZE = """
import resource, sys
from pathlib import Path
from milepost_agent.buffer import Buffer
from tests.agent.buffers import fix
resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, 512 * 1024))
buffer = Buffer(Path(sys.argv[1]))
buffer.begin_stream()
states = set()
for n in range(1, 20_001):
    buffer.add(fix(n))
    if n % 40 == 0:
        buffer.commit(float(n))
        states.add(str(buffer.health().state))
held = sum(len(buffer.read(ledger.stream, 0, -1)) for ledger in buffer.ledgers())
health = buffer.health()
assert held == health.rows, (held, health)
assert health.rows + health.thinned + health.cut == 20_000, health
resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, 512 * 1024))
print(sorted(states), len(buffer.ledgers()))
buffer.close()
"""


def test_file_size_limit(tmp_path: Path) -> None:
    """Where a file may not grow (A8, `ulimit -f 512`) the unit goes on in memory and counts all."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FSIZE), tmp_path / "buffer.db"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("['disk', 'disk f"), ended.stdout
    assert int(ended.stdout.split()[-1]) < 8, "it does not go to and fro"


def test_disk_is_tried_now_and_then(small: Path) -> None:
    """While the disk is full it is tried each few seconds, whatever the tick."""
    drive = Drive(small / "buffer.db")
    hogged = hog(small)
    drive.tick_into(BufferState.MEMORY_FULL_DISK)
    hogged.unlink()
    drive.now_s += RETRY_S / 4
    fill_s = drive.now_s
    while drive.state() is not BufferState.DISK:
        drive.now_s += 0.25
        drive.buffer.commit(drive.now_s)
    assert drive.now_s - fill_s <= 5.0
    drive.buffer.close()


def test_unit_that_stops_while_the_disk_is_full_tries_a_last_time(small: Path) -> None:
    """At the end what is in memory is written, if by then the disk takes it."""
    drive = Drive(small / "buffer.db")
    hogged = hog(small)
    drive.tick_into(BufferState.MEMORY_FULL_DISK)
    drive.tick(100)
    hogged.unlink()
    drive.buffer.close()
    again = Buffer(small / "buffer.db")
    assert again.rows() == drive.n
    again.close()


def test_memory_stream_keeps_no_open_end_of_the_disk(small: Path) -> None:
    """An open end that was written before the disk failed is outdated when it returns."""
    drive = Drive(small / "buffer.db")
    drive.buffer.set_open_end(fix(10**6))
    drive.tick(2)
    hogged = hog(small)
    drive.buffer.set_open_end(fix(10**6 + 1))
    drive.tick_into(BufferState.MEMORY_FULL_DISK)
    hogged.unlink()
    drive.buffer.set_open_end(fix(10**6 + 2), stands_for=9)
    drive.tick()
    image = small / "cut"
    image.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{small}/buffer.db{suffix}", image / f"buffer.db{suffix}")
    again = Buffer(image / "buffer.db")
    again.begin_stream()
    held = [
        kept
        for ledger in again.ledgers()
        for kept in again.read(ledger.stream, 0, -1)
        if kept.fix.time_ms >= fix(10**6).time_ms
    ]
    assert [(kept.fix, kept.stands_for) for kept in held] == [(fix(10**6 + 2), 9)]
    again.close()
    drive.buffer.close()


def test_two_ledgers_are_never_one_stream(small: Path) -> None:
    """Each change between disk and memory begins a stream of its own."""
    drive = Drive(small / "buffer.db")
    streams = {drive.first}
    for _ in range(3):
        hogged = hog(small)
        drive.tick_into(BufferState.MEMORY_FULL_DISK)
        streams.add(drive.buffer.stream)
        hogged.unlink()
        drive.tick_into(BufferState.DISK)
        streams.add(drive.buffer.stream)
    assert len(streams) == 7
    assert [ledger.stream for ledger in drive.buffer.ledgers()][-1] == drive.buffer.stream
    drive.check_held()
    fill(drive.buffer, 5)
    assert drive.buffer.ledgers()[-1] == Ledger(
        drive.buffer.stream, 0, drive.buffer.commit(drive.now_s)
    )
    drive.buffer.close()
