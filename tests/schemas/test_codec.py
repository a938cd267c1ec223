"""Batches and acks: what is legal comes back as it was, what is not is refused with a word."""

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost_schemas.ack import MAX_REASON_BYTES, Ack, decode_ack, encode_ack
from milepost_schemas.batch import (
    NUMBER_ORDER,
    Batch,
    Envelope,
    addressed,
    decode_batch,
    encode_batch,
)
from milepost_schemas.bits import golomb, packed
from milepost_schemas.fix import Fix, KeptFix, instant, milliseconds
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.message import MAX_MESSAGE_BYTES, MAX_VERSION, MessageError, seal_message
from tests.schemas.legal import (
    ACKS,
    STREAMS,
    batches,
    check_legal,
    damaged,
    flipped,
    golden,
    packable,
)

REASONS = {"version", "size", "malformed", "range"}
STREAM = bytes(range(8))
GOLDEN = [
    bytes.fromhex(case["hex"])
    for name in ("v1/batches.json", "v1/acks.json")
    for case in golden(name)
]


def taken(data: bytes) -> str | None:
    """Read bytes as a batch and as an ack; return why not, or None where one of them got through.

    What gets through is legal, and comes back from an honest writer's bytes as it was.
    """
    addressed(data)
    reason = None
    try:
        batch = decode_batch(data)
    except MessageError as error:
        reason = error.reason
    else:
        check_legal(batch)
        assert decode_batch(encode_batch(batch)) == batch
        assert addressed(data) == (batch.envelope.stream, batch.envelope.batch)
    try:
        ack = decode_ack(data)
    except MessageError as error:
        return reason and error.reason
    assert decode_ack(encode_ack(ack)) == ack
    return None


@given(batches())
@settings(max_examples=400, deadline=None)
def test_batch_comes_back_as_it_was(batch: Batch) -> None:
    """Any legal batch is the same after packing and unpacking."""
    assert decode_batch(encode_batch(batch)) == batch


@given(ACKS)
@settings(max_examples=200, deadline=None)
def test_ack_comes_back_as_it_was(ack: Ack) -> None:
    """Any legal ack is the same after packing and unpacking."""
    assert decode_ack(encode_ack(ack)) == ack


@given(batches())
@settings(max_examples=50, deadline=None)
def test_batch_is_addressed_by_stream_and_number(batch: Batch) -> None:
    """Stream and number are read without reading anything else."""
    envelope = batch.envelope
    assert addressed(encode_batch(batch)) == (envelope.stream, envelope.batch)


