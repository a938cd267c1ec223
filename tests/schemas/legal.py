"""Everything that the contract calls legal, as hypothesis strategies."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
from hypothesis import strategies as st

from milepost_schemas.ack import Ack
from milepost_schemas.batch import MAX_GAPS, Batch, Envelope, Gap, GapReason, Previous
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.layout import (
    ALTITUDE,
    COURSE,
    ERROR,
    HDOP,
    LAT,
    LON,
    MAX_FIXES,
    MAX_TIME_MS,
    SATELLITES,
    SPEED,
    STANDS_MAX,
)
from milepost_schemas.message import MAX_COUNT, STREAM_BYTES

SCHEMAS = Path(__file__).parents[2] / "schemas"

STREAMS = st.binary(min_size=STREAM_BYTES, max_size=STREAM_BYTES)
COUNTS = st.integers(1, MAX_COUNT)


def or_missing(low: int, high: int) -> st.SearchStrategy[int | None]:
    """Integers of a range, or nothing."""
    return st.none() | st.integers(low, high)


FIXES = st.builds(
    Fix,
    time_ms=st.integers(0, 2**47),
    lat_e6=st.integers(-90_000_000, 90_000_000),
    lon_e6=st.integers(-180_000_000, 180_000_000),
    altitude_dm=or_missing(-20_000, 1_000_000),
    speed_dmps=or_missing(0, 10_000),
    course_deg=or_missing(0, 359),
    hdop_tenths=or_missing(0, 999),
    satellites=or_missing(0, 255),
    kind=st.sampled_from(FixKind),
    error_dm=or_missing(0, 65_535),
    date_repaired=st.booleans(),
)

ACKS = st.builds(
    Ack,
    stream=STREAMS,
    batch=COUNTS,
    last_seq=or_missing(0, MAX_COUNT),
    server_time_min=st.integers(0, 2**47 // 60_000),
) | st.builds(
    Ack,
    stream=STREAMS,
    batch=COUNTS,
    last_seq=st.none(),
    server_time_min=st.integers(0, 2**47 // 60_000),
    refused=st.text(st.characters(codec="utf-8"), min_size=1, max_size=16),
)


@st.composite
def batches(draw: st.DrawFn, max_fixes: int = 8) -> Batch:
    """Batches whose numbers are fixes, gaps and thinned ones in any order."""
    after = draw(st.just(0) | st.integers(0, MAX_COUNT - 10_000))
    parts = draw(st.lists(st.sampled_from(["fix", "gap", "thinned"]), max_size=max_fixes))
    fixes, gaps, upto = [], [], after
    for part in parts:
        first = upto + 1
        upto = first + (0 if part == "fix" else draw(st.integers(0, 600)))
        if part == "fix":
            stands_for = draw(st.just(1) | st.integers(1, 2**31 - 1))
            fixes.append(KeptFix(first, draw(FIXES), stands_for, draw(st.booleans())))
        elif part == "gap":
            gaps.append(Gap(first, upto, draw(st.sampled_from(GapReason))))
    envelope = Envelope(
        stream=draw(STREAMS),
        batch=draw(COUNTS),
        after=after,
        upto=upto,
        newest=draw(st.integers(upto, MAX_COUNT)),
        gaps=tuple(gaps[:MAX_GAPS]),
        live=draw(st.none() | FIXES),
        previous=None if after else draw(st.none() | previouses()),
        volatile=draw(st.booleans()),
    )
    return Batch(envelope, tuple(fixes))


def previouses() -> st.SearchStrategy[Previous]:
    """The run before, and what is stored of it."""
    return st.builds(Previous, STREAMS, st.integers(0, MAX_COUNT))


@st.composite
def damaged(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """Valid messages after a few faults: cut, bytes changed, put in, left out, repeated."""
    data = bytearray(draw(messages))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        until = at + draw(st.integers(0, 9))
        match draw(st.sampled_from(["cut", "change", "insert", "leave out", "repeat"])):
            case "cut":
                del data[at:]
            case "change":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=9))
            case "leave out":
                del data[at:until]
            case _:
                data[at:at] = data[at:until]
    return bytes(data)


@st.composite
def flipped(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """Valid messages in whose bits some are turned; stream and wrapper stay."""
    data = draw(messages)
    begin = 8 * (len(data) - len(msgpack.unpackb(data).data) + STREAM_BYTES)
    number = int.from_bytes(data, "big")
    for at in draw(st.lists(st.integers(begin, 8 * len(data) - 1), min_size=1, max_size=6)):
        number ^= 1 << (8 * len(data) - 1 - at)
    return number.to_bytes(len(data), "big")


def check_legal(batch: Batch) -> None:
    """Assert that a batch says only what the contract allows."""
    envelope, fixes = batch.envelope, batch.fixes
    assert 1 <= envelope.batch <= MAX_COUNT
    assert 0 <= envelope.after <= envelope.upto <= envelope.newest <= MAX_COUNT
    numbers = [envelope.after, *(kept.seq for kept in fixes), envelope.upto + 1]
    assert all(seq < later for seq, later in pairwise(numbers))
    assert len(fixes) <= MAX_FIXES
    assert len(envelope.gaps) <= MAX_GAPS
    last = envelope.after
    for gap in envelope.gaps:
        assert last < gap.first <= gap.last <= envelope.upto
        assert gap.reason in GapReason
        assert not any(gap.first <= kept.seq <= gap.last for kept in fixes)
        last = gap.last
    assert envelope.previous is None or envelope.after == 0
    assert all(1 <= kept.stands_for <= STANDS_MAX for kept in fixes)
    measured = [kept.fix for kept in fixes]
    for fix in measured if envelope.live is None else [*measured, envelope.live]:
        assert 0 <= fix.time_ms <= MAX_TIME_MS
        assert fix.kind in FixKind
        for column in (LAT, LON, ALTITUDE, SPEED, COURSE, HDOP, SATELLITES, ERROR):
            value = getattr(fix, column.name)
            assert column.low <= value <= column.high if value is not None else column.optional


def packable() -> st.SearchStrategy[Any]:
    """What msgpack can hold, legal or not."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats()
        | st.binary(max_size=12)
        | st.text(st.characters(codec="utf-8"), max_size=12)
    )
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=13), max_leaves=12)


def golden(name: str) -> list[dict[str, Any]]:
    """Return the cases of one file of golden bytes."""
    vectors = json.loads((SCHEMAS / "vectors" / name).read_text(encoding="utf-8"))
    return list(vectors["cases"])


def pieces(case: dict[str, Any]) -> bytes:
    """Put together the bytes of a vector that is written as pieces."""

    def parts() -> Iterator[bytes]:
        for text, times in case["pieces"]:
            yield bytes.fromhex(text) * times

    return b"".join(parts())
