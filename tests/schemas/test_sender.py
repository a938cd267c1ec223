"""The sender, one behaviour at a time: what it wants to send, and what an answer changes."""

import random

import pytest

from milepost_schemas.ack import Ack
from milepost_schemas.batch import Batch, Envelope, Previous
from milepost_schemas.delivery.effect import Effect, Rewind, SetAside, Stored
from milepost_schemas.delivery.sender import (
    FIRST_BUDGET_BYTES,
    MAX_BUDGET_BYTES,
    Ledger,
    Sender,
    Want,
)
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.layout import MAX_FIXES

OLD, NOW = b"the_old_", b"the_new_"
LIVE = Fix(1_700_000_000_000, 47_000_000, 8_000_000)


class Van:
    """A sender with everything that it talks to: numbers instead of fixes, a clock, a link."""

    def __init__(self, *ledgers: Ledger) -> None:
        self.sender = Sender(ledgers or [Ledger(NOW, 0, 5000)], random.Random(1))
        self.sender.connected()
        self.now_s = 100.0

    def next(self, *, live: bool = False) -> Want | None:
        """Ask what is to be sent, and hand it over as the uplink does."""
        want = self.sender.next(self.now_s, live=live)
        if want is not None:
            count = min(want.max_fixes, want.newest - want.after)
            upto = want.after + count
            kept = tuple(KeptFix(seq, LIVE) for seq in range(want.after + 1, upto + 1))
            carried = LIVE if live and want.with_live else None
            envelope = Envelope(want.stream, want.batch, want.after, upto, want.newest, (), carried)
            self.sender.sent(Batch(envelope, kept))
        return want

    def must_next(self, *, live: bool = False) -> Want:
        """Ask what is to be sent, which is not nothing."""
        want = self.next(live=live)
        assert want is not None
        return want

    def answer(self, want: Want, last_seq: int | None, refused: str | None = None) -> list[Effect]:
        """Let the answer to a batch come."""
        ack = Ack(want.stream, want.batch, last_seq, 0, refused)
        return self.sender.acknowledged(ack, self.now_s)


def test_nothing_is_sent_before_the_link_is_up() -> None:
    """Neither fixes nor the newest position go out before the ack topic is subscribed."""
    sender = Sender([Ledger(NOW, 0, 10)])
    assert sender.next(0.0, live=True) is None
    sender.connected()
    assert sender.next(0.0, live=True) is not None
    sender.disconnected()
    assert sender.next(1e6, live=True) is None


def test_nothing_is_sent_when_all_is_stored() -> None:
    """Without a backlog only a newest position is worth a batch, and it speaks for no number."""
    van = Van(Ledger(OLD, 7, 7), Ledger(NOW, 5, 5))
    assert van.next() is None
    want = van.must_next(live=True)
    assert (want.stream, want.after, want.max_fixes, want.with_live) == (NOW, 5, 0, True)


def test_oldest_unfinished_stream_goes_first() -> None:
    """A run before is finished before this one begins."""
    van = Van(Ledger(OLD, 3, 4), Ledger(NOW, 0, 9))
    want = van.must_next()
    assert (want.stream, want.after, want.newest) == (OLD, 3, 4)
    assert van.answer(want, 4) == [Stored(OLD, 4)]
    want = van.must_next()
    assert (want.stream, want.after, want.previous) == (NOW, 0, Previous(OLD, 4))
    van.answer(want, 9)
    assert van.sender.backlog == 0


def test_run_before_is_named_only_while_nothing_is_stored_of_this_one() -> None:
    """From the first stored fix on a stream speaks for itself."""
    assert Van(Ledger(OLD, 4, 4), Ledger(NOW, 1, 9)).must_next().previous is None
    assert Van(Ledger(OLD, 0, 0), Ledger(NOW, 0, 9)).must_next().previous is None
    assert Van(Ledger(OLD, 0, 4), Ledger(NOW, 0, 9)).must_next().previous is None
    named = Van(Ledger(b"an_older", 8, 8), Ledger(OLD, 0, 0), Ledger(NOW, 0, 9)).must_next()
    assert named.previous == Previous(b"an_older", 8)


def test_unanswered_batch_is_sent_again_after_10_s_doubling_to_300_s() -> None:
    """Each wait is twice the one before up to 300 s, within 20 % either way."""
    van = Van()
    van.must_next()
    waits = []
    for _ in range(8):
        due_s = van.sender.due_s()
        assert due_s is not None
        waits.append(due_s - van.now_s)
        van.now_s = due_s - 0.001
        assert van.next() is None
        van.now_s = due_s
        van.must_next()
    for wait_s, nominal_s in zip(waits, [10, 20, 40, 80, 160, 300, 300, 300], strict=True):
        assert 0.8 * nominal_s <= wait_s <= 1.2 * nominal_s
    assert len(set(waits[-3:])) == 3, "no two waits are alike"


