"""What a new run does first: completes and closes the one before, forgets what is over, begins."""

from collections.abc import Iterable
from dataclasses import replace

from milepost_agent.buffer.row import HeldFix, Row, read_fix
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.tally import Tally
from milepost_agent.buffer.transaction import Streams, Transaction

FORGOTTEN = "forgotten"

# More than so many runs are not held, unless they are undelivered.
MAX_STREAMS = 1000


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
    _forget_what_is_over(transaction)
    transaction.streams[stream] = HeldStream(next_no(transaction.streams), stream)


def complete_run(transaction: Transaction, rows: Iterable[Row]) -> None:
    """Add rows that follow without a gap on the newest number of a run that was cut off.

    Args:
        transaction: What is under way.
        rows: Rows of any kind and age.
    """
    found = {(fix.stream, fix.place, fix.is_open): fix for fix in map(read_fix, rows) if fix}
    for held in [held for held in transaction.streams.values() if held.is_open]:
        newest = held.newest
        while (fix := found.get((held.stream, newest + 1, False))) is not None:
            transaction.insert(held.no, [fix])
            newest += 1
        end = found.get((held.stream, newest + 1, True))
        if end is not None and newest > held.newest:
            transaction.insert(held.no, [end])
        transaction.streams[held.stream] = replace(held, newest=newest)


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


def _forget_what_is_over(transaction: Transaction) -> None:
    """Forget the runs of which nothing is held and nothing is to be said any more.

    Of very many runs also the oldest that are delivered, so that a unit which is switched on and
    off all day does not hold their number against itself.
    """
    tally = before = Tally.unpacked(transaction.memos.get(FORGOTTEN))
    crowd = len(transaction.streams) - MAX_STREAMS
    for held in list(transaction.streams.values()):
        if held.stored >= held.newest and (held.rows == 0 or crowd > 0):
            tally += Tally.of(held)
            transaction.forget(held)
            crowd -= 1
    if tally != before:
        transaction.remember(FORGOTTEN, tally.packed())
