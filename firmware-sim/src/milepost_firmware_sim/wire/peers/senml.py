"""SenML in CBOR: a pack of records, one for each value of each fix.

Source: RFC 8428, sections 4 and 6 (integer labels); RFC 8949 for the CBOR of it. The smallest form:
one base name for all, one-letter names, no units, and a base time set anew with each fix, which is
smaller than a time in each of its records. Values that are no whole numbers are decimal fractions
(tag 4), exact. All values of a fix are carried.
"""

from milepost_firmware_sim.wire.peers.rows import COLUMNS, rows_of
from milepost_schemas.batch import Batch

# RFC 8428, table 4.
_BASE_NAME, _BASE_TIME, _NAME, _VALUE = -2, -3, 0, 2
# Powers of ten of what has no whole unit: millionths of a degree, tenths.
_EXPONENTS = {"y": -6, "x": -6, "a": -1, "v": -1, "d": -1, "e": -1}
_TIME_EXPONENT = -3
_UNSIGNED, _NEGATIVE, _TEXT, _ARRAY, _MAP, _TAG = 0, 1, 3, 4, 5, 6
_DECIMAL_FRACTION = 4


def pack(batch: Batch) -> list[bytes]:
    """Write a batch as one pack."""
    records: list[bytes] = []
    # Stream and number of the first fix name the batch.
    base = f"{batch.envelope.stream.hex()}:{batch.envelope.after + 1}:"
    for row in rows_of(batch):
        fields = {_BASE_TIME: _decimal(row[0] or 0, _TIME_EXPONENT)}
        if not records:
            fields[_BASE_NAME] = _head(_TEXT, len(base)) + base.encode()
        for column, value in list(zip(COLUMNS, row, strict=True))[1:]:
            if value is None or value == column.default:
                continue
            fields[_NAME] = _head(_TEXT, 1) + column.letter.encode()
            fields[_VALUE] = _decimal(value, _EXPONENTS.get(column.letter, 0))
            records.append(_map(fields))
            fields = {}
    return [_head(_ARRAY, len(records)) + b"".join(records)]


def _map(fields: dict[int, bytes]) -> bytes:
    written = b"".join(_whole(label) + value for label, value in fields.items())
    return _head(_MAP, len(fields)) + written


def _decimal(value: int, exponent: int) -> bytes:
    while exponent < 0 and value % 10 == 0:
        value, exponent = value // 10, exponent + 1
    if exponent == 0:
        return _whole(value)
    return _head(_TAG, _DECIMAL_FRACTION) + _head(_ARRAY, 2) + _whole(exponent) + _whole(value)


def _whole(value: int) -> bytes:
    return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes([major << 5 | count])
    size = next(power for power in range(4) if count < 1 << 8 * 2**power)
    return bytes([major << 5 | 24 + size]) + count.to_bytes(2**size, "big")