@given(STREAMS, st.integers(1, 2**53 - 1), st.integers(2, MAX_VERSION), st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_batch_of_a_later_version_is_addressed_and_refused_by_version(
    stream: bytes, number: int, version: int, rest: bytes
) -> None:
    """Of another version stream and number are read, and whatever follows is no matter."""
    data = seal_message(version, stream, packed([golomb(number - 1, NUMBER_ORDER)]) + rest)
    assert addressed(data) == (stream, number)
    with pytest.raises(MessageError) as caught:
        decode_batch(data)
    assert caught.value.reason == "version"


@given(st.binary(max_size=300))
@settings(max_examples=2000, deadline=None)
def test_arbitrary_bytes_raise_nothing_but_message_error(data: bytes) -> None:
    """No bytes raise anything but a MessageError with one of its four words."""
    assert (taken(data) or "malformed") in REASONS


@given(STREAMS, st.binary(max_size=120))
@settings(max_examples=1500, deadline=None)
def test_arbitrary_bits_are_legal_or_refused(stream: bytes, bits: bytes) -> None:
    """Whatever bits stand behind a stream, what gets through an honest writer could have said."""
    assert (taken(seal_message(1, stream, bits)) or "malformed") in REASONS


@given(packable().map(msgpack.packb))
@settings(max_examples=400, deadline=None)
def test_arbitrary_msgpack_raises_nothing_but_message_error(data: bytes) -> None:
    """No msgpack value raises anything but a MessageError with one of its four words."""
    assert (taken(data) or "malformed") in REASONS


@given(damaged(st.sampled_from(GOLDEN)))
@settings(max_examples=1500, deadline=None)
def test_damaged_messages_are_legal_or_refused(data: bytes) -> None:
    """A valid message with a few faults is refused, or holds only what is legal."""
    assert (taken(data) or "malformed") in REASONS


@given(flipped(st.sampled_from(GOLDEN)))
@settings(max_examples=2000, deadline=None)
def test_flipped_bits_are_legal_or_refused(data: bytes) -> None:
    """A valid message with some bits turned is refused, or holds only what is legal."""
    assert (taken(data) or "malformed") in REASONS


@example(MAX_FIXES)
@given(st.integers(1, 200))
@settings(max_examples=20, deadline=None)
def test_steady_drive_of_any_length_weighs_a_byte_a_fix(count: int) -> None:
    """Up to 4,096 fixes of a steady drive travel in one message, at most 1 byte each."""
    fixes = tuple(
        KeptFix(n, Fix(1_700_000_000_000 + 1000 * n, 47_000_000 + 90 * n, 8_000_000, 4000 + n % 3))
        for n in range(1, count + 1)
    )
    data = encode_batch(Batch(Envelope(STREAM, 1, 0, count, count), fixes))
    assert len(data) <= 44 + count
    assert len(data) <= MAX_MESSAGE_BYTES
    assert decode_batch(data).fixes == fixes


def test_batch_of_more_than_4096_fixes_is_refused() -> None:
    """One fix more than a batch may hold is refused, also when it is well formed."""
    count = MAX_FIXES + 1
    fixes = tuple(KeptFix(n, Fix(n, 0, 0)) for n in range(1, count + 1))
    with pytest.raises(MessageError) as caught:
        decode_batch(encode_batch(Batch(Envelope(STREAM, 1, 0, count, count), fixes)))
    assert caught.value.reason == "range"


@pytest.mark.parametrize("letter", ["x", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{SNOWMAN}"])
def test_refusal_word_is_cut_at_64_bytes(letter: str) -> None:
    """A long word does not make an ack that the unit cannot read, and no character is cut."""
    ack = Ack(STREAM, 1, None, 0, letter * 500)
    fitting = MAX_REASON_BYTES // len(letter.encode())
    assert decode_ack(encode_ack(ack)).refused == letter * fitting


def test_refusal_without_a_word_is_still_one() -> None:
    """An empty reason travels as a question mark, since an ack without a word refuses nothing."""
    assert decode_ack(encode_ack(Ack(STREAM, 1, None, 0, ""))).refused == "?"


@given(st.integers(0, 2**47))
def test_instant_comes_back_to_the_millisecond(time_ms: int) -> None:
    """Milliseconds to a datetime and back lose nothing."""
    assert milliseconds(instant(time_ms)) == time_ms


def test_instant_without_offset_is_refused() -> None:
    """A naive datetime has no place among ours."""
    with pytest.raises(ValueError, match="no offset"):
        milliseconds(instant(0).replace(tzinfo=None))


def test_fix_reads_in_degrees_metres_and_seconds() -> None:
    """The properties are the integers in the units of people, and unknown stays unknown."""
    fix = Fix(1_500, -47_123_456, 8_654_321, -43, 139, 275, 9)
    assert (fix.lat_deg, fix.lon_deg) == (-47.123456, 8.654321)
    assert (fix.altitude_m, fix.speed_mps, fix.hdop) == (-4.3, 13.9, 0.9)
    assert fix.time.isoformat() == "1970-01-01T00:00:01.500000+00:00"
    bare = Fix(0, 0, 0)
    assert (bare.altitude_m, bare.speed_mps, bare.hdop) == (None, None, None)
