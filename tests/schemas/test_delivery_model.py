"""A model of the whole delivery under every fault that the design names, driven at random.

Real parts: the vehicle's buffer (SQLite files), the sender, the batch and ack codecs, the
admission. The network is a bag of bytes that loses, repeats and reorders; the database is a list
that can be set back to an earlier copy; buffers crash, are restored from old images, cloned, lost,
run full, are thinned, and lose their disk for a time.

What must hold when the faults have stopped and everything has drained:

- nothing that a unit still holds is undelivered (or it is recorded as a gap),
- nothing is stored twice, nothing is stored that was not measured,
- within a stream rows are stored in the order of their numbers,
- every number up to `last_seq` is a row or in a gap, or was thinned.
"""

import copy
import logging
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count as counting
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from milepost_agent.buffer import Buffer, BufferState, StreamGoneError, room
from milepost_agent.buffer.transaction import Transaction
from milepost_agent.buffer.trouble import DiskError
from milepost_schemas.ack import Ack, decode_ack, encode_ack
from milepost_schemas.batch import decode_batch
from milepost_schemas.delivery.admission import admit
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import Sender
from milepost_schemas.fix import Fix

FIRST_MS = 1_700_000_000_000
FIRST_MIN = FIRST_MS // 60_000

# Where files are fast: the model has them written by the thousand.
FAST_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None

# Fixes at this latitude cannot be stored by anybody.
POISON_LAT_E6 = 13

Truth = dict[tuple[bytes, int], Fix]
Image = dict[str, bytes]

RELEASE, CUT, THIN = "release", "cut", "thin"
MAKING_ROOM: dict[str, Callable[[Transaction], bool]] = {
    RELEASE: room.release,
    CUT: room.cut,
    THIN: lambda transaction: room.thin_block(transaction, 5.0),
}


@dataclass
class Database:
    """What the collector keeps; a deep copy of it is a backup."""

    last_seq: dict[bytes, int] = field(default_factory=dict)
    rows: list[tuple[bytes, int, Fix]] = field(default_factory=list)
    gaps: set[tuple[bytes, int]] = field(default_factory=set)

    def take(self, data: bytes) -> bytes:
        """Take a batch as the collector does, and return its ack."""
        batch = decode_batch(data)
        envelope, fixes = batch.envelope, batch.fixes
        previous = envelope.previous
        before = self.last_seq.get(previous.stream) if previous else None
        verdict = admit(envelope, self.last_seq.get(envelope.stream), before)
        refused = None
        if verdict.apply_from is not None:
            fresh = [kept for kept in fixes if kept.seq >= verdict.apply_from]
            if any(kept.fix.lat_e6 == POISON_LAT_E6 for kept in fresh):
                refused = "unstorable"
            else:
                assert verdict.last_seq is not None
                self.rows += [(envelope.stream, kept.seq, kept.fix) for kept in fresh]
                self.gaps |= {
                    (envelope.stream, seq)
                    for gap in verdict.gaps
                    for seq in range(gap.first, gap.last + 1)
                }
                self.last_seq[envelope.stream] = verdict.last_seq
        last_seq = None if refused else verdict.last_seq
        return encode_ack(Ack(envelope.stream, envelope.batch, last_seq, FIRST_MIN, refused))


