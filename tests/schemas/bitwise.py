"""Messages put together bit by bit, legal or not."""

from milepost_schemas.batch import (
    AFTER_ORDER,
    FIXES_ORDER,
    NUMBER_ORDER,
    PLAIN_ORDER,
)
from milepost_schemas.bits import fold, golomb, packed, plain
from milepost_schemas.fix import Fix
from milepost_schemas.message import seal_message

STREAM = bytes(range(8))


def sealed(bits: str, version: int = 1) -> bytes:
    """Return the message of some bits."""
    return seal_message(version, STREAM, packed([bits]))


def head_bits(
    *, number: int = 7, after: int = 0, count: int = 1, skipped: int = 0, unsent: int = 0
) -> str:
    """Return the bits with which a batch begins."""
    return "".join(
        [
            golomb(number - 1, NUMBER_ORDER),
            golomb(fold(after - number + 1), AFTER_ORDER),
            golomb(count, FIXES_ORDER),
            golomb(skipped, PLAIN_ORDER),
            golomb(unsent, PLAIN_ORDER),
        ]
    )


def fix_bits(fix: Fix) -> str:
    """Return the columns of a fix of which only a whole second and a position are known."""
    where = plain(fix.lat_e6 + 90_000_000, 28) + plain(fix.lon_e6 + 180_000_000, 29)
    return "1" + golomb(fix.time_ms // 1000, 31) + where + "00000" + golomb(fold(fix.kind - 2), 0)
