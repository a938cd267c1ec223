"""Where on a round its mishaps happen: which stop, which leg, how late, how long silent.

In flow a planned round and its mishaps, out flows the fate of the van. Stops and legs are numbered
from 0; leg n leads to stop n.
"""

from collections.abc import Set
from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.day.mishaps import Mishap
from milepost_firmware_sim.day.planning import PlannedDay

# So many stops have room for all mishaps of one round.
FEWEST_STOPS = 4
_LATE_S = (600.0, 1800.0)
# A jam or a detour needs some way; shorter legs are taken only where all are short.
_LEG_M = 700.0
_SILENT_S = (600.0, 1500.0)
_SILENT_SHARE = 0.25
_UNSENT_FROM, _OFF_FROM = (0.2, 0.32), (0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Silence:
    """When a van is silent, as shares of the time from its departure to its return.

    Attributes:
        begin: 0 to 1.
        seconds: How long, but at most a quarter of the round.
    """

    begin: float
    seconds: float

    def within(self, departed_s: float, returned_s: float) -> tuple[float, float]:
        """Return its begin and end in seconds of a drive."""
        lasts_s = returned_s - departed_s
        begin_s = departed_s + self.begin * lasts_s
        return begin_s, begin_s + min(self.seconds, _SILENT_SHARE * lasts_s)


@dataclass(frozen=True, slots=True)
class Fate:
    """What will happen on a round; None where it will not.

    Attributes:
        late_s: It leaves so much later.
        delay: The leg with a jam.
        detour: The leg with a closed street; a later one where no way leads around.
        incident: The stop where nobody is at home.
        left: The stop that is driven to, and left without being made.
        skipped: The stop that is never driven to.
        unsent: When there is no network.
        off: When the receiver is off.
    """

    late_s: float = 0.0
    delay: int | None = None
    detour: int | None = None
    incident: int | None = None
    left: int | None = None
    skipped: int | None = None
    unsent: Silence | None = None
    off: Silence | None = None


def draw_fate(planned: PlannedDay, mishaps: Set[Mishap], seed: int) -> Fate:
    """Choose where the mishaps of a round happen; the round has `FEWEST_STOPS` or more."""
    random = Random(f"fate {seed} {planned.plan.id}")  # noqa: S311 - a drawing, not a secret
    late_s = random.uniform(*_LATE_S)
    incident, left, skipped = random.sample(range(1, len(planned.stops)), 3)
    skips = Mishap.SKIPPED in mishaps
    driven = [at for at in range(len(planned.stops)) if not (skips and at == skipped)]
    # Whoever skips a stop takes another way to the next one.
    as_planned = [at for at in driven if not (skips and at == skipped + 1)]
    long = [at for at in as_planned if planned.stops[at].leg.way.length_m >= _LEG_M]
    legs = long if len(long) > 1 else as_planned
    # Early enough to make later stops late.
    early = legs[: max(2, len(legs) * 2 // 3)]
    delay, detour = random.sample(early, 2) if len(early) > 1 else (early[0], early[0])
    unsent = Silence(random.uniform(*_UNSENT_FROM), random.uniform(*_SILENT_S))
    off = Silence(random.uniform(*_OFF_FROM), random.uniform(*_SILENT_S))
    return Fate(
        late_s=late_s if Mishap.LATE_START in mishaps else 0.0,
        delay=delay if Mishap.DELAY in mishaps else None,
        detour=detour if Mishap.DETOUR in mishaps else None,
        incident=incident if Mishap.INCIDENT in mishaps else None,
        left=left if Mishap.LEFT in mishaps else None,
        skipped=skipped if skips else None,
        unsent=unsent if Mishap.UNSENT in mishaps else None,
        off=off if Mishap.OFF in mishaps else None,
    )
