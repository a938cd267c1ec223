"""Is this file ours, and is its structure sound? Asked before SQLite opens it; pure.

SQLite believes its pages. A flipped bit in the list of free pages lets it overwrite rows, one in a
log's header lets it drop all commits in the log, one in the header makes the file read-only or of
another size. So the header, the log, and all pages above the leaves are looked through: for a
million rows some 1,000 of 75,000 pages. Leaves are checked row by row when they are read.
"""

from collections.abc import Iterator

from milepost_agent.buffer.image import DB_HEAD_BYTES, Image
from milepost_agent.buffer.pages import (
    PAGE_BYTES,
    TABLE_INTERIOR,
    TABLE_LEAF,
    is_log_head,
    rows_of,
    varint,
)
from milepost_agent.buffer.row import (
    is_set_aside,
    read_fix,
    read_gap,
    read_memo,
    read_stream,
)

MAGIC = b"SQLite format 3\0"

# Not 2: one flipped bit makes it 3, a likely next version, and damage be taken for one. From 3
# a single bit leads to 1, 2, 7 or 11; 1 was an unreleased draft, which named no application.
SCHEMA_VERSION = 3
APPLICATION_ID = 0x4D504246  # "MPBF"

# Bytes 20 to 23 of every SQLite file without a reserved end of its pages.
_FRACTIONS = bytes((0, 64, 32, 32))

_HEAD_INTERIOR_BYTES = 12
_MAX_DEPTH = 12


class _FaultError(Exception):
    """What is wrong with the structure."""


def version_of(database: bytes) -> int | None:
    """Return the schema version of a whole SQLite file that is not of this one; else None.

    A file that is ours but for one bit of the version is damaged, and of no other version.
    """
    is_whole = database[: len(MAGIC)] == MAGIC and database[20:24] == _FRACTIONS
    if not is_whole or len(database) < DB_HEAD_BYTES:
        return None
    version = int.from_bytes(database[60:64], "big", signed=True)
    ours = int.from_bytes(database[68:72], "big") == APPLICATION_ID
    if version == SCHEMA_VERSION or (ours and (version ^ SCHEMA_VERSION).bit_count() == 1):
        return None
    return version


def is_ours(image: Image) -> bool:
    """Say whether anything in the files was written by us, or by SQLite for us, or is void."""
    begin = image.database[: len(MAGIC)]
    alike = sum(ours == theirs for ours, theirs in zip(MAGIC, begin, strict=False))
    if alike >= len(begin) - 4 and (alike >= 4 or not begin):
        return True
    void = bytes(PAGE_BYTES)
    return any(
        page == void or b"CREATE TABLE fix" in page or any(map(_is_row_of_ours, rows_of(page)))
        for page in image.versions()
    )


def fault_of(image: Image) -> str | None:
    """Say what is wrong with header, log or structure; None: nothing."""
    try:
        _check_log(image)
        first = image.page(1)
        _check_head(image.database[:DB_HEAD_BYTES] if image.database else first)
        _check_head(first)
        _check_pages(image, first)
    except _FaultError as fault:
        return str(fault)
    return None


def _check_log(image: Image) -> None:
    if image.log and not any(image.log):
        return
    if image.log and not is_log_head(image.log):
        if any(map(_is_row_of_ours, _rows_in_log(image))):
            raise _FaultError("the log's header is damaged")
        return
    if image.frames and not image.committed and not image.database:
        raise _FaultError("there is a log without a database")
    # One commit may be torn: the last one, which has not returned, or one that was given up and
    # written over in part. What stands behind two that SQLite does not believe did return.
    rest = image.frames[len(image.committed) :]
    if sum(frame.is_current and frame.commit_pages > 0 for frame in rest) > 1:
        raise _FaultError("the log is damaged in its middle")


def _rows_in_log(image: Image) -> Iterator[tuple[object, ...]]:
    for frame in image.frames:
        yield from rows_of(image.log[frame.page_at : frame.page_at + PAGE_BYTES])


def _check_head(head: bytes) -> None:
    sound = (
        head[:16] == MAGIC
        and int.from_bytes(head[16:18], "big") == PAGE_BYTES
        and set(head[18:20]) <= {1, 2}
        and head[20:24] == _FRACTIONS
        and head[44:48] == (4).to_bytes(4, "big")
        and not any(head[52:56])
        and head[56:60] == (1).to_bytes(4, "big")
        and head[60:64] == SCHEMA_VERSION.to_bytes(4, "big")
        and not any(head[64:68])
    )
    if not sound:
        raise _FaultError("the header is damaged")


