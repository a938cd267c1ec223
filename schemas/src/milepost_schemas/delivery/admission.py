"""The collector's half: which part of a batch is new, judged by what is stored of its stream.

The caller holds the device's row locked, so that nothing changes between judgement and commit.
"""

from dataclasses import dataclass

from milepost_schemas.batch import Envelope, Gap


@dataclass(frozen=True, slots=True)
class Admission:
    """What to do with a batch whose envelope was read.

    Attributes:
        apply_from: Apply the fixes with this number or above; None: apply nothing.
        gaps: The gaps to record.
        last_seq: The stream's `last_seq` after applying; the ack carries it. None: the database
            is older than the batch supposes, nothing is applied, and the ack says null.
    """

    apply_from: int | None
    gaps: tuple[Gap, ...]
    last_seq: int | None


OLDER_DATABASE = Admission(apply_from=None, gaps=(), last_seq=None)


def admit(envelope: Envelope, last_seq: int | None, previous_last_seq: int | None) -> Admission:
    """Judge a batch.

    Args:
        envelope: The batch's envelope.
        last_seq: What is stored of its stream; None when the stream is unknown.
        previous_last_seq: What is stored of the stream that it calls the one before; None when
            that is unknown or not named.
    """
    stored = last_seq or 0
    previous = envelope.previous
    if previous is not None and previous.stored > (previous_last_seq or 0):
        return OLDER_DATABASE
    if envelope.after > stored:
        return OLDER_DATABASE
    if envelope.upto <= stored:
        return Admission(apply_from=None, gaps=(), last_seq=stored)
    gaps = tuple(
        Gap(max(gap.first, stored + 1), gap.last, gap.reason)
        for gap in envelope.gaps
        if gap.last > stored
    )
    return Admission(apply_from=stored + 1, gaps=gaps, last_seq=envelope.upto)