class Unit:
    """One run after another of an agent over one buffer."""

    def __init__(self, folder: Path, image: Image, chance: random.Random, truth: Truth) -> None:
        self._folder = folder
        self._runs = counting()
        self._chance = chance
        self._truth = truth
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.pending: list[Fix] = []
        self.live: Fix | None = None
        self.thinned: set[tuple[bytes, int]] = set()
        self.now_s = 0.0
        self.start(image)

    def start(self, image: Image) -> None:
        """Power on over a buffer image; what was not committed is gone."""
        folder = self._folder / str(next(self._runs))
        folder.mkdir(parents=True)
        self.path = folder / "buffer.db"
        for suffix, data in image.items():
            Path(f"{self.path}{suffix}").write_bytes(data)
        self.buffer = Buffer(self.path)
        self.buffer.begin_stream()
        for key, fix in self.held().items():  # an open end has got a number
            assert self._truth.setdefault(key, fix) == fix, "a number was used twice"
        self.sender = Sender(self.buffer.ledgers(), self._chance)
        self.pending = []

    @property
    def image(self) -> Image:
        """The files as a power cut would leave them now."""
        paths = {suffix: Path(f"{self.path}{suffix}") for suffix in ("", "-wal")}
        return {suffix: path.read_bytes() for suffix, path in paths.items() if path.exists()}

    def switch_off(self) -> None:
        """Lose what is only in memory."""
        holding = self.buffer._holding
        if holding.spare is not None:
            holding.spare.close()
        assert holding._on_disk is not None
        holding._on_disk.leave()

    def commit(self) -> None:
        """Commit what was measured, and note which number each fix got."""
        self.now_s += 5
        newest = self.buffer.commit(self.now_s)
        for seq, fix in enumerate(self.pending, newest - len(self.pending) + 1):
            assert (self.buffer.stream, seq) not in self._truth, "a number was used twice"
            self._truth[self.buffer.stream, seq] = fix
        self.pending = []
        if self.buffer.take_changes():
            self.sender.reload(self.buffer.ledgers())
        self.sender.committed(newest)

    def send(self, now_s: float, *, live: bool) -> None:
        """Let the sender say what it wants to say."""
        want = self.sender.next(now_s, live=live)
        if want is None:
            return
        try:
            fixes = self.buffer.read(want.stream, want.after, want.max_fixes)
            gaps = self.buffer.gaps(want.stream)
        except StreamGoneError:
            self.sender.reload(self.buffer.ledgers())
            return
        batch, data = pack(want, fixes, gaps, self.live)
        self.sender.sent(batch)
        self.up.append(data)

    def hear(self, data: bytes, now_s: float) -> None:
        """Take in an ack."""
        self.buffer.apply(self.sender.acknowledged(decode_ack(data), now_s))

    def held(self) -> Truth:
        """Return every fix that the buffer still holds."""
        return {
            (ledger.stream, kept.seq): kept.fix
            for ledger in self.buffer.ledgers()
            for kept in self.buffer.read(ledger.stream, 0, -1)
        }

    def make_room(self, how: str) -> None:
        """Do what a full buffer does."""
        file = self.buffer._holding.current
        before = self._rows(file)
        with file.transaction() as transaction:
            MAKING_ROOM[how](transaction)
        if how == THIN:
            self.thinned |= before - self._rows(file)

    def _rows(self, file: Any) -> set[tuple[bytes, int]]:
        return {
            (stream, each.place)
            for stream in file.streams
            for each in file.held_fixes(stream, 0, 10**6)
        }

    def disk_fails(self, *, readable: bool) -> None:
        """Let the disk refuse to be written, and perhaps to be read.

        Done by hand because the model needs failures by the thousand; real ones are in
        tests/agent/test_buffer_disk.py.
        """

        def fail(*_: object, **__: object) -> Any:
            raise DiskError(BufferState.MEMORY_IO_ERROR, "the model wants it so")

        on_disk = self.buffer._holding._on_disk
        assert on_disk is not None
        for name in ("write", "take_in") if readable else ("write", "take_in", "read"):
            setattr(on_disk, name, fail)

    def disk_returns(self) -> None:
        """Let the disk be well again."""
        for name in ("write", "take_in", "read"):
            self.buffer._holding._on_disk.__dict__.pop(name, None)


