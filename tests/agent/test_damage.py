"""Damaged buffers: 500 rounds of flipped bits, cuts and zeroed pages over database, log and index.

After each the buffer opens, twice, invents nothing, keeps the damaged files, saves what lies on
undamaged pages, and accounts for each number. `MILEPOST_DAMAGE_ROUNDS` sets another number of
rounds, `MILEPOST_DAMAGE_SEED` another walk.

Where a row lies is found without the product's reader: its time is six bytes that occur in no other
row, and the log's frames are counted off by their size.
"""

import os
import random
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from milepost_agent.buffer import Buffer
from milepost_schemas.delivery.effect import Stored
from milepost_schemas.fix import Fix
from tests.agent.buffers import FIRST_MS, copied, winding

ROUNDS = int(os.environ.get("MILEPOST_DAMAGE_ROUNDS", "500"))
SEED = int(os.environ.get("MILEPOST_DAMAGE_SEED", "2026"))

PAGE, HEAD, FRAME = 1024, 32, 24 + 1024
SUFFIXES = ("", "-wal", "-shm")
WEIGHTS = {"": 5, "-wal": 4, "-shm": 1}

Truth = dict[tuple[bytes, int], Fix]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Held:
    """A buffer as a unit that was cut off leaves it.

    Attributes:
        files: Its files by their suffix.
        truth: Every fix that was ever committed, by stream and number.
        ends: Fixes that were an open end.
        places: The live places of each row that is held: suffix and page (in the log: frame).
    """

    files: Files
    truth: Truth
    ends: set[Fix]
    places: dict[tuple[bytes, int], set[tuple[str, int]]]


class Writer:
    """Writes a buffer, and notes the truth."""

    def __init__(self, path: Path, max_bytes: int = 10**8) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.truth: Truth = {}
        self.ends: set[Fix] = set()
        self.n = 0

    def run(self, ticks: int, *, rows: int = 5, ends: bool = False, stored: float = 0.0) -> Buffer:
        """Run an agent for some ticks, and leave it running."""
        buffer = Buffer(self.path, self.max_bytes)
        stream = buffer.begin_stream()
        newest = 0
        for tick in range(ticks):
            for seq in range(newest + 1, newest + 1 + rows):
                self.n += 1
                self.truth[stream, seq] = winding(self.n)
                buffer.add(winding(self.n))
            if ends:
                self.n += 1
                self.ends.add(winding(self.n))
                buffer.set_open_end(winding(self.n))
            newest = buffer.commit(5.0 * tick)
            if stored:
                buffer.apply([Stored(stream, int(newest * stored))])
        return buffer

    def leave(self, buffer: Buffer, folder: Path) -> Held:
        """Cut the power."""
        copy = copied(self.path, folder)
        held = {
            (ledger.stream, kept.seq): kept.fix
            for ledger in buffer.ledgers()
            for kept in buffer.read(ledger.stream, 0, -1)
        }
        buffer.close()
        files = {
            suffix: path.read_bytes() if (path := Path(f"{copy}{suffix}")).exists() else b""
            for suffix in SUFFIXES
        }
        # An index that an earlier version of SQLite or a tool may have left.
        files["-shm"] = random.Random(1).randbytes(32 * 1024)
        places = live_places(files)
        at = {key: places[marker(fix)] for key, fix in held.items()}
        return Held(files, self.truth, self.ends, at)


def marker(fix: Fix) -> bytes:
    """Return the bytes that SQLite writes for a fix's time."""
    return fix.time_ms.to_bytes(6, "big")


