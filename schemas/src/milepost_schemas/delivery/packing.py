"""Building the batch that a sender wants, within the bytes that it may weigh."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from milepost_schemas.batch import MAX_GAPS, Batch, Envelope, Gap, encode_batch
from milepost_schemas.delivery.sender import Want
from milepost_schemas.fix import Fix, KeptFix


def pack(
    want: Want,
    fixes: Sequence[KeptFix],
    gaps: Sequence[Gap],
    live: Fix | None,
    *,
    volatile: bool = False,
) -> tuple[Batch, bytes]:
    """Build and encode the batch that was wanted.

    The number of fixes is halved until the message fits `want.budget_bytes`; one fix always goes.

    Args:
        want: What the sender asked for.
        fixes: The held fixes of the stream above `want.after`, oldest first, at most
            `want.max_fixes`; fewer mean that there are no more.
        gaps: The known gaps of the stream, ascending.
        live: The newest position of the device.
        volatile: The stream is held in memory only.
    """
    while True:
        batch = assemble(want, fixes, gaps, live, volatile=volatile)
        data = encode_batch(batch)
        if len(data) <= want.budget_bytes or len(batch.fixes) <= 1:
            return batch, data
        want = replace(want, max_fixes=len(batch.fixes) // 2)
        fixes = fixes[: want.max_fixes]


def assemble(
    want: Want,
    fixes: Sequence[KeptFix],
    gaps: Iterable[Gap],
    live: Fix | None,
    *,
    volatile: bool = False,
) -> Batch:
    """Build the batch that was wanted; the arguments are those of `pack`."""
    if want.max_fixes == 0:
        upto = want.after
    elif len(fixes) < want.max_fixes:
        upto = want.newest
    else:
        upto = fixes[-1].seq
    clipped = (Gap(max(gap.first, want.after + 1), min(gap.last, upto), gap.reason) for gap in gaps)
    inside = [gap for gap in clipped if gap.first <= gap.last]
    if len(inside) > MAX_GAPS:
        upto = inside[MAX_GAPS - 1].last
        inside = inside[:MAX_GAPS]
        fixes = [kept for kept in fixes if kept.seq <= upto]
    newer = live is not None and not (fixes and live.time_ms <= fixes[-1].fix.time_ms)
    envelope = Envelope(
        stream=want.stream,
        batch=want.batch,
        after=want.after,
        upto=upto,
        newest=max(want.newest, upto),
        gaps=tuple(inside),
        live=live if want.with_live and newer else None,
        previous=want.previous,
        volatile=volatile,
    )
    return Batch(envelope, tuple(fixes))