class Delivery(RuleBasedStateMachine):
    """Random faults, then a drain, then the accounts."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now_s = 0.0
        self.clock_ms = FIRST_MS
        self.truth: Truth = {}
        self.database = Database()
        self.backups: list[Database] = []
        self.images: list[Image] = []
        self.folder = tempfile.TemporaryDirectory(prefix="mp-model-", dir=FAST_FOLDER)
        self.units: list[Unit] = []
        self.add_unit({})
        self.units[0].sender.connected()

    def add_unit(self, image: Image) -> None:
        folder = Path(self.folder.name) / f"unit-{len(self.units)}"
        self.units.append(Unit(folder, image, self.chance, self.truth))

    def unit(self, index: int) -> Unit:
        return self.units[index % len(self.units)]

    @rule(which=st.integers(0, 3), count=st.integers(1, 6), poison=st.integers(0, 20))
    def measure(self, which: int, count: int, poison: int) -> None:
        unit = self.unit(which)
        for number in range(count):
            self.clock_ms += 1000
            lat_e6 = POISON_LAT_E6 if number == poison else 47_000_000 + number
            fix = Fix(self.clock_ms, lat_e6, 8_000_000)
            unit.buffer.add(fix)
            unit.pending.append(fix)
            unit.live = fix

    @rule(which=st.integers(0, 3), live=st.booleans())
    def tick(self, which: int, live: bool) -> None:
        unit = self.unit(which)
        unit.commit()
        unit.send(self.now_s, live=live)

    @rule(which=st.integers(0, 3), count=st.integers(1, 4), live=st.booleans())
    def all_goes_well(self, which: int, count: int, live: bool) -> None:
        """A healthy stretch, so that faults find pointers that have moved."""
        unit = self.unit(which)
        self.link_heals(which)
        self.measure(which, count, poison=-1)
        self.tick(which, live)
        for _ in range(4):
            while unit.up:
                self.batch_arrives(which, 0, twice=False)
            while unit.down:
                self.ack_arrives(which, 0, twice=False)

    @rule(seconds=st.sampled_from([0.1, 5.0, 13.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(which=st.integers(0, 3), index=st.integers(0, 50), twice=st.booleans())
    def batch_arrives(self, which: int, index: int, twice: bool) -> None:
        unit = self.unit(which)
        if unit.up:
            data = unit.up[index % len(unit.up)] if twice else unit.up.pop(index % len(unit.up))
            unit.down.append(self.database.take(data))

    @rule(which=st.integers(0, 3), index=st.integers(0, 50), twice=st.booleans())
    def ack_arrives(self, which: int, index: int, twice: bool) -> None:
        unit = self.unit(which)
        if unit.down:
            at = index % len(unit.down)
            unit.hear(unit.down[at] if twice else unit.down.pop(at), self.now_s)
            unit.send(self.now_s, live=False)

    @rule(which=st.integers(0, 3), index=st.integers(0, 50), ack=st.booleans())
    def message_is_lost(self, which: int, index: int, ack: bool) -> None:
        unit = self.unit(which)
        bag = unit.down if ack else unit.up
        if bag:
            bag.pop(index % len(bag))

    @rule(which=st.integers(0, 3), wiped=st.booleans())
    def link_breaks(self, which: int, wiped: bool) -> None:
        unit = self.unit(which)
        unit.sender.disconnected()
        if wiped:
            unit.up, unit.down = [], []

    @rule(which=st.integers(0, 3))
    def link_heals(self, which: int) -> None:
        self.unit(which).sender.connected()

    @rule(which=st.integers(0, 3))
    def power_is_cut(self, which: int) -> None:
        unit = self.unit(which)
        image = unit.image
        self.images.append(image)
        unit.switch_off()
        unit.start(image)

    @precondition(lambda self: self.images)
    @rule(which=st.integers(0, 3), index=st.integers(0, 50))
    def old_image_is_restored(self, which: int, index: int) -> None:
        self.unit(which).switch_off()
        self.unit(which).start(self.images[index % len(self.images)])

    @precondition(lambda self: len(self.units) < 3)
    @rule(which=st.integers(0, 3))
    def image_is_cloned(self, which: int) -> None:
        self.add_unit(self.unit(which).image)

    @rule(which=st.integers(0, 3))
    def image_is_lost(self, which: int) -> None:
        self.unit(which).switch_off()
        self.unit(which).start({})

    @rule(which=st.integers(0, 3), how=st.sampled_from([RELEASE, CUT, THIN, THIN]))
    def buffer_runs_full(self, which: int, how: str) -> None:
        unit = self.unit(which)
        unit.commit()
        unit.make_room(how)

    @rule(which=st.integers(0, 3))
    def window_is_open(self, which: int) -> None:
        """The sampler has not decided on its newest fix."""
        unit = self.unit(which)
        self.clock_ms += 1000
        unit.buffer.set_open_end(Fix(self.clock_ms, 47_000_500, 8_000_000))
        unit.commit()

    @rule(which=st.integers(0, 3), readable=st.booleans())
    def disk_fails(self, which: int, readable: bool) -> None:
        self.unit(which).disk_fails(readable=readable)

    @rule(which=st.integers(0, 3))
    def disk_returns(self, which: int) -> None:
        self.unit(which).disk_returns()

    @rule()
    def backup_is_made(self) -> None:
        self.backups.append(copy.deepcopy(self.database))

    @precondition(lambda self: self.backups)
    @rule(index=st.integers(0, 50))
    def backup_is_restored(self, index: int) -> None:
        self.database = copy.deepcopy(self.backups[index % len(self.backups)])

    def teardown(self) -> None:
        if hasattr(self, "units"):
            try:
                self.drain()
                self.check_accounts()
            finally:
                for unit in self.units:
                    unit.switch_off()
                self.folder.cleanup()

    def drain(self) -> None:
        """Let everything in flight be lost, then let every unit send until it has nothing left."""
        for unit in self.units:
            unit.disk_returns()
            unit.commit()
            unit.up, unit.down = [], []
            unit.sender.connected()
        quiet_rounds = 0
        for _ in range(3000):
            self.now_s += 15
            busy = False
            for unit in self.units:
                self.clock_ms += 1000
                unit.live = Fix(self.clock_ms, 47_000_000, 8_000_000)
                unit.send(self.now_s, live=True)
                while unit.up:
                    unit.hear(self.database.take(unit.up.pop(0)), self.now_s)
                busy = busy or unit.sender.backlog > 0
            quiet_rounds = 0 if busy else quiet_rounds + 1
            if quiet_rounds == 3:
                return
        pytest.fail("the backlog does not drain")

    def check_accounts(self) -> None:
        stored = {(stream, seq): fix for stream, seq, fix in self.database.rows}
        assert len(stored) == len(self.database.rows), "something is stored twice"
        for key, fix in stored.items():
            assert self.truth.get(key) == fix, "something is stored that was not measured"
        thinned = set().union(*(unit.thinned for unit in self.units))
        given_up = self.database.gaps | thinned  # by this unit, or by one with a copy of its image
        for unit in self.units:
            for key, fix in unit.held().items():
                assert stored.get(key) == fix or key in given_up, "held, not delivered"
        order: dict[bytes, int] = {}
        for stream, seq, _ in self.database.rows:
            assert order.get(stream, 0) < seq, "out of order within a stream"
            order[stream] = seq
        numbers = stored.keys() | given_up
        for stream, last_seq in self.database.last_seq.items():
            for seq in range(1, last_seq + 1):
                assert (stream, seq) in numbers, "a number is not accounted for"
            assert not stored.keys() & self.database.gaps, "a gap holds a stored number"


@pytest.fixture(autouse=True)
def small_evictions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a full buffer give up two rows at a time and thin four, so that streams are met half."""
    make_evictions_small(monkeypatch)


