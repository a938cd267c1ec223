"""What may go wrong on a delivery day, and which van it happens to.

In flow wishes and a seed, out flow the mishaps of each drive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from random import Random

Drive = tuple[str, date]


class Mishap(Enum):
    """A kind of thing that goes wrong; the value is its name in the truth."""

    LATE_START = "late_start"
    DELAY = "delay"
    DETOUR = "detour"
    INCIDENT = "incident"
    LEFT = "left"
    SKIPPED = "skipped"
    UNSENT = "unsent"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Wish:
    """A mishap that was asked for.

    Attributes:
        van: Whom it happens to.
        day: When; None: on the first day.
    """

    mishap: Mishap
    van: str
    day: date | None = None


def draw_mishaps(
    seed: int, drives: Sequence[Drive], wishes: Iterable[Wish], events: int
) -> dict[Drive, frozenset[Mishap]]:
    """Say what goes wrong on which drive.

    Args:
        seed: Chooses the random ones.
        drives: All drives; vans of the first day first.
        wishes: For vans and days that are among `drives`.
        events: How many more, chosen by chance; no drive has the same one twice, so that there are
            never more than drives times kinds.
    """
    first = drives[0][1]
    chosen = {(wish.mishap, (wish.van, wish.day or first)) for wish in wishes}
    free = [
        (mishap, drive) for drive in drives for mishap in Mishap if (mishap, drive) not in chosen
    ]
    random = Random(f"mishaps {seed}")  # noqa: S311 - a drawing, not a secret
    chosen.update(random.sample(free, min(events, len(free))))
    return {
        drive: frozenset(mishap for mishap, whose in chosen if whose == drive) for drive in drives
    }
