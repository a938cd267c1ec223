"""Batches and acks: what is legal comes back as it was, what is not is refused with a word."""

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost_schemas.ack import Ack, decode_ack, encode_ack
from milepost_schemas.batch import (
    Batch,
    Envelope,
    addressed,
    decode_batch,
    decode_fixes,
    encode_batch,
)
from milepost_schemas.columns import MAX_FIXES, decode_columns, encode_columns
from milepost_schemas.fix import Fix, KeptFix, instant, milliseconds
from milepost_schemas.message import MAX_MESSAGE_BYTES, MessageError
from tests.schemas.legal import ACKS, STREAMS, batches, damaged, golden, packable

REASONS = {"version", "size", "malformed", "range"}
STREAM = bytes(range(8))
GOLDEN = [
    bytes.fromhex(case["hex"]) for name in ("batches.json", "acks.json") for case in golden(name)
]
GOLDEN_COLUMNS = [
    columns
    for case in golden("batches.json")
    if (columns := decode_batch(bytes.fromhex(case["hex"]))[1]) is not None
]


def read(data: bytes) -> Batch:
    """Read a batch whole."""
    envelope, columns = decode_batch(data)
    return Batch(envelope, decode_fixes(envelope, columns))


def read_columns(data: bytes) -> tuple[KeptFix, ...]:
    """Read columns that follow no number."""
    return decode_columns(data, 0)


def refusals(data: bytes) -> list[str]:
    """Read bytes in every way there is, and return the reasons of the refusals."""
    reasons = []
    for reader in (read, decode_ack, read_columns):
        try:
            reader(data)
        except MessageError as error:
            reasons.append(error.reason)
    addressed(data)
    return reasons


@given(batches())
@settings(max_examples=400, deadline=None)
def test_batch_comes_back_as_it_was(batch: Batch) -> None:
    """Any legal batch is the same after packing and unpacking."""
    assert read(encode_batch(batch)) == batch


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


@given(STREAMS, st.integers(1, 2**53 - 1), st.integers(2, 2**31), st.lists(packable(), max_size=3))
@settings(max_examples=100, deadline=None)
def test_batch_of_a_later_version_is_addressed_and_refused_by_version(
    stream: bytes, number: int, version: int, rest: list[object]
) -> None:
    """Of another version the first three elements are read, and whatever follows is no matter."""
    data = msgpack.packb([version, stream, number, *rest])
    assert addressed(data) == (stream, number)
    with pytest.raises(MessageError) as caught:
        decode_batch(data)
    assert caught.value.reason == "version"


@given(st.binary(max_size=300))
@settings(max_examples=3000, deadline=None)
def test_arbitrary_bytes_raise_nothing_but_message_error(data: bytes) -> None:
    """No bytes raise anything but a MessageError with one of its four words."""
    assert set(refusals(data)) <= REASONS


@given(packable().map(msgpack.packb))
@settings(max_examples=400, deadline=None)
def test_arbitrary_msgpack_raises_nothing_but_message_error(data: bytes) -> None:
    """No msgpack value raises anything but a MessageError with one of its four words."""
    assert set(refusals(data)) <= REASONS


@given(damaged(st.sampled_from(GOLDEN)))
@settings(max_examples=2500, deadline=None)
def test_damaged_messages_raise_nothing_but_message_error(data: bytes) -> None:
    """A valid message with a few faults is taken or refused, and never anything else."""
    assert set(refusals(data)) <= REASONS


@given(damaged(st.sampled_from(GOLDEN_COLUMNS)))
@settings(max_examples=1500, deadline=None)
def test_damaged_columns_hold_only_legal_values_or_are_refused(data: bytes) -> None:
    """Whatever gets through the columns' reader could have been written by an honest writer."""
    try:
        fixes = decode_columns(data, 0)
    except MessageError:
        return
    assert decode_columns(encode_columns(fixes, 0), 0) == fixes
    assert all(0 <= kept.fix.time_ms <= 2**47 for kept in fixes)
    assert all(abs(kept.fix.lat_e6) <= 90_000_000 for kept in fixes)
    assert all(abs(kept.fix.lon_e6) <= 180_000_000 for kept in fixes)


@example(MAX_FIXES)
@given(st.integers(1, 200))
@settings(max_examples=20, deadline=None)
def test_drive_of_any_length_weighs_a_few_bytes_a_fix(count: int) -> None:
    """Up to 4,096 fixes of a steady drive travel in one message, at most 12 bytes each."""
    fixes = tuple(
        KeptFix(n, Fix(1_700_000_000_000 + 1000 * n, 47_000_000 + 90 * n, 8_000_000, 4000 + n % 3))
        for n in range(1, count + 1)
    )
    data = encode_batch(Batch(Envelope(STREAM, 1, 0, count, count), fixes))
    assert len(data) <= 70 + 12 * count
    assert len(data) <= MAX_MESSAGE_BYTES
    assert read(data).fixes == fixes


def test_columns_of_more_than_4096_fixes_are_refused() -> None:
    """One fix more than a batch may hold is refused, also when it is well formed."""
    fixes = [KeptFix(n, Fix(n, 0, 0)) for n in range(1, MAX_FIXES + 2)]
    with pytest.raises(MessageError):
        decode_columns(encode_columns(fixes, 0), 0)


def test_refusal_word_is_cut_at_64_characters() -> None:
    """A long word does not make an ack that the unit cannot read."""
    ack = Ack(STREAM, 1, None, 0, "x" * 500)
    assert decode_ack(encode_ack(ack)).refused == "x" * 64


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