@pytest.fixture(autouse=True)
def no_logs(caplog: pytest.LogCaptureFixture) -> None:
    """The buffer says each time that its disk fails, which here it does all the time."""
    caplog.set_level(logging.CRITICAL)


def make_evictions_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """See the fixture."""
    monkeypatch.setattr(room, "FREED_ROWS", 2)
    monkeypatch.setattr(room, "BLOCK_ROWS", 4)
    monkeypatch.setattr(room, "SPARED_ROWS", 0)


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(
    max_examples=500,
    stateful_step_count=50,
    derandomize="CI" in os.environ,  # CI repeats one walk; every other run takes new ones
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


Step = tuple[str, dict[str, Any]]


def well(count: int) -> Step:
    """Name a healthy stretch of the first unit."""
    return "all_goes_well", {"which": 0, "count": count, "live": False}


def full(how: str) -> Step:
    """Name a full buffer of the first unit."""
    return "buffer_runs_full", {"which": 0, "how": how}


FOUND: dict[str, list[Step]] = {
    "the run before one without a fix was not named": [
        ("backup_is_made", {}),
        *[well(1), well(1), well(1)],
        ("backup_is_restored", {"index": 0}),
        full(RELEASE),
        ("power_is_cut", {"which": 0}),
        ("image_is_cloned", {"which": 0}),
        ("image_is_lost", {"which": 0}),
    ],
    "cutting undelivered rows took delivered ones along": [
        ("backup_is_made", {}),
        *[well(1), well(1)],
        ("backup_is_restored", {"index": 0}),
        ("power_is_cut", {"which": 0}),
        full(CUT),
    ],
    "a batch without fixes spoke of a gap that its pointer stood in": [
        ("measure", {"which": 0, "count": 3, "poison": 2}),
        ("measure", {"which": 0, "count": 1, "poison": 0}),
        well(2),
        full(CUT),
        well(1),
        ("tick", {"which": 0, "live": True}),
        well(1),
    ],
    "a released run overlapped a cut one": [
        ("backup_is_made", {}),
        *[well(1), well(3)],
        ("power_is_cut", {"which": 0}),
        full(CUT),
        well(1),
        ("backup_is_restored", {"index": 0}),
        full(RELEASE),
        well(1),
    ],
}


@pytest.mark.parametrize("name", FOUND)
def test_delivery_holds_where_it_once_failed(name: str) -> None:
    """Each history that the model once found to lose or double a fix now comes out right."""
    machine = Delivery()
    machine.begin(seed=0)
    for rule_name, arguments in FOUND[name]:
        getattr(machine, rule_name)(**arguments)
    machine.teardown()
