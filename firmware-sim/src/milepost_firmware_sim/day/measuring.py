"""What a van's receiver says of its day.

In flows a driven round, out flow epochs: those of the time in which the receiver was on. That a van
had no network shows nowhere here: it measured all the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from milepost_firmware_sim.day.driven import DrivenDay
from milepost_firmware_sim.day.mishaps import Mishap
from milepost_firmware_sim.plane import Projection
from milepost_firmware_sim.receiver.receiver import Epoch, ReceiverOptions, measure

_SEED_BITS = 32


def measured(
    day: DrivenDay, projection: Projection, seed: int, options: ReceiverOptions
) -> Iterator[Epoch]:
    """Yield what is measured from the begin of a round to its end, errors and all.

    Args:
        day: The round.
        projection: Of its plane.
        seed: Of the days; each round has errors of its own.
        options: What kind of receiver it is, and how often it measures.
    """
    name = f"receiver {seed} {day.planned.plan.id}"
    own_seed = Random(name).getrandbits(_SEED_BITS)  # noqa: S311 - noise, not a secret
    begin = datetime.fromtimestamp(day.begin_ms // 1000, UTC)
    off = [(one.begin_s, one.end_s) for one in day.happened if one.kind == Mishap.OFF.value]
    for epoch in measure(day.drive, projection, begin, own_seed, options):
        elapsed_s = epoch.truth.elapsed_s
        if not any(begin_s <= elapsed_s < end_s for begin_s, end_s in off):
            yield epoch
