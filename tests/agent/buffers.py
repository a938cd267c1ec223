"""Fixes, and buffers that hold them."""

import shutil
from pathlib import Path

from milepost_agent.buffer import Buffer
from milepost_schemas.fix import Fix, FixKind

FIRST_MS = 1_700_000_000_000


def fix(n: int) -> Fix:
    """Return the fix of the n-th second of a straight drive."""
    return Fix(FIRST_MS + 1000 * n, 47_000_000 + 90 * n, 8_000_000 - 70 * n, 4000, 139, 90, 9, 12)


def winding(n: int) -> Fix:
    """Return the fix of the n-th second of a drive that turns all the time, by 20 m each second."""
    return Fix(
        FIRST_MS + 1000 * n,
        47_000_000 + 180 * (n % 7) + 20 * n,
        8_000_000 + 240 * (n % 5),
        4000 + n % 90,
        200,
        n % 360,
        7 + n % 4,
        8 + n % 6,
        FixKind.THREE_D,
    )


def fill(buffer: Buffer, count: int, *, at_once: int = 50) -> None:
    """Add and commit fixes in ticks, going on where the stream stands."""
    held = buffer.commit(0.0)
    for n in range(held + 1, held + count + 1):
        buffer.add(fix(n))
        if n % at_once == 0:
            buffer.commit(0.0)
    buffer.commit(0.0)


def files_of(path: Path) -> list[Path]:
    """Return the files of a buffer that hold something: the database and its log."""
    return [each for each in (path, path.with_name(path.name + "-wal")) if each.exists()]


def copied(path: Path, folder: Path) -> Path:
    """Copy a buffer's files as a power cut would leave them, and return the copy."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files_of(path):
        shutil.copyfile(file, folder / file.name)
    return folder / path.name
