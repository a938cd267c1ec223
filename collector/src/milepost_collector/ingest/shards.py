"""Which shards a collector takes: pure, from who holds what and who is alive.

Nobody gives: whoever has less than its share takes from those who have more, and they let go. All
collectors compute the same shares from the same rows, so the division comes to rest, even within
one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence


def shares(held: Mapping[str, int], shards: int) -> dict[str, int]:
    """Return how many shards each collector should hold.

    Args:
        held: How many each one holds now, those without any included. Those who hold most get the
            shards that do not divide evenly, so that as few as possible move.
        shards: How many there are.
    """
    each, rest = divmod(shards, len(held)) if held else (0, 0)
    by_most = sorted(held, key=lambda owner: (-held[owner], owner))
    return {owner: each + (place < rest) for place, owner in enumerate(by_most)}


def shards_to_take(holders: Sequence[str | None], takers: Collection[str], me: str) -> list[int]:
    """Return the shards to take now.

    Args:
        holders: Who holds each shard, from shard 0 on; None: nobody.
        takers: Who is alive and takes shards; what others hold is free.
        me: One of the takers, or nothing is taken.
    """
    if me not in takers:
        return []
    counts = Counter(holders)
    held = {owner: counts[owner] for owner in takers}
    share = shares(held, len(holders))
    free = [shard for shard, holder in enumerate(holders) if holder not in takers]
    surplus = {owner: held[owner] - share[owner] for owner in takers}
    spare = []
    for shard, holder in enumerate(holders):
        if holder is not None and surplus.get(holder, 0) > 0:
            surplus[holder] -= 1
            spare.append(shard)
    wanted = max(0, share[me] - held[me])
    # Collectors that look at the same moment begin at different places, so that few collide.
    return (_turned(free, takers, me) + _turned(spare, takers, me))[:wanted]


def _turned(shards: list[int], takers: Collection[str], me: str) -> list[int]:
    begin = len(shards) * sorted(takers).index(me) // len(takers)
    return shards[begin:] + shards[:begin]
