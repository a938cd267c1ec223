"""The rows of streams, counted: how many, and how many different numbers they have.

Rows are counted in blocks of
64 numbers, a bit for each: the bits say how many different numbers there are, without sorting.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from milepost_collector.store.audit.spans import Span
from milepost_collector.store.connection import Database

# So many of a kind are named.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream's row, and what other tables say of it.

    Attributes:
        no: Its row number.
        owner: The row number of its device.
        device: Its device.
        stream: In hexadecimal digits.
        last_seq: Every number up to here is accounted for.
        fixes: Numbers that came as fixes, by its own count; likewise `thinned` and `missing`.
        expired: Fixes that were dropped for their age.
        gaps: Numbers in recorded gaps.
        overlaps: Gaps that overlap another or go beyond `last_seq`, and rows inside gaps.
    """

    no: int
    owner: int
    device: str
    stream: str
    last_seq: int
    fixes: int
    thinned: int
    missing: int
    expired: int
    gaps: int
    overlaps: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a stream in some span of time, or in quarantine.

    Attributes:
        stream: The stream's row number.
        least_device: Least row number of a device in them.
        greatest_device: Greatest one.
        rows: How many.
        numbers: How many different numbers.
        first: Least number.
        last: Greatest number.
        turned: Blocks whose time begins before that of the block before ends.
    """

    stream: int
    least_device: int
    greatest_device: int
    rows: int
    numbers: int
    first: int
    last: int
    turned: int


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored of a stream."""

    rows: int = 0
    numbers: int = 0
    first: int | None = None
    last: int = 0
    devices: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Counted:
    """Everything that was counted.

    Attributes:
        streams: By row number.
        pieces: Of stored fixes.
        quarantined: Of those in quarantine.
        exact: Different numbers of the streams that have pieces which overlap.
        repeats: Device, stream and numbers that are stored repeatedly: the first few.
    """

    streams: dict[int, Stream]
    pieces: list[Piece]
    quarantined: list[Piece]
    exact: dict[int, int]
    repeats: list[tuple[int, int, int]]

    def held(self) -> dict[int, Held]:
        """Return what is stored of each stream, by its row number."""
        by_stream: dict[int, list[Piece]] = defaultdict(list)
        for piece in (*self.pieces, *self.quarantined):
            by_stream[piece.stream].append(piece)
        return {
            no: Held(
                rows=sum(piece.rows for piece in pieces),
                numbers=self.exact.get(no, sum(piece.numbers for piece in pieces)),
                first=min(piece.first for piece in pieces),
                last=max(piece.last for piece in pieces),
                devices=frozenset(
                    device
                    for each in pieces
                    for device in (each.least_device, each.greatest_device)
                ),
            )
            for no, pieces in by_stream.items()
        }

    def name(self, no: int) -> str:
        """Return a stream as people find it."""
        stream = self.streams.get(no)
        return f"stream row {no}" if stream is None else f"{stream.device}, stream {stream.stream}"


_STREAMS = """
WITH inside AS (
    SELECT gap.stream, count(*) AS rows
    FROM gap
    JOIN stream ON stream.no = gap.stream
    JOIN fix ON fix.device = stream.device AND fix.stream = gap.stream
        AND fix.seq BETWEEN gap.first_seq AND gap.last_seq
    GROUP BY gap.stream
), told AS (
    SELECT stream, first_seq, last_seq,
           lead(first_seq) OVER (PARTITION BY stream ORDER BY first_seq) AS next
    FROM gap
), gaps AS (
    SELECT told.stream, sum(told.last_seq - told.first_seq + 1)::bigint AS numbers,
           count(*) FILTER (WHERE told.next <= told.last_seq OR told.last_seq > stream.last_seq)
               AS overlaps
    FROM told JOIN stream ON stream.no = told.stream
    GROUP BY told.stream
)
SELECT stream.no, stream.device AS owner, device.device, encode(stream.stream, 'hex') AS stream,
       stream.last_seq, stream.fixes, stream.thinned, stream.missing,
       coalesce(expired.fixes, 0) AS expired, coalesce(gaps.numbers, 0) AS gaps,
       coalesce(gaps.overlaps, 0) + coalesce(inside.rows, 0) AS overlaps
FROM stream
JOIN device ON device.no = stream.device
LEFT JOIN expired ON expired.stream = stream.no
LEFT JOIN gaps ON gaps.stream = stream.no
LEFT JOIN inside ON inside.stream = stream.no
ORDER BY device.device, stream.no
"""

