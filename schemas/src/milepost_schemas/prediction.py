"""What the rows before let expect of a column's next value: the differences that are written.

All of it is whole numbers, so that every reader computes the same.
"""

from collections import Counter
from operator import sub

from milepost_schemas.bits import fold, unfold

# A turn, in which courses are counted.
TURN_DEG = 360
MIN_TURN_DEG, MAX_TURN_DEG = -180, 179

# Milliseconds between two raw fixes, unless the batch says another time.
USUAL_PERIOD_MS = 1000
MAX_PERIOD_MS = 3_600_000


def bends(values: list[int]) -> list[int]:
    """Return by how much each value but the first is off the line through the two before it.

    Before the first there was one like it.
    """
    steps = list(map(sub, values[1:], values))
    turns = (steps[0], *map(sub, steps[1:], steps))
    # Folded here, since a call for each would cost more than all the rest.
    return [turn << 1 if turn >= 0 else (-turn << 1) - 1 for turn in turns]


def bent(values: list[int], bends: list[int]) -> None:
    """Undo `bends`, behind a first value."""
    value, step = values[0], 0
    if not any(bends):
        values += [value] * len(bends)
        return
    for bend in bends:
        step += unfold(bend)
        value += step
        values.append(value)


def steps_of(values: list[int]) -> list[int]:
    """Return the steps from each value to the next."""
    steps = map(sub, values[1:], values)
    return [step << 1 if step >= 0 else (-step << 1) - 1 for step in steps]


# The short way round, folded, for every difference of two courses; those below 0 from the end.
_TURNS = [
    fold((step + TURN_DEG // 2) % TURN_DEG - TURN_DEG // 2)
    for step in (*range(TURN_DEG), *range(1 - TURN_DEG, 0))
]


def turns(values: list[int]) -> list[int]:
    """Return the steps of courses, the short way round."""
    return [_TURNS[step] for step in map(sub, values[1:], values)]


def expected_stands(steps_ms: list[int], period_ms: int) -> list[int]:
    """Return how many raw fixes fit into each time between two: rounded half up, 1 or more."""
    return [max(1, (step + period_ms // 2) // period_ms) for step in steps_ms]


def likely_period_ms(steps_ms: list[int], stands: list[int]) -> int:
    """Return the time between raw fixes that explains most of the numbers."""
    found = Counter(s // n for s, n in zip(steps_ms, stands, strict=True) if s % n == 0 and s >= n)
    usual = max(found, key=found.__getitem__, default=USUAL_PERIOD_MS)
    return usual if usual <= MAX_PERIOD_MS else USUAL_PERIOD_MS
