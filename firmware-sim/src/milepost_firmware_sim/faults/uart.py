"""What a serial port sees of bytes that were sent at another rate.

A byte on the line is a low start bit, eight data bits with the lowest first, and a high stop bit;
between bytes the line is high. The reader waits for a falling edge and looks at the line in the
middle of each of its own bits. After a stop bit that is low it waits until the line is high again.
Bytes with such framing errors are passed on, as Linux does with a port in raw mode.
"""

_DATA_BITS = 8
_FRAME_BITS = 10


def heard(data: bytes, sent_baud: int, read_baud: int) -> bytes:
    """Return the bytes that a reader at `read_baud` makes of `data`, sent without pauses."""
    if sent_baud == read_baud:
        return data
    line = _levels(data)
    # Length of a bit of the reader, in bits of the sender.
    step = sent_baud / read_baud
    received = bytearray()
    at = 0.0
    while (edge := _falling_edge(line, at)) is not None:
        byte = 0
        for bit in range(_DATA_BITS):
            byte |= _level(line, edge + (1.5 + bit) * step) << bit
        received.append(byte)
        at = edge + (_FRAME_BITS - 0.5) * step
        while not _level(line, at):
            at = float(int(at) + 1)
    return bytes(received)


def _levels(data: bytes) -> bytes:
    """Return the level of the line, bit for bit of the sender."""
    levels = bytearray()
    for byte in data:
        levels.append(0)
        levels += bytes(byte >> bit & 1 for bit in range(_DATA_BITS))
        levels.append(1)
    return bytes(levels)


def _level(line: bytes, at: float) -> int:
    return line[int(at)] if at < len(line) else 1


def _falling_edge(line: bytes, at: float) -> int | None:
    """Return where the line, high at `at`, falls next; None where it never does."""
    found = line.find(0, int(at))
    return None if found < 0 else found
