"""The account of each stream: every number stored once, thinned, in a gap, or dropped for its age.

Pure: in flow counts of rows, out flow figures, and what is wrong in words.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from milepost_collector.store.audit.numbers import NAMED, Counted, Held, Stream


@dataclass(slots=True)
class Numbers:
    """The figures; see `Audit`."""

    streams: int = 0
    fixes: int = 0
    quarantined: int = 0
    duplicates: int = 0
    unaccounted: int = 0
    misplaced: int = 0
    miscounted: int = 0
    turned: int = 0
    faults: list[str] = field(default_factory=list)


def account(counted: Counted) -> Numbers:
    """Lay what is stored beside what should be."""
    held = counted.held()
    found = Numbers(
        streams=len(counted.streams),
        fixes=sum(piece.rows for piece in counted.pieces),
        quarantined=sum(piece.rows for piece in counted.quarantined),
        duplicates=sum(each.rows - each.numbers for each in held.values()),
        turned=sum(piece.turned for piece in counted.pieces),
    )
    named: dict[str, list[str]] = defaultdict(list)
    for no, seq, times in counted.repeats:
        named["duplicates"].append(f"{counted.name(no)}: number {seq} is stored {times} times")
    for no in held.keys() - counted.streams.keys():
        found.misplaced += 1
        named["misplaced"].append(f"stream row {no} is unknown: {held[no].rows} fixes name it")
    for no, stream in counted.streams.items():
        for kind, count, words in _faults_of(stream, held.get(no, Held())):
            setattr(found, kind, getattr(found, kind) + count)
            named[kind].append(f"{counted.name(no)}: {words}")
    found.faults = [words for kind in named.values() for words in kind[:NAMED]]
    return found


def _faults_of(stream: Stream, held: Held) -> list[tuple[str, int, str]]:
    """Return what is wrong with a stream: the figure, how much it adds to it, and words."""
    faults = []
    known = held.numbers + stream.expired + stream.thinned + stream.gaps
    if known != stream.last_seq:
        words = (
            f"{known} of {stream.last_seq} numbers are accounted for: {held.numbers} stored, "
            f"{stream.thinned} thinned, {stream.gaps} in gaps, {stream.expired} expired"
        )
        faults.append(("unaccounted", abs(stream.last_seq - known), words))
    if held.last > stream.last_seq:
        words = f"number {held.last} is stored, above its last, {stream.last_seq}"
        faults.append(("misplaced", 1, words))
    elif held.first is not None and held.first < 1:
        faults.append(("misplaced", 1, f"number {held.first} is stored"))
    elif held.devices - {stream.owner}:
        faults.append(("misplaced", 1, "fixes of it are another device's"))
    elif stream.overlaps:
        faults.append(("misplaced", 1, "a gap overlaps a row or another gap, or ends beyond it"))
    if stream.missing != stream.gaps:
        words = f"{stream.missing} numbers are counted as missing, {stream.gaps} are in gaps"
        faults.append(("miscounted", 1, words))
    elif stream.fixes != held.numbers + stream.expired:
        words = f"{stream.fixes} fixes are counted, {held.numbers + stream.expired} came"
        faults.append(("miscounted", 1, words))
    return faults