_IN_SPAN = "SELECT device, stream, seq, time FROM fix WHERE time >= %(begin)s AND time < %(end)s"
_IN_QUARANTINE = "SELECT device, stream, seq, time FROM fix_quarantine"
_OF_STREAMS = """
SELECT device, stream, seq, time FROM fix WHERE stream = ANY(%(streams)s)
UNION ALL
SELECT device, stream, seq, time FROM fix_quarantine WHERE stream = ANY(%(streams)s)
"""

_PIECES = """
WITH block AS (
    SELECT stream, seq >> 6 AS block, min(device) AS least_device, max(device) AS greatest_device,
           count(*) AS rows, bit_or(1::bigint << (seq & 63)::integer) AS bits,
           min(seq) AS first, max(seq) AS last, min(time) AS begin, max(time) AS end
    FROM ({rows}) AS row
    GROUP BY stream, seq >> 6
), ordered AS (
    SELECT *, lag("end") OVER (PARTITION BY stream ORDER BY block) AS before FROM block
)
SELECT stream, min(least_device) AS least_device, max(greatest_device) AS greatest_device,
       sum(rows)::bigint AS rows, sum(bit_count(bits::bit(64)))::bigint AS numbers,
       min(first) AS first, max(last) AS last, count(*) FILTER (WHERE begin < before) AS turned
FROM ordered
GROUP BY stream
"""

_REPEATS = f"""
SELECT stream, seq, count(*) FROM ({_OF_STREAMS}) AS row
GROUP BY stream, seq HAVING count(*) > 1 ORDER BY stream, seq LIMIT {NAMED}
"""  # noqa: S608 - put together from constants


def count_numbers(
    connection: Database, spans: Sequence[Span], step: Callable[[int], None]
) -> Counted:
    """Count the rows of all streams, a span at a time.

    Args:
        connection: In a transaction that sees one moment.
        spans: Every fix is in one of them.
        step: Is told of each span, and once more at the end.
    """
    with connection.cursor(row_factory=class_row(Stream)) as cursor:
        streams = {row.no: row for row in cursor.execute(_STREAMS)}
    pieces = []
    for span in spans:
        asked = {"begin": span.begin, "end": span.end}
        pieces += _pieces(connection, _IN_SPAN, asked)
        step(1)
    quarantined = _pieces(connection, _IN_QUARANTINE, {})
    mixed = _overlapping([*pieces, *quarantined])
    exact = {}
    if mixed:
        whole = _pieces(connection, _OF_STREAMS, {"streams": mixed})
        exact = {piece.stream: piece.numbers for piece in whole}
    counted = Counted(streams, pieces, quarantined, exact, [])
    doubled = [no for no, held in counted.held().items() if held.rows > held.numbers][:NAMED]
    if doubled:
        found = connection.execute(_REPEATS.encode(), {"streams": doubled})
        counted.repeats.extend((stream, seq, times) for stream, seq, times in found)
    step(1)
    return counted


def _pieces(connection: Database, rows: str, asked: dict[str, Any]) -> list[Piece]:
    with connection.cursor(row_factory=class_row(Piece)) as cursor:
        return cursor.execute(_PIECES.format(rows=rows).encode(), asked).fetchall()


def _overlapping(pieces: Sequence[Piece]) -> list[int]:
    """Return the streams of which two pieces may hold the same number."""
    last: dict[int, int] = {}
    found = set()
    for piece in sorted(pieces, key=lambda piece: piece.first):
        if piece.first <= last.get(piece.stream, piece.first - 1):
            found.add(piece.stream)
        last[piece.stream] = max(piece.last, last.get(piece.stream, piece.last))
    return sorted(found)
