"""Fixes cut into batches as a device sends them, each decoded again before it counts.

In flow the kept fixes of one stream, out flow its messages.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from milepost_schemas.batch import Batch, Envelope, decode_batch, encode_batch
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import MessageError


class CodecError(Exception):
    """A batch does not come back as it was sent: the codec is wrong, and no figure of it counts."""


def batches_of(stream: bytes, kept: Sequence[KeptFix], size: int) -> Iterator[Batch]:
    """Cut a stream into batches, each acknowledged before the next, as in a live delivery.

    Args:
        stream: Its 8 bytes.
        kept: Its fixes, numbers rising from 1 or more.
        size: Fixes a batch; 1 or more.
    """
    after = 0
    for number, first in enumerate(range(0, len(kept), size), 1):
        fixes = tuple(kept[first : first + size])
        upto = fixes[-1].seq
        yield Batch(Envelope(stream, number, after=after, upto=upto, newest=upto), fixes)
        after = upto


def checked(batch: Batch) -> bytes:
    """Encode a batch, decode it again and compare.

    Raises:
        CodecError: What comes back is refused, or is not what was sent.
    """
    data = encode_batch(batch)
    number = batch.envelope.batch
    try:
        came = decode_batch(data)
    except MessageError as error:
        raise CodecError(f"batch {number}: refused by our own decoder: {error}") from error
    if came.envelope != batch.envelope:
        raise CodecError(f"batch {number}: sent {batch.envelope}, came back {came.envelope}")
    for sent, back in zip_longest(batch.fixes, came.fixes):
        if sent != back:
            raise CodecError(f"batch {number}: sent {sent}, came back {back}")
    return data
