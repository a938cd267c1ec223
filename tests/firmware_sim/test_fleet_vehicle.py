"""The simulated unit against a collector in memory: the delivery protocol under every fault.

Real parts: the vehicle with its buffer and sender, both codecs, the collector's admission. The
network is a bag of bytes that loses, repeats and reorders.
"""

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from milepost_firmware_sim.fleet.figures import Tally
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_schemas.ack import Ack, encode_ack
from milepost_schemas.batch import decode_batch
from milepost_schemas.delivery.sender import FIRST_WAIT_S, MAX_WAIT_S, WAIT_JITTER
from milepost_schemas.fix import Fix
from milepost_schemas.topics import Address
from tests.schemas.test_delivery_model import POISON_LAT_E6, Database

BEGIN = 1_700_000_000
RUN = b"run-one."
NEXT_RUN = b"run-two."


def measured(instant: int) -> Fix:
    """The fix of an instant: a drive to the north."""
    return Fix(time_ms=instant * 1000, lat_e6=47_000_000 + instant - BEGIN, lon_e6=8_000_000)


def poisoned(instant: int) -> Fix:
    """As `measured`, but the third instant is a fix that no server takes."""
    lat_e6 = POISON_LAT_E6 if instant == BEGIN + 2 else 47_000_000
    return Fix(time_ms=instant * 1000, lat_e6=lat_e6, lon_e6=8_000_000)


def make_vehicle(measure: Callable[[int], Fix] = measured) -> Vehicle:
    """Return a unit whose agent has started and whose link is up."""
    vehicle = Vehicle(Address(3, "sim-1"), measure, Tally(), random.Random(1))
    vehicle.start(RUN, BEGIN)
    vehicle.connected()
    return vehicle


def converse(vehicle: Vehicle, database: Database, now_s: float) -> None:
    """Let the unit say everything that it has to say, each batch answered at once."""
    for _ in range(50):
        data = vehicle.outgoing(now_s, live=False)
        if data is None:
            return
        vehicle.hear(database.take(data), now_s)
    raise AssertionError("the unit never stops talking")


def committed(vehicle: Vehicle) -> list[tuple[bytes, int, Fix]]:
    """Return all that a unit ever promised."""
    return [(stream, kept.seq, kept.fix) for stream, kept in vehicle.buffer.committed()]


def test_committed_fixes_reach_the_table_once_and_in_order() -> None:
    """What ticks commit is stored as it was measured, numbered from 1."""
    vehicle, database = make_vehicle(), Database()

    for tick in range(1, 5):
        vehicle.tick(BEGIN + 5 * tick - 1)
        converse(vehicle, database, 5.0 * tick)

    assert database.rows == committed(vehicle)
    assert [seq for _, seq, _ in database.rows] == list(range(1, 21))
    assert [fix for *_, fix in database.rows] == [measured(BEGIN + n) for n in range(20)]
    assert (vehicle.backlog, vehicle.acknowledged) == (0, 20)


def test_nothing_is_sent_before_the_link_is_up_and_nothing_is_committed_between_ticks() -> None:
    """A unit without a link keeps its batches, and a tick in the same instant adds nothing."""
    vehicle = make_vehicle()
    vehicle.disconnected()

    assert vehicle.tick(BEGIN + 4) == 5
    assert vehicle.tick(BEGIN + 4) == 0
    assert vehicle.outgoing(5.0, live=True) is None
    assert vehicle.backlog == 5


def test_ack_latency_runs_from_the_batch_that_is_answered() -> None:
    """The time between the hand-over of a batch and its own answer is what is counted."""
    tally = Tally()
    vehicle = Vehicle(Address(0, "sim-1"), measured, tally, random.Random(1))
    vehicle.start(RUN, BEGIN)
    vehicle.connected()
    vehicle.tick(BEGIN + 4)
    data = vehicle.outgoing(100.0, live=True)
    assert data is not None

    vehicle.hear(Database().take(data), 100.25)

    assert tally.ack_latency.percentile_ms(0.99) == pytest.approx(250, rel=0.02)
    assert (tally.batches, tally.bytes, tally.acks, tally.resends) == (1, len(data), 1, 0)


