"""Bits: the forms of numbers as the wire's description shows them, and what is none of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_schemas.bits import (
    MAX_TAIL_BITS,
    BitReader,
    fold,
    golomb,
    packed,
    plain,
    run,
    shortest_order,
    unfold,
)
from milepost_schemas.message import MessageError

ORDERS = st.integers(0, 15)
NUMBERS = st.integers(0, 5) | st.integers(0, 2**11) | st.integers(0, 2**50)


def reader(bits: str) -> BitReader:
    """Return what reads some bits."""
    return BitReader(packed([bits]), "test")


@pytest.mark.parametrize(
    ("value", "order", "bits"),
    [
        *((0, 0, "1"), (1, 0, "010"), (2, 0, "011"), (3, 0, "00100"), (6, 0, "00111")),
        *((0, 2, "100"), (3, 2, "111"), (4, 2, "01000"), (11, 2, "01111"), (12, 2, "0010000")),
        *((0, 10, "1" + "0" * 10), (1023, 10, "1" * 11), (1024, 10, "01" + "0" * 11)),
    ],
)
def test_exp_golomb_code_is_that_of_the_description(value: int, order: int, bits: str) -> None:
    """Small numbers are written as the literature writes them."""
    assert golomb(value, order) == bits
    assert reader(bits).golomb(order) == value


def test_run_has_its_ones_before_its_tails() -> None:
    """The zeros and ones of all numbers stand before what follows them."""
    assert run([0, 3, 1], 1) == "1" + "01" + "1" + "0" + "01" + "1"
    assert run([0, 0], 0) == "11"


@given(NUMBERS, ORDERS)
def test_number_comes_back(value: int, order: int) -> None:
    """A number is read as it was written, and takes no more bits than it says."""
    bits = golomb(value, order)
    read = reader(bits)
    assert read.golomb(order) == value
    read.close()
    assert len(bits) == 2 * (value + 2**order).bit_length() - 1 - order


@given(st.lists(NUMBERS, min_size=1, max_size=50), ORDERS)
def test_run_comes_back(values: list[int], order: int) -> None:
    """A run is read as it was written, whether its numbers are looked up or not."""
    bits = run(values, order)
    read = reader(bits)
    assert read.run(len(values), order) == values
    read.close()
    assert sorted(bits) == sorted("".join(golomb(value, order) for value in values))


@given(st.lists(NUMBERS, min_size=1, max_size=50), st.sampled_from([12, 15]))
def test_order_that_is_taken_costs_what_it_says(values: list[int], most: int) -> None:
    """The bits that an order is said to take are those that it takes."""
    order, bits = shortest_order(values, most)
    assert 0 <= order <= most
    assert len(run(values, order)) == bits


@given(NUMBERS, st.integers(1, 20))
def test_order_for_numbers_of_one_size_is_the_best_of_all(value: int, count: int) -> None:
    """Where all numbers are alike, no other order takes fewer bits."""
    _, bits = shortest_order([value] * count, 12)
    assert bits == min(len(run([value] * count, order)) for order in range(13))


@given(st.integers(-(2**53), 2**53))
def test_folded_number_comes_back(value: int) -> None:
    """Signed numbers become 0, 1, 2 ... from the middle outwards."""
    assert unfold(fold(value)) == value
    assert fold(value) >= 0
    assert [fold(each) for each in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.integers(0, 64), st.integers(0)), max_size=8))
def test_plain_numbers_come_back_from_any_place(said: list[tuple[int, int]]) -> None:
    """Numbers of any width stand behind one another, and none in no bits is 0."""
    numbers = [(width, value % 2**width) for width, value in said]
    read = reader("".join(plain(value, width) for width, value in numbers if width))
    assert [read.plain(width) for width, _ in numbers] == [value for _, value in numbers]
    read.close()


def test_reading_begins_where_another_reader_stopped() -> None:
    """A reader may begin behind bits that were read elsewhere."""
    read = BitReader(packed(["000", golomb(5, 2), "1"]), "test", at=3)
    assert (read.golomb(2), read.plain(1)) == (5, 1)
    read.close()


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(100)])
def test_zeros_hold_no_number(data: bytes) -> None:
    """Where no 1 comes, no number is, and the zeros before a byte's first 1 are kept."""
    with pytest.raises(MessageError, match="where one must begin"):
        BitReader(data, "test").golomb(0)
    assert BitReader(data + b"\x00\x80", "test").plain(8 * len(data) + 9) == 1


@pytest.mark.parametrize("order", [0, 3, 15, 41])
def test_number_of_more_than_56_bits_is_none(order: int) -> None:
    """The zeros are counted no further than a number can have; one less is read."""
    zeros = MAX_TAIL_BITS - order
    assert reader("0" * zeros + "1" * (1 + MAX_TAIL_BITS)).golomb(order) == 2**57 - 1 - 2**order
    with pytest.raises(MessageError) as caught:
        reader("0" * (zeros + 1) + "1" * 100).golomb(order)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("left", ["0" * 8, "1", "0" * 6 + "1", "0" * 20])
def test_what_stands_behind_the_end_is_refused(left: str) -> None:
    """Up to 7 zeros fill the last byte, and nothing else stands there."""
    read = reader("1" * 8 + left)
    assert read.plain(8) == 255
    with pytest.raises(MessageError, match="behind its end"):
        read.close()


def test_plain_number_that_is_cut_is_refused() -> None:
    """A number needs all its bits."""
    with pytest.raises(MessageError, match="ends early"):
        BitReader(b"\xff", "test").plain(9)
