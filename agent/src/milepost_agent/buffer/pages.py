"""A reader of SQLite's pages: bytes in, rows out, of files that SQLite will not read; pure.

Sources: https://sqlite.org/fileformat.html, sections 1.3 (header), 1.6 (pages of b-trees), 2.1
(records), 4 (the write-ahead log: frames, checksum). Only what our schema uses is read: leaf pages
of tables with an integer key, pages of one known size without a reserved end, UTF-8, rows that fit
a page (a longer one would go on in overflow pages, and is left out).

Nothing here raises for bad bytes. What is read from a damaged page may be wrong: the rows' own
CRC decides (row.py).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PAGE_BYTES = 1024

TABLE_LEAF = 0x0D
TABLE_INTERIOR = 0x05

_LEAF_HEAD_BYTES = 8
# Longest row that stands wholly in its page: usable size less 35 (fileformat.html, 1.6).
_MOST_PAYLOAD_BYTES = PAGE_BYTES - 35

# Serial types (fileformat.html, 2.1): 1 to 6 are integers of so many bytes, 7 is a float.
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_FLOAT = 7

_WAL_HEAD = struct.Struct(">8I")
_FRAME_HEAD = struct.Struct(">6I")
_WAL_MAGIC = 0x377F0682  # its last bit: the checksum's words are big-endian
_WAL_VERSION = 3007000
FRAME_BYTES = _FRAME_HEAD.size + PAGE_BYTES


def rows_of(page: bytes, head_at: int = 0) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table's leaf page, the key first, as `SELECT rowid, *` would.

    Where the first column is the key itself it stands there once.

    Args:
        page: The page; short where the file ends.
        head_at: Where the page's own header begins: 100 on the first page.
    """
    if len(page) < head_at + _LEAF_HEAD_BYTES or page[head_at] != TABLE_LEAF:
        return
    count = int.from_bytes(page[head_at + 3 : head_at + 5], "big")
    at = head_at + _LEAF_HEAD_BYTES
    for place in range(at, min(at + 2 * count, len(page) - 1), 2):
        row = _row_at(page, int.from_bytes(page[place : place + 2], "big"))
        if row is not None:
            yield row


def _row_at(page: bytes, at: int) -> tuple[Any, ...] | None:
    try:
        payload_bytes, at = varint(page, at)
        key, at = varint(page, at)
        if payload_bytes > _MOST_PAYLOAD_BYTES or at + payload_bytes > len(page):
            return None
        values = _record(page[at : at + payload_bytes])
    except (IndexError, UnicodeDecodeError):
        return None
    if values is None:
        return None
    key = key if key < 2**63 else key - 2**64
    is_alias = bool(values) and values[0] is None  # a column that is the key is stored as null
    return (key, *values[is_alias:])


def _record(payload: bytes) -> list[Any] | None:
    """Read a record's values; written out for integers, of which nearly all are."""
    head_bytes, at = varint(payload, 0)
    body_at = head_bytes
    values: list[Any] = []
    while at < head_bytes:
        kind = payload[at]
        if 0 < kind <= 6:
            at += 1
            begin, body_at = body_at, body_at + _INTEGER_BYTES[kind]
            values.append(int.from_bytes(payload[begin:body_at], "big", signed=True))
            continue
        kind, at = varint(payload, at)
        begin, body_at = body_at, body_at + _size_of(kind)
        values.append(_value(kind, payload[begin:body_at]))
    return values if at == head_bytes and body_at == len(payload) else None


def _size_of(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == _FLOAT else 0


def _value(kind: int, body: bytes) -> Any:
    if kind in (8, 9):
        return kind - 8
    if kind >= 12:
        return body.decode() if kind % 2 else body
    if kind == _FLOAT:
        return struct.unpack(">d", body.ljust(8))[0]
    return None


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of 1 to 9 bytes; return it and where it ends.

    Raises:
        IndexError: The bytes end before it does.
    """
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


@dataclass(frozen=True, slots=True)
class Frame:
    """One page in the log.

    Attributes:
        page_no: Which page it is a version of.
        commit_pages: Pages of the database after the commit that it ends; 0: it ends none.
        page_at: Where the page begins in the log.
        is_current: It carries the salts of the log's header: it was written since the last restart.
        is_sound: All checksums up to it are right, so that SQLite believes it.
    """

    page_no: int
    commit_pages: int
    page_at: int
    is_current: bool
    is_sound: bool


def frames_of(log: bytes) -> list[Frame]:
    """Return all frames of a write-ahead log, sound or not, old or current."""
    if len(log) < _WAL_HEAD.size:
        return []
    magic, *_, salt_1, salt_2, sum_1, sum_2 = _WAL_HEAD.unpack_from(log)
    order = ">" if magic & 1 else "<"
    sums = (sum_1, sum_2)
    sound = is_log_head(log)
    frames = []
    for at in range(_WAL_HEAD.size, len(log) - FRAME_BYTES + 1, FRAME_BYTES):
        page_no, commit_pages, *salts, sum_1, sum_2 = _FRAME_HEAD.unpack_from(log, at)
        is_current = salts == [salt_1, salt_2]
        page_at = at + _FRAME_HEAD.size
        if sound:
            sums = _checksum(log[at : at + 8], order, sums)
            sums = _checksum(log[page_at : page_at + PAGE_BYTES], order, sums)
            sound = is_current and sums == (sum_1, sum_2) and page_no > 0
        frames.append(Frame(page_no, commit_pages, page_at, is_current, sound))
    return frames


def is_log_head(log: bytes) -> bool:
    """Say whether a log begins as SQLite writes it."""
    if len(log) < _WAL_HEAD.size:
        return False
    magic, version, page_bytes, *_, sum_1, sum_2 = _WAL_HEAD.unpack_from(log)
    return (
        magic & ~1 == _WAL_MAGIC
        and (version, page_bytes) == (_WAL_VERSION, PAGE_BYTES)
        and _checksum(log[:24], ">" if magic & 1 else "<", (0, 0)) == (sum_1, sum_2)
    )


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