def test_silent_server_hears_the_position_and_then_the_fixes_again() -> None:
    """Without an answer ticks carry the position only, until the wait is over; then it resends."""
    tally = Tally()
    vehicle = Vehicle(Address(0, "sim-1"), measured, tally, random.Random(1))
    vehicle.start(RUN, BEGIN)
    vehicle.connected()
    vehicle.tick(BEGIN + 4)
    first = vehicle.outgoing(5.0, live=True)
    vehicle.tick(BEGIN + 5)
    position = vehicle.outgoing(6.0, live=True)
    assert first is not None
    assert position is not None
    said = decode_batch(position)

    due_s = vehicle.due_s()
    assert due_s is not None
    assert due_s == pytest.approx(5.0 + FIRST_WAIT_S, abs=FIRST_WAIT_S * WAIT_JITTER)
    assert vehicle.outgoing(due_s - 0.01, live=False) is None
    again = vehicle.outgoing(due_s, live=False)

    assert said.fixes == ()
    assert said.envelope.live == measured(BEGIN + 5)
    assert again is not None
    assert [kept.seq for kept in decode_batch(again).fixes] == [1, 2, 3, 4, 5, 6]
    assert tally.resends == 1


def test_killed_agent_begins_a_new_stream_and_promised_nothing_else() -> None:
    """What was measured after the last tick is gone; what was committed is delivered first."""
    vehicle, database = make_vehicle(), Database()
    vehicle.tick(BEGIN + 4)
    vehicle.crash(BEGIN + 7)

    vehicle.start(NEXT_RUN, BEGIN + 20)
    vehicle.connected()
    vehicle.tick(BEGIN + 22)
    converse(vehicle, database, 30.0)

    assert [(stream, seq) for stream, seq, _ in database.rows] == [
        *((RUN, seq) for seq in range(1, 6)),
        *((NEXT_RUN, seq) for seq in range(1, 4)),
    ]
    assert database.rows == committed(vehicle)
    assert [kept.hole for _, kept in vehicle.buffer.committed()] == [False] * 5 + [True] + [
        False
    ] * 2


def test_answers_heard_after_the_last_commit_are_forgotten_by_a_killed_agent() -> None:
    """The next run believes what was written, sends the rest again, and doubles nothing."""
    vehicle, database = make_vehicle(), Database()
    vehicle.tick(BEGIN + 4)
    converse(vehicle, database, 5.0)
    vehicle.crash(BEGIN + 5)

    vehicle.start(NEXT_RUN, BEGIN + 9)
    assert vehicle.acknowledged == 0
    vehicle.connected()
    converse(vehicle, database, 10.0)

    assert vehicle.acknowledged == 5
    assert database.rows == committed(vehicle)


def test_database_set_back_is_filled_again_with_every_run() -> None:
    """An ack that says nothing is stored makes the unit begin with the oldest that it holds."""
    vehicle, database = make_vehicle(), Database()
    vehicle.tick(BEGIN + 4)
    converse(vehicle, database, 5.0)
    vehicle.tick(BEGIN + 9)
    vehicle.crash(BEGIN + 9)
    vehicle.start(NEXT_RUN, BEGIN + 12)
    vehicle.connected()
    vehicle.tick(BEGIN + 14)
    converse(vehicle, database, 15.0)

    emptied = Database()
    vehicle.tick(BEGIN + 19)
    converse(vehicle, emptied, 20.0)

    assert emptied.rows == committed(vehicle)
    assert vehicle.backlog == 0


def test_word_that_the_database_forgot_outlives_the_agent() -> None:
    """Also an agent that is killed at once after it heard so begins with the oldest fix."""
    vehicle, database = make_vehicle(), Database()
    vehicle.tick(BEGIN + 4)
    converse(vehicle, database, 5.0)
    vehicle.tick(BEGIN + 9)
    question = vehicle.outgoing(10.0, live=False)
    assert question is not None
    assert [ledger.stored for ledger in vehicle.buffer.ledgers()] == [5]

    vehicle.hear(Database().take(question), 10.0)
    vehicle.crash(BEGIN + 9)
    vehicle.start(NEXT_RUN, BEGIN + 12)

    assert [ledger.stored for ledger in vehicle.buffer.ledgers()] == [0, 0]


def test_fix_that_the_server_never_takes_is_set_aside_and_named_as_a_gap() -> None:
    """One poisoned fix holds nothing up: it is given up after the third refusal, and told."""
    tally, database = Tally(), Database()
    vehicle = Vehicle(Address(0, "sim-1"), poisoned, tally, random.Random(1))
    vehicle.start(RUN, BEGIN)
    vehicle.connected()
    vehicle.tick(BEGIN + 4)

    now_s = 5.0
    for _ in range(40):
        converse(vehicle, database, now_s)
        now_s += FIRST_WAIT_S

    assert [seq for _, seq, _ in database.rows] == [1, 2, 4, 5]
    assert database.gaps == {(RUN, 3)}
    assert tally.set_aside == 1
    assert tally.refused >= 3
    assert [kept.seq for kept in vehicle.buffer.read(RUN, 0, 3)] == [1, 2, 4]
    assert len(committed(vehicle)) == 5