def live_places(files: Files) -> dict[bytes, set[tuple[str, int]]]:
    """Find the newest version of each page, and the times that stand in it."""
    chunks: dict[int, tuple[tuple[str, int], bytes]] = {}
    for page in range(len(files[""]) // PAGE):
        chunks[page] = (("", page), files[""][page * PAGE : (page + 1) * PAGE])
    log = files["-wal"]
    salts = log[16:24]
    pending = {}
    for frame in range((len(log) - HEAD) // FRAME if log else 0):
        at = HEAD + frame * FRAME
        page_no, commit_pages = struct.unpack_from(">II", log, at)
        if log[at + 8 : at + 16] != salts or page_no == 0:
            break
        pending[page_no - 1] = (("-wal", frame), log[at + 24 : at + FRAME])
        if commit_pages:
            chunks |= pending
            pending = {}
    prefix = (FIRST_MS >> 32).to_bytes(2, "big")
    found: dict[bytes, set[tuple[str, int]]] = {}
    for place, chunk in chunks.values():
        at = chunk.find(prefix)
        while at >= 0:
            found.setdefault(chunk[at : at + 6], set()).add(place)
            at = chunk.find(prefix, at + 1)
    return found


def one_run(folder: Path) -> Held:
    """One run of five rows a tick, all in the log and the database."""
    writer = Writer(folder / "a.db")
    return writer.leave(writer.run(90), folder / "copy")


def sampled_runs(folder: Path) -> Held:
    """Five runs with an open end, partly delivered."""
    writer = Writer(folder / "b.db")
    for ticks in (30, 3, 60, 1):
        buffer = writer.run(ticks, rows=1, ends=True, stored=0.5)
        copied(writer.path, folder / "cut")
        buffer.close()
        for path in (folder / "cut").iterdir():
            path.replace(folder / path.name)
    return writer.leave(writer.run(120, rows=2, ends=True), folder / "copy")


def full_one(folder: Path) -> Held:
    """A buffer that had to release, to thin and to cut, so that pages are free and used again."""
    writer = Writer(folder / "c.db", max_bytes=110_000)
    writer.run(200, stored=0.7).close()
    return writer.leave(writer.run(250, rows=8), folder / "copy")


def closed_one(folder: Path) -> Held:
    """A buffer that was closed well, so that there is no log."""
    writer = Writer(folder / "d.db")
    writer.run(100, stored=0.3).close()
    buffer = Buffer(writer.path)
    return writer.leave(buffer, folder / "copy")


KINDS: tuple[Callable[[Path], Held], ...] = (one_run, sampled_runs, full_one, closed_one)


def damaged(files: Files, chance: random.Random) -> tuple[Files, set[tuple[str, int]], str]:
    """Damage one file in one way; return the files, the damaged places, and what was done."""
    files = dict(files)
    there = [each for each in SUFFIXES if files[each]]
    suffix = chance.choices(there, [WEIGHTS[each] for each in there])[0]
    data = bytearray(files[suffix])
    how = chance.choice(["flip", "flip", "cut", "zero"])
    begin = chance.randrange(len(data))
    if how == "flip":
        hits = [chance.randrange(len(data)) for _ in range(chance.randint(1, 64))]
        for at in hits:
            data[at] ^= 1 << chance.randrange(8)
    elif how == "cut":
        hits = list(range(begin, len(data)))
        del data[begin:]
    else:
        begin -= begin % PAGE
        end = min(begin + PAGE * chance.randint(1, 4), len(data))
        hits = list(range(begin, end))
        data[begin:end] = bytes(end - begin)
    files[suffix] = bytes(data)
    if suffix == "-wal":
        # Whoever damages the log's head damages no frame.
        places = {(suffix, (at - HEAD) // FRAME) for at in hits if at >= HEAD}
    else:
        places = {(suffix, at // PAGE) for at in hits}
    return files, places, f"{how} {suffix or '-db'}"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> list[Held]:
    """One buffer of each kind, and some with every row delivered."""
    return [kind(tmp_path_factory.mktemp(kind.__name__)) for kind in KINDS]


def play(held: Held, files: Files, folder: Path) -> tuple[Truth, int, list[str]]:
    """Start an agent on damaged files, twice; return what it holds and how many it counts lost."""
    path = folder / "buffer.db"
    for suffix, data in files.items():
        if data:
            Path(f"{path}{suffix}").write_bytes(data)
    rows: Truth = {}
    for start in range(2):
        buffer = Buffer(path)
        buffer.begin_stream()
        rows = {
            (ledger.stream, kept.seq): kept.fix
            for ledger in buffer.ledgers()
            for kept in buffer.read(ledger.stream, 0, -1)
        }
        buffer.add(winding(10**6 + start))
        assert buffer.commit(0.0) == 1
        check_account(buffer)
        invented = {
            key
            for key, fix in rows.items()
            if held.truth.get(key) != fix
            and fix not in held.ends
            and fix.time_ms < FIRST_MS + 10**9
        }
        assert invented == set()
        health = buffer.health()
        assert health.state == "disk"
        buffer.close()
    return rows, health.damaged, list(health.quarantined)


def check_account(buffer: Buffer) -> None:
    """Each number up to the newest is a row, or in a gap, or was thinned into the row behind it."""
    rows = 0
    for ledger in buffer.ledgers():
        kept = buffer.read(ledger.stream, 0, -1)
        rows += len(kept)
        gaps = buffer.gaps(ledger.stream)
        numbers = Counter(each.seq for each in kept)
        for gap in gaps:
            assert 1 <= gap.first <= gap.last <= ledger.newest
            numbers.update(range(gap.first, gap.last + 1))
        assert max(numbers.values(), default=1) == 1
        assert max(numbers, default=0) == ledger.newest
    assert buffer.rows() == rows, "what was thinned is counted as well"


def test_damaged_buffer_is_saved(kinds: list[Held], tmp_path: Path) -> None:
    """Nothing is invented, nothing ends the agent, 95 % of rows on undamaged pages are there."""
    chance = random.Random(SEED)
    table: dict[str, Counter[str]] = {}
    for number in range(ROUNDS):
        held = kinds[number % len(kinds)]
        files, places, what = damaged(held.files, chance)
        folder = tmp_path / str(number)
        folder.mkdir()
        rows, _, quarantined = play(held, files, folder)
        sound = {key for key, at in held.places.items() if at - places}
        saved = len(sound & rows.keys())
        assert saved >= 0.95 * len(sound), f"round {number}: {what}: {saved} of {len(sound)}"
        for name in quarantined:
            assert (folder / name).exists()
        counts = table.setdefault(what, Counter())
        counts.update(rounds=1, sound=len(sound), saved=saved, held=len(held.places))
        counts.update(there=len(held.places.keys() & rows.keys()), aside=bool(quarantined))
    for what in sorted(table):
        print(what, dict(table[what]))  # noqa: T201 - the table for the report, with -s
    assert sum(counts["rounds"] for counts in table.values()) == ROUNDS