def test_jitter_keeps_within_its_bounds_and_uses_them() -> None:
    """A fleet that lost its server at once comes back spread over 8 to 12 s."""
    waits = []
    for seed in range(500):
        sender = Sender([Ledger(NOW, 0, 10)], random.Random(seed))
        sender.connected()
        want = sender.next(0.0)
        assert want is not None
        sender.sent(Batch(Envelope(NOW, want.batch, 0, 1, 10), (KeptFix(1, LIVE),)))
        waits.append(sender.due_s() or 0.0)
    assert 8.0 <= min(waits) < 8.2
    assert 11.8 < max(waits) <= 12.0


def test_budget_is_doubled_by_an_ack_up_to_its_limit() -> None:
    """A good link is filled: 4 KiB after the connect, twice as much after each ack."""
    van = Van(Ledger(NOW, 0, 10**6))
    budgets, stored = [], 0
    for _ in range(6):
        want = van.must_next()
        budgets.append(want.budget_bytes)
        stored += 100
        van.answer(want, stored)
    assert budgets == [4096, 8192, 16384, 32768, MAX_BUDGET_BYTES, MAX_BUDGET_BYTES]
    van.sender.disconnected()
    van.sender.connected()
    assert van.must_next().budget_bytes == FIRST_BUDGET_BYTES


def test_budget_is_halved_by_a_timeout_down_to_its_limit() -> None:
    """On a bad link the batches shrink, to an eighth of the first one."""
    van = Van()
    budgets = []
    for _ in range(6):
        budgets.append(van.must_next().budget_bytes)
        van.now_s += 400
    assert budgets == [4096, 2048, 1024, 512, 512, 512]


def test_newest_position_goes_without_fixes_while_a_batch_waits() -> None:
    """While an answer is awaited each tick may say where the van is, and no more."""
    van = Van()
    van.must_next()
    assert van.next(live=False) is None
    rowless = van.must_next(live=True)
    assert (rowless.max_fixes, rowless.after, rowless.with_live) == (0, 0, True)
    assert van.sender.waiting


def test_first_answer_of_any_ends_the_wait() -> None:
    """An ack to a rowless batch says that the link works, so the fixes go again at once."""
    van = Van()
    first = van.must_next()
    rowless = van.must_next(live=True)
    assert van.answer(rowless, 0) == []
    again = van.must_next()
    assert (again.after, again.batch > first.batch, again.max_fixes > 0) == (0, True, True)
    due_s = van.sender.due_s()
    assert due_s is not None
    assert due_s - van.now_s <= 12.0


def test_answer_moves_on_to_the_next_fixes() -> None:
    """What the ack names is believed, also when it is less than was sent."""
    van = Van()
    assert van.answer(van.must_next(), 50) == [Stored(NOW, 50)]
    assert van.must_next().after == 50
    assert van.sender.backlog == 4950


@pytest.mark.parametrize("last_seq", [None, 0, 49])
def test_database_that_is_older_rewinds_every_stream(last_seq: int | None) -> None:
    """An ack of nothing, or of less than was stored, sends everything held once more."""
    van = Van(Ledger(OLD, 7, 7), Ledger(NOW, 50, 60))
    assert van.answer(van.must_next(), last_seq) == [Rewind()]
    assert [ledger.stored for ledger in van.sender.ledgers] == [0, 0]
    want = van.must_next()
    assert (want.stream, want.after) == (OLD, 0)


def test_late_and_repeated_and_foreign_answers_are_ignored() -> None:
    """Only an answer that is newer than the last one, to something that was asked, counts."""
    van = Van()
    first = van.must_next()
    van.now_s += 13
    second = van.must_next()
    assert van.answer(second, 40) == [Stored(NOW, 40)]
    third = van.must_next()
    assert van.answer(first, None) == []
    assert van.answer(second, 40) == []
    assert van.sender.acknowledged(Ack(NOW, third.batch + 1, 90, 0), van.now_s) == []
    assert van.sender.acknowledged(Ack(b"unknown_", third.batch, 90, 0), van.now_s) == []
    assert van.sender.waiting
    assert van.answer(third, 41) == [Stored(NOW, 41)]


def test_refused_batch_is_halved_down_to_one_fix_and_that_one_set_aside() -> None:
    """The fix that cannot be taken is found by halving, tried three times alone, and left out."""
    van = Van(Ledger(NOW, 0, 5000))
    counts = []
    effects: list[Effect] = []
    while not effects:
        want = van.must_next()
        counts.append(want.max_fixes)
        effects = van.answer(want, None, "range")
        due_s = van.sender.due_s()
        if due_s is not None:
            van.now_s = due_s
    assert counts == [1365, 682, 341, 170, 85, 42, 21, 10, 5, 2, 1, 1, 1]
    assert effects == [SetAside(NOW, 1, "range")]
    assert van.must_next().after == 0


def test_single_refused_fix_waits_between_its_tries() -> None:
    """A server that refuses is not asked again at once, about the same single fix."""
    van = Van(Ledger(NOW, 0, 1))
    assert van.answer(van.must_next(live=True), None, "range") == []
    assert van.next() is None
    due_s = van.sender.due_s()
    assert due_s is not None
    assert 8.0 <= due_s - van.now_s <= 12.0


