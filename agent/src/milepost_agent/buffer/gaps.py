"""Gaps of one stream: ascending, apart, each of one reason; pure."""

from collections.abc import Sequence

from milepost_schemas.batch import Gap, GapReason

Gaps = tuple[Gap, ...]


def uncovered(gaps: Sequence[Gap], first: int, last: int) -> list[tuple[int, int]]:
    """Return the runs of numbers from `first` to `last` that are in no gap."""
    runs = []
    for gap in gaps:
        if gap.last < first:
            continue
        if gap.first > last:
            break
        if gap.first > first:
            runs.append((first, gap.first - 1))
        first = gap.last + 1
    if first <= last:
        runs.append((first, last))
    return runs


def with_gap(gaps: Gaps, first: int, last: int, reason: GapReason) -> Gaps:
    """Return the gaps with the numbers from `first` to `last` that were in none before.

    A number keeps the reason that it was given up for. Neighbours of one reason become one.
    """
    more = [Gap(low, high, reason) for low, high in uncovered(gaps, first, last)]
    return joined(sorted([*gaps, *more], key=lambda gap: gap.first))


def joined(gaps: Sequence[Gap]) -> Gaps:
    """Join neighbours of one reason; of gaps that overlap the earlier one keeps the numbers."""
    result: list[Gap] = []
    for gap in gaps:
        before = result[-1] if result else None
        if before is None or gap.first > before.last + 1:
            result.append(gap)
        elif gap.last <= before.last:
            continue
        elif gap.reason is before.reason:
            result[-1] = Gap(before.first, gap.last, gap.reason)
        else:
            result.append(Gap(before.last + 1, gap.last, gap.reason))
    return tuple(result)
