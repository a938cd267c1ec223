"""What a new run does first: it closes the one before, forgets what is over, begins its stream."""

from dataclasses import replace

from milepost_agent.buffer.row import HeldFix, read_fix
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.tally import Tally
from milepost_agent.buffer.transaction import Streams, Transaction

FORGOTTEN = "forgotten"


def begin_run(transaction: Transaction, stream: bytes, spare_stream: bytes | None) -> None:
    """Begin a stream, and let the open end of the run before be a stream of its own.

    Args:
        transaction: What is under way.
        stream: The 8 bytes of the new stream.
        spare_stream: Those of the open end's stream. None: the open end is outdated.
    """
    for held in list(transaction.streams.values()):
        if held.is_open:
            end = left_open(transaction, held)
            transaction.delete(held.no, held.newest + 1, 2**32 - 1)
            transaction.streams[held.stream] = replace(held, is_open=False)
            if end is not None and spare_stream is not None:
                _give_stream(transaction, end, spare_stream)
                spare_stream = None
    _forget_empty(transaction)
    transaction.streams[stream] = HeldStream(next_no(transaction.streams), stream)


def next_no(streams: Streams) -> int:
    """Return the place of one more stream."""
    return max((held.no for held in streams.values()), default=0) + 1


def left_open(transaction: Transaction, held: HeldStream) -> HeldFix | None:
    """Return the open end that stands behind a stream's newest number."""
    for row in reversed(transaction.rows(held, held.newest, 2**32 - 2, -1)):
        fix = read_fix(row)
        if fix is not None and fix.is_open and fix.stream == held.stream:
            return fix
    return None


def _give_stream(transaction: Transaction, end: HeldFix, stream: bytes) -> None:
    no = next_no(transaction.streams)
    transaction.streams[stream] = HeldStream(no, stream, newest=1, is_open=False)
    transaction.insert(no, [replace(end, stream=stream, place=1, is_open=False)])


def _forget_empty(transaction: Transaction) -> None:
    """Forget the runs of which nothing is held and nothing is to be said any more."""
    tally = before = Tally.unpacked(transaction.memos.get(FORGOTTEN))
    for held in list(transaction.streams.values()):
        if held.rows == 0 and held.stored >= held.newest:
            tally += Tally.of(held)
            transaction.forget(held)
    if tally != before:
        transaction.remember(FORGOTTEN, tally.packed())
