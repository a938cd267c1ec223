"""Absorbing: the streams of one file written into another, each under its own bytes and numbers."""

from dataclasses import replace

from milepost_agent.buffer.beginning import FORGOTTEN, next_no
from milepost_agent.buffer.file import BufferFile, MakeRoom
from milepost_agent.buffer.stream import HeldStream
from milepost_agent.buffer.transaction import Transaction

# Copied in one commit, so that the log stays small.
_COPIED_ROWS = 1000


def absorb(file: BufferFile, other: BufferFile, make_room: MakeRoom) -> None:
    """Write what another file holds into a file; doing it again after a failure is harmless.

    Args:
        file: Where to.
        other: Where from.
        make_room: Makes room for so many rows in a transaction.

    Raises:
        DamageError: One of the files is damaged.
        DiskError: One of the files cannot be used.
    """
    file.offered |= other.offered
    for theirs in other.streams.values():
        _absorb_stream(file, other, theirs, make_room)
    with file.transaction() as transaction:
        tally = file.tally_of_forgotten() + other.tally_of_forgotten()
        transaction.remember(FORGOTTEN, tally.packed())


def _absorb_stream(
    file: BufferFile, other: BufferFile, theirs: HeldStream, make_room: MakeRoom
) -> None:
    with file.transaction() as transaction:
        mine = transaction.streams.get(theirs.stream)
        no = next_no(transaction.streams) if mine is None else mine.no
        # Open, so that after a cut in between its newest number is the last row's.
        transaction.streams[theirs.stream] = replace(theirs, no=no, newest=0, is_open=True)
    after = 0
    while rows := other.held_fixes(theirs.stream, after, _COPIED_ROWS):
        after = rows[-1].place
        with file.transaction() as transaction:
            make_room(transaction, len(rows))
            transaction.insert(no, rows)
            _advance(transaction, theirs.stream, after, is_open=True)
    with file.transaction() as transaction:
        _advance(transaction, theirs.stream, theirs.newest, is_open=False)


def _advance(transaction: Transaction, stream: bytes, newest: int, *, is_open: bool) -> None:
    held = transaction.streams[stream]
    transaction.streams[stream] = replace(held, newest=newest, is_open=is_open)
