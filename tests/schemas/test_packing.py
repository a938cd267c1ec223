"""Packing: the batch that was wanted, within its budget, speaking for exactly what it holds."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_schemas.batch import MAX_GAPS, Gap, GapReason, decode_batch
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import MAX_BUDGET_BYTES, Want
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.message import MAX_MESSAGE_BYTES

STREAM = bytes(range(8))
FIRST_MS = 1_700_000_000_000
LIVE = Fix(FIRST_MS + 10**9, 47_000_000, 8_000_000)


def want(
    *, after: int = 0, newest: int, max_fixes: int = MAX_FIXES, budget_bytes: int = 10_000
) -> Want:
    """Build what a sender asks for."""
    return Want(1, STREAM, after, newest, max_fixes, budget_bytes, None, with_live=True)


def fixes(*seqs: int) -> list[KeptFix]:
    """Build fixes that do not pack well."""
    chance = random.Random(1)
    return [
        KeptFix(seq, Fix(FIRST_MS + 1000 * seq, chance.randrange(90_000_000), seq * 104_729))
        for seq in seqs
    ]


@given(
    st.integers(1, 400),
    st.integers(512, MAX_BUDGET_BYTES),
    st.integers(1, MAX_FIXES),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_batch_keeps_to_its_budget(
    count: int, budget_bytes: int, max_fixes: int, live: bool
) -> None:
    """No batch of more than one fix weighs more than it may, and none has more fixes."""
    wanted = want(newest=count, max_fixes=max_fixes, budget_bytes=budget_bytes)
    held = fixes(*range(1, count + 1))[:max_fixes]
    batch, data = pack(wanted, held, (), LIVE if live else None)
    assert len(batch.fixes) <= max_fixes
    assert len(data) <= budget_bytes or len(batch.fixes) == 1
    assert batch.envelope.upto == batch.fixes[-1].seq
    assert decode_batch(data) == batch


def test_single_fix_goes_whatever_it_weighs() -> None:
    """A budget below the weight of one fix does not stop the delivery."""
    batch, data = pack(want(newest=3, budget_bytes=1), fixes(1, 2, 3), (), LIVE)
    assert [kept.seq for kept in batch.fixes] == [1]
    assert batch.envelope.upto == 1
    assert len(data) > 1


def test_batch_that_holds_the_last_fix_speaks_up_to_the_newest() -> None:
    """Where the buffer has no more fixes, thinned numbers at the end are accounted for."""
    batch, _ = pack(want(newest=9), fixes(1, 4), (), None)
    assert (batch.envelope.upto, batch.envelope.newest) == (9, 9)


def test_batch_that_may_hold_more_stops_at_its_last_fix() -> None:
    """Where the buffer may have more fixes, nothing is said of what comes after the last one."""
    batch, _ = pack(want(newest=9, max_fixes=2), fixes(1, 4), (), None)
    assert (batch.envelope.upto, batch.envelope.newest) == (4, 9)


def test_batch_without_fixes_speaks_for_nothing() -> None:
    """A batch that only carries `live` leaves everything to the one that waits for its answer."""
    gaps = [Gap(6, 8, GapReason.CUT)]
    batch, _ = pack(want(after=5, newest=9, max_fixes=0), (), gaps, LIVE)
    assert (batch.envelope.after, batch.envelope.upto, batch.envelope.newest) == (5, 5, 9)
    assert (batch.envelope.gaps, batch.fixes, batch.envelope.live) == ((), (), LIVE)


def test_gaps_are_cut_to_what_the_batch_speaks_for() -> None:
    """A gap that begins before or ends behind the batch is said in part, the rest later."""
    gaps = [Gap(1, 3, GapReason.CUT), Gap(5, 7, GapReason.RELEASED), Gap(9, 20, GapReason.REFUSED)]
    batch, _ = pack(want(after=2, newest=20, max_fixes=2), fixes(4, 8), gaps, None)
    assert batch.envelope.gaps == (Gap(3, 3, GapReason.CUT), Gap(5, 7, GapReason.RELEASED))
    rest, _ = pack(want(after=8, newest=20), (), gaps, None)
    assert rest.envelope.gaps == (Gap(9, 20, GapReason.REFUSED),)
    assert rest.envelope.upto == 20


@given(st.integers(MAX_GAPS + 1, 5 * MAX_GAPS))
@settings(max_examples=30, deadline=None)
def test_batch_of_many_gaps_ends_at_the_last_that_it_can_name(count: int) -> None:
    """More gaps than fit are said in the following batches, and every number is spoken for once."""
    gaps = [Gap(2 * n, 2 * n, GapReason.REFUSED) for n in range(1, count + 1)]
    held = fixes(*range(1, 2 * count + 1, 2))
    newest, after = 2 * count, 0
    told: list[int] = []
    while after < newest:
        remaining = [kept for kept in held if kept.seq > after]
        _, data = pack(want(after=after, newest=newest), remaining, gaps, None)
        came = decode_batch(data)
        envelope = came.envelope
        assert len(envelope.gaps) <= MAX_GAPS
        assert envelope.after == after < envelope.upto
        told += [kept.seq for kept in came.fixes]
        told += [gap.first for gap in envelope.gaps]
        after = envelope.upto
    assert sorted(told) == list(range(1, newest + 1))


def test_live_is_left_out_where_the_batch_holds_a_newer_fix() -> None:
    """The newest position goes along only if it is newer than the batch's last fix."""
    old = Fix(FIRST_MS + 4000, 47_000_000, 8_000_000)
    batch, _ = pack(want(newest=4), fixes(1, 4), (), old)
    assert batch.envelope.live is None
    batch, _ = pack(want(newest=9, max_fixes=1), fixes(1), (), old)
    assert batch.envelope.live == old


def test_largest_batch_fits_into_a_message() -> None:
    """The largest budget leaves room for 64 gaps and `live` under the limit of a message."""
    gaps = [Gap(2 * n, 2 * n, GapReason.REFUSED) for n in range(1, MAX_GAPS + 1)]
    held = fixes(*[n for n in range(1, 9000) if n % 2 or n > 2 * MAX_GAPS][:MAX_FIXES])
    _, data = pack(want(newest=9000, budget_bytes=MAX_BUDGET_BYTES), held, gaps, LIVE)
    assert MAX_BUDGET_BYTES // 3 < len(data) <= MAX_MESSAGE_BYTES
