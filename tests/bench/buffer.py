"""The buffer: what a day writes to the disk, what a fix takes, how fast commits and starts are."""

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from milepost_agent.buffer import Buffer
from milepost_schemas.delivery.effect import Stored
from milepost_schemas.fix import Fix, FixKind

# A day of ten hours at a tick of 5 s. So many ticks are measured, and reckoned up.
DAY_TICKS = 7200
MEASURED_TICKS = 1800
MOST_MB_A_DAY = 80.0

# 30 days of 10 hours at 1 Hz in 150 MB.
MOST_BYTES_A_ROW = 150e6 / 1.08e6

MANY_ROWS = 1_000_000
MOST_START_S = 2.0


def buffer_rows(folder: Path) -> list[dict[str, Any]]:
    """Measure on a real file beside the benchmark's other files."""
    every = _day_mb(folder / "every.db", lambda _: 5, with_end=False)
    chance = random.Random(1)
    sampled = _day_mb(folder / "sampled.db", lambda _: int(chance.random() < 0.7), with_end=True)
    rows_a_s, bare_rows_a_s = _rate(folder / "rate.db"), _bare_rate(folder / "bare.db")
    many = folder / "many.db"
    _fill(many)
    start_s = _start_s(many)
    bytes_a_row = many.stat().st_size / MANY_ROWS
    return [
        _row("5 rows a tick, disk writes a 10-hour day", every, "target", MOST_MB_A_DAY, "MB"),
        _row("sampled, disk writes a 10-hour day", sampled, "target", MOST_MB_A_DAY, "MB"),
        _row("durable rows, 5 a commit", rows_a_s, "bare SQLite, same row", bare_rows_a_s, "/s"),
        _row("start with a million rows", start_s, "target", MOST_START_S, "s"),
        _row("file bytes a row", bytes_a_row, "30 days of 10 h in 150 MB", MOST_BYTES_A_ROW, "B"),
    ]


def _row(what: str, ours: float, peer: str, peers: float, unit: str) -> dict[str, Any]:
    return {"what": f"buffer: {what}", "ours": ours, "peer": peer, "peers": peers, "unit": unit}


def noisy(n: int, chance: random.Random) -> Fix:
    """Return a fix with all values that usual receivers know, as noisy as they are."""
    return Fix(
        1_700_000_000_000 + 1000 * n,
        47_000_000 + 90 * n % 900_000 + chance.randint(-30, 30),
        8_000_000 + 70 * n % 700_000 + chance.randint(-30, 30),
        4000 + chance.randint(0, 99),
        chance.randint(0, 250),
        chance.randint(0, 359),
        chance.randint(7, 14),
        chance.randint(5, 14),
        FixKind.THREE_D,
        chance.randint(10, 60),
    )


def _day_mb(path: Path, kept: Callable[[int], int], *, with_end: bool) -> float:
    """Return the megabytes that a day writes, with the checkpoints, by the kernel's account."""
    chance = random.Random(2)
    buffer = Buffer(path)
    stream = buffer.begin_stream()
    number = newest = 0
    before = _written_bytes()
    for tick in range(MEASURED_TICKS):
        for _ in range(kept(tick)):
            number += 1
            buffer.add(noisy(number, chance))
        if with_end:
            number += 1
            buffer.set_open_end(noisy(number, chance), stands_for=3)
        buffer.apply([Stored(stream, newest)])
        newest = buffer.commit(5.0 * tick)
    buffer.close()
    return (_written_bytes() - before) * DAY_TICKS / MEASURED_TICKS / 1e6


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def _rate(path: Path) -> float:
    chance = random.Random(3)
    fixes = [noisy(number, chance) for number in range(10_000)]
    buffer = Buffer(path)
    buffer.begin_stream()
    begin_s = time.perf_counter()
    for at in range(0, len(fixes), 5):
        for fix in fixes[at : at + 5]:
            buffer.add(fix)
        buffer.commit(0.0)
    took_s = time.perf_counter() - begin_s
    buffer.close()
    return len(fixes) / took_s


def _bare_rate(path: Path) -> float:
    chance = random.Random(3)
    rows = [(n, fix.time_ms, *fix.measured()) for n in range(10_000) if (fix := noisy(n, chance))]
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE fix (seq INTEGER PRIMARY KEY, a, b, c, d, e, f, g, h, i, j, k)")
    begin_s = time.perf_counter()
    for at in range(0, len(rows), 5):
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO fix VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows[at : at + 5])
        db.execute("COMMIT")
    took_s = time.perf_counter() - begin_s
    db.close()
    return len(rows) / took_s


def _fill(path: Path) -> None:
    chance = random.Random(4)
    buffer = Buffer(path)
    buffer.begin_stream()
    for number in range(1, MANY_ROWS + 1):
        buffer.add(noisy(number, chance))
        if number % 500 == 0:
            buffer.commit(0.0)
    buffer.close()


def _start_s(path: Path) -> float:
    begin_s = time.perf_counter()
    buffer = Buffer(path)
    buffer.begin_stream()
    took_s = time.perf_counter() - begin_s
    buffer.close()
    return took_s
