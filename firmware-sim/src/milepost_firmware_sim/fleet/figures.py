"""What a fleet did, in numbers: counts of all vehicles together, latencies, and the report."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# Buckets grow by 2 %, so a percentile is true within 1 %.
_GROWTH = 1.02


class Latencies:
    """How long answers took; the memory that it takes does not grow with their number."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one answer."""
        self._buckets[round(math.log(max(seconds, 1e-6), _GROWTH))] += 1

    def percentile_ms(self, share: float) -> float | None:
        """Return the milliseconds that `share` (0 to 1) of all answers took at most, or None."""
        total = self._buckets.total()
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= share * total:
                return round(1000 * _GROWTH**bucket, 2)
        return None


@dataclass(slots=True)
class Tally:
    """Counts of all vehicles together.

    Attributes:
        fixes_made: Instants at which a receiver had a fix while its unit ran.
        fixes_committed: Fixes that were promised: written to a buffer.
        batches: Messages sent, with and without fixes.
        bytes: Their payload.
        resends: Batches with fixes that had been sent before.
        acks: Answers that could be read.
        bad_acks: Answers that could not.
        refused: Answers that refuse a batch.
        rewinds: Times that a vehicle was told to begin again with its oldest fix.
        set_aside: Fixes given up after the third refusal.
        connects: Times that a link came up.
        reconnects: Of these, those of a vehicle that had been up before.
        refusals: Times that a link could not be made, or was refused.
        crashes: Agents that ended without a word and were started again.
        outages: Links cut on purpose.
        ack_latency: From the hand-over of a batch to its answer.
        trouble: Why the last link failed; None while none has.
    """

    fixes_made: int = 0
    fixes_committed: int = 0
    batches: int = 0
    bytes: int = 0
    resends: int = 0
    acks: int = 0
    bad_acks: int = 0
    refused: int = 0
    rewinds: int = 0
    set_aside: int = 0
    connects: int = 0
    reconnects: int = 0
    refusals: int = 0
    crashes: int = 0
    outages: int = 0
    ack_latency: Latencies = field(default_factory=Latencies)
    trouble: str | None = None


_COUNTED = (
    "fixes_made",
    "fixes_committed",
    "batches",
    "bytes",
    "resends",
    "acks",
    "bad_acks",
    "refused",
    "rewinds",
    "set_aside",
    "connects",
    "reconnects",
    "refusals",
    "crashes",
    "outages",
)


@dataclass(frozen=True, slots=True)
class Driven:
    """How a run went.

    Attributes:
        driven_s: How long vehicles made fixes.
        batches: Batches sent in that time.
        acks: Answers in that time.
        cpu_s: Processor time of this process in that time, user and system.
        drained_s: How long it took after that until nothing was left; None: something was.
        acknowledged: Fixes known to be stored at the end.
        backlog: Fixes not known to be stored at the end.
    """

    driven_s: float
    batches: int
    acks: int
    cpu_s: float
    drained_s: float | None
    acknowledged: int
    backlog: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the committed fixes.

    Attributes:
        judged_by: `table`, or `acks` where nobody read the table.
        lost: Committed fixes that the table does not hold; by acks: that nobody acknowledged.
        duplicates: Rows of the table beyond the first of their stream and number, or None.
        invented: Rows of the table that no vehicle committed, or None.
        stored: Rows of the table in the streams of this run, or None.
    """

    judged_by: str
    lost: int
    duplicates: int | None = None
    invented: int | None = None
    stored: int | None = None

    @property
    def is_sound(self) -> bool:
        """Nothing is lost, doubled or invented, as far as was looked."""
        return not (self.lost or self.duplicates or self.invented)


def report(tally: Tally, driven: Driven, verdict: Verdict) -> dict[str, Any]:
    """Put all figures of a run together, for machines; None is unknown."""
    seconds = driven.driven_s
    return {
        "driven_s": round(seconds, 3),
        "drained_s": None if driven.drained_s is None else round(driven.drained_s, 3),
        **{name: getattr(tally, name) for name in _COUNTED},
        "batches_per_s": round(driven.batches / seconds, 2),
        "acks_per_s": round(driven.acks / seconds, 2),
        "ack_ms": {
            "p50": tally.ack_latency.percentile_ms(0.5),
            "p99": tally.ack_latency.percentile_ms(0.99),
        },
        "bytes_per_fix": _ratio(tally.bytes, driven.acknowledged),
        "cpu_s": round(driven.cpu_s, 2),
        "cpu_share": _ratio(driven.cpu_s, seconds),
        "fixes_acknowledged": driven.acknowledged,
        "backlog": driven.backlog,
        "judged_by": verdict.judged_by,
        "fixes_stored": verdict.stored,
        "lost": verdict.lost,
        "duplicates": verdict.duplicates,
        "invented": verdict.invented,
    }


def _ratio(amount: float, of: float) -> float | None:
    return round(amount / of, 3) if of else None