def test_single_fix_is_not_blamed_while_the_newest_position_goes_along() -> None:
    """Three strikes count only for batches that hold nothing but the fix."""
    van = Van(Ledger(NOW, 0, 1))
    refusals = 0
    while van.answer(want := van.must_next(live=True), None, "range") == []:
        refusals += 1
        van.now_s = van.sender.due_s() or van.now_s
    assert refusals == 3
    assert not want.with_live


def test_ack_after_a_refusal_lets_batches_grow_again() -> None:
    """After a good answer the number of fixes doubles, back to the most that a batch may hold."""
    van = Van(Ledger(NOW, 0, 10**6))
    van.answer(van.must_next(), None, "range")
    counts = []
    for stored in range(1, 7):
        want = van.must_next()
        counts.append(want.max_fixes)
        van.answer(want, stored)
    assert counts == [682, 1364, 2728, 4096, MAX_FIXES, MAX_FIXES]


def test_refused_newest_position_does_not_blame_the_fixes() -> None:
    """A refusal of a rowless batch leaves the batch that waits as it is."""
    van = Van()
    van.must_next()
    rowless = van.must_next(live=True)
    assert van.answer(rowless, None, "range") == []
    assert van.sender.waiting
    assert van.next() is None
    van.now_s += 13
    assert van.must_next().max_fixes > 1


def test_refused_version_holds_everything_for_an_hour() -> None:
    """A server of another version loses nothing: the unit keeps all and asks hourly."""
    van = Van()
    assert van.answer(van.must_next(), None, "version") == []
    for seconds in (1, 60, 3538):
        van.now_s += seconds
        assert van.next(live=True) is None
    van.sender.disconnected()
    van.sender.connected()
    assert van.next(live=True) is None
    van.now_s += 1
    want = van.must_next()
    assert (want.after, want.max_fixes > 1) == (0, True)


def test_new_connection_does_not_wait_for_an_old_answer() -> None:
    """What was under way is sent again as soon as the link is back."""
    van = Van()
    van.must_next()
    van.sender.disconnected()
    van.sender.connected()
    assert van.must_next().after == 0


def test_stream_that_is_held_no_more_is_not_waited_for() -> None:
    """What was under way of it is forgotten with its answer, and the streams that are held go."""
    van = Van(Ledger(OLD, 3, 9), Ledger(NOW, 0, 4))
    first = van.must_next()
    van.sender.reload([Ledger(NOW, 0, 4), Ledger(b"in_mem__", 0, 2)])
    assert not van.sender.waiting
    assert van.answer(first, 9) == []
    second = van.must_next()
    assert (second.stream, second.after, second.batch) == (NOW, 0, first.batch + 1)
    assert van.answer(second, 4) == [Stored(NOW, 4)]
    third = van.must_next()
    assert (third.stream, third.previous) == (b"in_mem__", Previous(NOW, 4))
    van.sender.committed(7)
    assert [ledger.newest for ledger in van.sender.ledgers] == [4, 7]


def test_stream_that_is_still_held_is_still_waited_for() -> None:
    """A new current stream changes nothing for the batch under way; pointers are those given."""
    van = Van(Ledger(OLD, 3, 9))
    first = van.must_next()
    van.sender.reload([Ledger(OLD, 3, 9), Ledger(NOW, 0, 0)])
    assert van.sender.waiting
    assert van.next() is None
    assert van.answer(first, 9) == [Stored(OLD, 9)]
    van.sender.reload([Ledger(OLD, 5, 9), Ledger(NOW, 0, 0)])
    assert van.must_next().after == 5
    assert van.sender.backlog == 4


def test_stream_that_comes_back_is_sent_from_where_it_was() -> None:
    """A disk that can be read again brings its streams back, oldest first."""
    van = Van(Ledger(NOW, 2, 4))
    van.sender.reload([])
    assert van.next(live=True) is None
    van.sender.reload([Ledger(OLD, 6, 8), Ledger(NOW, 2, 4)])
    want = van.must_next()
    assert (want.stream, want.after) == (OLD, 6)


def test_strikes_against_a_fix_end_with_its_stream() -> None:
    """Refusals of a fix of a stream that is gone are not counted against the next one."""
    van = Van(Ledger(OLD, 0, 1), Ledger(NOW, 0, 1))
    for _ in range(2):
        assert van.answer(van.must_next(), None, "range") == []
        van.now_s = van.sender.due_s() or van.now_s
    want = van.must_next()
    van.sender.reload([Ledger(NOW, 0, 1)])
    assert van.answer(want, None, "range") == []
    for _ in range(2):
        assert van.answer(van.must_next(), None, "range") == []
        van.now_s = van.sender.due_s() or van.now_s
    assert van.answer(van.must_next(), None, "range") == [SetAside(NOW, 1, "range")]