def test_answers_that_cannot_be_read_are_counted() -> None:
    """Rubbish on the ack topic changes nothing."""
    tally = Tally()
    vehicle = Vehicle(Address(0, "sim-1"), measured, tally, random.Random(1))
    vehicle.start(RUN, BEGIN)

    vehicle.hear(b"\xc1rubbish", 1.0)
    vehicle.hear(encode_ack(Ack(NEXT_RUN, 7, 3, 0)), 1.0)

    assert (tally.bad_acks, tally.acks, vehicle.acknowledged) == (1, 1, 0)


def test_memory_does_not_grow_with_questions_that_nobody_answers() -> None:
    """A unit whose server is silent for a day remembers a handful of its batches."""
    vehicle = make_vehicle()

    for tick in range(1, 2000):
        vehicle.tick(BEGIN + tick)
        vehicle.outgoing(float(tick), live=True)

    assert len(vehicle._asked) <= 64


class Road(RuleBasedStateMachine):
    """Random faults, then a drain, then the account."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        chance = random.Random(seed)
        self.vehicle = Vehicle(Address(0, "sim-1"), measured, Tally(), chance)
        self.vehicle.start(chance.randbytes(8), BEGIN)
        self.chance = chance
        self.instant = BEGIN - 1
        self.now_s = 0.0
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.database = Database()
        self.vehicle.connected()

    @rule(seconds=st.integers(0, 20), live=st.booleans())
    def tick(self, seconds: int, live: bool) -> None:
        self.instant += seconds
        self.now_s += seconds
        self.vehicle.tick(self.instant)
        self.offer(live and seconds > 0)

    @rule(wait_s=st.sampled_from([0.1, 13.0, 400.0]))
    def wait(self, wait_s: float) -> None:
        self.now_s += wait_s
        self.offer(live=False)

    @rule(index=st.integers(0, 50), twice=st.booleans())
    def batch_arrives(self, index: int, twice: bool) -> None:
        if self.up:
            at = index % len(self.up)
            self.down.append(self.database.take(self.up[at] if twice else self.up.pop(at)))

    @rule(index=st.integers(0, 50), twice=st.booleans())
    def ack_arrives(self, index: int, twice: bool) -> None:
        if self.down:
            at = index % len(self.down)
            self.vehicle.hear(self.down[at] if twice else self.down.pop(at), self.now_s)
            self.offer(live=False)

    @rule()
    def everything_arrives(self) -> None:
        while self.up or self.down:
            self.batch_arrives(0, twice=False)
            self.ack_arrives(0, twice=False)

    @rule(batches=st.booleans())
    def network_loses(self, batches: bool) -> None:
        (self.up if batches else self.down).clear()

    @rule()
    def link_breaks_and_heals(self) -> None:
        self.vehicle.disconnected()
        self.offer(live=True)
        self.vehicle.connected()
        self.offer(live=False)

    @rule(measured_after=st.integers(0, 5), pause=st.integers(1, 60))
    def agent_is_killed(self, measured_after: int, pause: int) -> None:
        self.vehicle.crash(self.instant + measured_after)
        self.instant += measured_after + pause
        self.vehicle.start(self.chance.randbytes(8), self.instant + 1)
        self.vehicle.connected()

    @rule(share=st.floats(0, 1))
    def database_is_set_back(self, share: float) -> None:
        """A backup from before: fewer rows, and the counters that fit them."""
        rows = self.database.rows[: round(share * len(self.database.rows))]
        older = Database(rows=rows)
        for stream, seq, _ in rows:
            older.last_seq[stream] = seq
        self.database = older

    def offer(self, live: bool) -> None:
        data = self.vehicle.outgoing(self.now_s, live=live)
        if data is not None:
            self.up.append(data)

    def teardown(self) -> None:
        if not hasattr(self, "vehicle"):
            return
        self.vehicle.disconnected()
        self.vehicle.connected()
        # An ack names what was forgotten only when something is sent, so there is one more tick.
        self.instant += 1
        self.vehicle.tick(self.instant)
        for _ in range(50):
            self.now_s += MAX_WAIT_S * 2
            self.offer(live=False)
            self.everything_arrives()
        assert self.vehicle.backlog == 0
        assert sorted(self.database.rows, key=_number) == sorted(
            committed(self.vehicle), key=_number
        )


def _number(row: tuple[bytes, int, Fix]) -> tuple[bytes, int]:
    return row[:2]


TestRoad = Road.TestCase
TestRoad.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
