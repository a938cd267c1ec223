"""Bits: whole numbers in few of them, written and read from the highest bit on.

Three forms carry every message (`schemas/wire.md` shows each by example):

- plain: a number in a stated count of bits;
- exp-Golomb of order k: `v + 2**k` in binary, behind as many zeros as that has bits above k + 1
  (J. Teuhola, "A compression method for clustered bit-vectors", IPL 7(6), 1978);
- a run of them, of one order: first the zeros and the leading one of every number, then what stands
  behind the leading one of every number. So a reader of many runs finds all the ones at once.

Signed numbers are folded: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from milepost_schemas.message import MessageError

# No number has more bits behind its leading one; what claims more is no message.
MAX_TAIL_BITS = 56

# Numbers up to this, a byte's last one, are looked up.
_LAST = 255


def fold(value: int) -> int:
    """Turn a signed number into one that is 0 or more."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unfold(value: int) -> int:
    """Undo `fold`."""
    return -((value + 1) >> 1) if value & 1 else value >> 1


def plain(value: int, width: int) -> str:
    """Write a number of 0 to 2**width - 1."""
    return f"{value:0{width}b}"


def golomb(value: int, order: int) -> str:
    """Write a number of 0 or more in exp-Golomb code."""
    digits = f"{value + (1 << order):b}"
    return "0" * (len(digits) - 1 - order) + digits


def run(values: Sequence[int], order: int) -> str:
    """Write numbers of 0 or more as a run."""
    heads, tails = _heads(order), _tails(order)
    return "".join(map(heads.__getitem__, values)) + "".join(map(tails.__getitem__, values))


def shortest_order(values: Sequence[int], most: int) -> tuple[int, int]:
    """Return the order in which a run of numbers takes the fewest bits, and how many.

    Three are tried, about the one that suits the mean; none above `most`.
    """
    near = min(most - 1, max(1, (sum(values) // len(values)).bit_length() - 1))
    large = [value for value in values if value > _LAST]
    octets = bytes([min(value, _LAST) for value in values] if large else values)
    bits, order = min(
        (_run_bits(octets, large, order), order) for order in (near, near - 1, near + 1)
    )
    return order, bits


def _run_bits(octets: bytes, large: list[int], order: int) -> int:
    """Return the length of a run: of bytes, looked up, and of what is larger than the last one."""
    above = 1 << order
    more = [(value + above).bit_length() - (_LAST + above).bit_length() for value in large]
    return sum(octets.translate(_lengths(order))) + 2 * sum(more)


class _Codes(dict[int, str]):
    """One part of each number's code, made as it is asked for; the small ones are kept."""

    def __init__(self, order: int, part: Callable[[str], str]) -> None:
        super().__init__()
        self._order, self._part = order, part
        self.update((value, self.__missing__(value)) for value in range(_LAST + 1))

    def __missing__(self, value: int) -> str:
        return self._part(golomb(value, self._order))


@cache
def _heads(order: int) -> _Codes:
    return _Codes(order, lambda code: code[: code.index("1") + 1])


@cache
def _tails(order: int) -> _Codes:
    return _Codes(order, lambda code: code[code.index("1") + 1 :])


@cache
def _lengths(order: int) -> bytes:
    return bytes(len(golomb(value, order)) for value in range(_LAST + 1))


def packed(parts: Iterable[str]) -> bytes:
    """Join what was written to bytes, the last one filled up with zeros."""
    text = "".join(parts)
    size_bytes = -(-len(text) // 8)
    return int(text.ljust(size_bytes * 8, "0"), 2).to_bytes(size_bytes, "big") if text else b""


class BitReader:
    """Reads what the functions above wrote.

    Args:
        data: The bytes.
        what: What is being read, for errors.
        at: How many bits have been read.
    """

    def __init__(self, data: bytes, what: str, at: int = 0) -> None:
        # The bits stand behind "0b1": that one keeps the zeros at the beginning, where padding
        # would cost a second copy of a long text.
        self._text = bin(int.from_bytes(b"\x01" + data, "big"))
        self._at = 3 + at
        self._what = what

    def plain(self, width: int) -> int:
        """Read a number of `width` bits.

        Raises:
            MessageError: The bits end before.
        """
        begin, self._at = self._at, self._at + width
        if self._at > len(self._text):
            raise MessageError("malformed", f"{self._what} ends early")
        return int(self._text[begin : self._at], 2) if width else 0

    def golomb(self, order: int) -> int:
        """Read a number in exp-Golomb code.

        Raises:
            MessageError: The bits end before, or it is longer than any number (`MAX_TAIL_BITS`).
        """
        width = self._head(order)
        return (1 << width) - (1 << order) + self.plain(width)

    def run(self, count: int, order: int) -> list[int]:
        """Read a run of `count` numbers.

        Raises:
            MessageError: As `golomb`.
        """
        widths = [self._head(order) for _ in range(count)]
        above = 1 << order
        return [(1 << width) - above + self.plain(width) for width in widths]

    def close(self) -> None:
        """Check that nothing is left but the zeros that fill the last byte.

        Raises:
            MessageError: There is.
        """
        left = len(self._text) - self._at
        if left > 7 or self._text.find("1", self._at) >= 0:
            raise MessageError("malformed", f"{self._what} has {left} bits behind its end")

    def _head(self, order: int) -> int:
        """Read zeros and the one behind them; return how many bits stand behind the leading one."""
        begin = self._at
        one = self._text.find("1", begin, begin + MAX_TAIL_BITS - order + 1)
        if one < 0:
            raise MessageError("malformed", f"{self._what} has no number where one must begin")
        self._at = one + 1
        return one - begin + order