def _check_pages(image: Image, first: bytes) -> None:
    """Find each page exactly once: in a table or in the list of free ones."""
    count = image.page_count
    have = -(-len(image.database) // PAGE_BYTES)
    if not 1 <= count <= max(have, max((frame.page_no for frame in image.committed), default=0)):
        raise _FaultError(f"there are {have} pages and not {count}")
    seen = bytearray(count + 1)
    seen[0] = 1
    roots = [1]
    for leaf in _leaves(image, 1, seen):
        page = first if leaf == 1 else image.page(leaf)
        roots += [
            row[4] for row in rows_of(page, DB_HEAD_BYTES if leaf == 1 else 0) if len(row) > 4
        ]
    for root in roots[1:]:
        for _ in _leaves(image, root, seen):
            pass
    _mark_free(image, first, seen)
    if not all(seen):
        raise _FaultError(f"page {seen.index(0)} belongs to nothing")


def _leaves(image: Image, root: object, seen: bytearray) -> Iterator[int]:
    """Yield the leaf pages of a table; all are at one depth, so only one is read to find it."""
    if not isinstance(root, int):
        raise _FaultError("a table has no root")
    level = [root]
    _mark(root, seen)
    for _ in range(_MAX_DEPTH):
        kind = _page_kind(image, level[0])
        if kind == TABLE_LEAF:
            yield from level
            return
        children = []
        for number in level:
            children += _children(image, number)
        for child in children:
            _mark(child, seen)
        level = children
    raise _FaultError("a table is too deep")


def _page_kind(image: Image, number: int) -> int:
    page = image.page(number)
    at = DB_HEAD_BYTES if number == 1 else 0
    kind = page[at] if len(page) > at else 0
    if kind not in (TABLE_LEAF, TABLE_INTERIOR):
        raise _FaultError(f"page {number} is of no kind that we use")
    return kind


def _children(image: Image, number: int) -> list[int]:
    page = image.page(number)
    at = DB_HEAD_BYTES if number == 1 else 0
    if _page_kind(image, number) != TABLE_INTERIOR or len(page) != PAGE_BYTES:
        raise _FaultError(f"page {number} is at the wrong depth")
    count = int.from_bytes(page[at + 3 : at + 5], "big")
    places = range(at + _HEAD_INTERIOR_BYTES, at + _HEAD_INTERIOR_BYTES + 2 * count, 2)
    children = []
    before = -(2**63)
    for place in places:
        cell_at = int.from_bytes(page[place : place + 2], "big")
        children.append(int.from_bytes(page[cell_at : cell_at + 4], "big"))
        try:
            key, _ = varint(page, cell_at + 4)
        except IndexError:
            raise _FaultError(f"page {number} is damaged") from None
        if key <= before:
            raise _FaultError(f"page {number} is out of order")
        before = key
    children.append(int.from_bytes(page[at + 8 : at + 12], "big"))
    return children


def _mark_free(image: Image, first: bytes, seen: bytearray) -> None:
    trunk = int.from_bytes(first[32:36], "big")
    count = 0
    while trunk:
        _mark(trunk, seen)
        page = image.page(trunk)
        leaves = int.from_bytes(page[4:8], "big")
        if len(page) != PAGE_BYTES or leaves > PAGE_BYTES // 4 - 2:
            raise _FaultError("the list of free pages is damaged")
        for at in range(8, 8 + 4 * leaves, 4):
            _mark(int.from_bytes(page[at : at + 4], "big"), seen)
        count += 1 + leaves
        trunk = int.from_bytes(page[:4], "big")
    if count != int.from_bytes(first[36:40], "big"):
        raise _FaultError("the list of free pages is incomplete")


def _mark(number: int, seen: bytearray) -> None:
    if not 1 <= number < len(seen) or seen[number]:
        raise _FaultError(f"page {number} belongs to two, or is not there")
    seen[number] = 1


def _is_row_of_ours(row: tuple[object, ...]) -> bool:
    readers = (read_fix, read_stream, read_gap, read_memo)
    return is_set_aside(row) or any(read(row) is not None for read in readers)
