"""What the sampler makes of each recorded drive: `python -m tests.agent.sampler_table`."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from milepost_agent.sampling.sampler import SamplingPolicy
from milepost_schemas.batch import Batch, Envelope, decode_batch, encode_batch
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import STREAM_BYTES
from tests.agent.recorded_tracks import Track, recorded_tracks
from tests.agent.sampled import errors_m, fewest, sample

# Below that a drive says nothing about shares.
ENOUGH_FIXES = 300

BATCH_FIXES = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One drive."""

    track: Track
    kept: int
    fewest: int
    error_m: float
    turns: int

    @property
    def fixes(self) -> int:
        return len(self.track.fixes)

    @property
    def counts(self) -> bool:
        return self.fixes >= ENOUGH_FIXES


def row(track: Track, policy: SamplingPolicy) -> Row:
    """Sample a drive, send it through the wire's form, rebuild it, and count."""
    outcome = sample(track, policy)
    rows = [
        KeptFix(seq, each.fix, each.stands_for, each.hole)
        for seq, each in enumerate(outcome.kept, 1)
    ]
    arrived = list(_over_the_wire(rows))
    error_m = errors_m(track.fixes, outcome.numbers, [each.fix for each in arrived]).max()
    least = fewest(track, outcome, policy)
    return Row(track, len(arrived), least, float(error_m), len(outcome.turns))


def _over_the_wire(rows: list[KeptFix]) -> Iterator[KeptFix]:
    """Encode and decode fixes in batches, as they travel."""
    for after in range(0, len(rows), BATCH_FIXES):
        fixes = tuple(rows[after : after + BATCH_FIXES])
        upto = after + len(fixes)
        batch = Batch(Envelope(bytes(STREAM_BYTES), 1 + after, after, upto, len(rows)), fixes)
        yield from decode_batch(encode_batch(batch)).fixes


def main() -> None:
    """Print the table in Markdown."""
    rows = [row(track, SamplingPolicy()) for track in recorded_tracks()]
    lines = ["| drive | fixes | starts, stops | kept | share | fewest | ratio | largest error |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    lines += [
        f"| {each.track.name}{' (simulated)' if each.track.simulated else ''} | {each.fixes} "
        f"| {each.turns} | {each.kept} | {each.kept / each.fixes:.1%} | {each.fewest} "
        f"| {each.kept / each.fewest:.3f} | {each.error_m:.2f} m |"
        for each in rows
    ]
    for name, some in (("all", rows), (f"{ENOUGH_FIXES} or more", [r for r in rows if r.counts])):
        fixes, kept = sum(each.fixes for each in some), sum(each.kept for each in some)
        least = sum(each.fewest for each in some)
        lines.append(
            f"| **{name}** | {fixes} | {sum(each.turns for each in some)} | {kept} "
            f"| {kept / fixes:.1%} | {least} | {kept / least:.3f} "
            f"| {max(each.error_m for each in some):.2f} m |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
