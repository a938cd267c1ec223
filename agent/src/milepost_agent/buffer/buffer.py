"""The buffer: every fix on disk before it is sent, and kept until there is need of the room.

In flow fixes and the effects of acks, out flow numbered fixes in order. What `commit` has returned
from survives a power cut, while the disk can be used. While it cannot, the buffer lives on in
memory, says so, and returns by itself.

Invariants:
- Only committed rows can be read, so only committed rows are sent.
- A number of a stream means one fix for ever. So each change between disk and memory begins a
  stream, and what was held in memory is written under its own stream and numbers.
- A row that is given up leaves a gap with its reason, or is counted by the row that stands for it.
- The open end that a run leaves becomes, at the next start, the only fix of a stream of its own:
  after a cut it cannot be known whether the number behind the newest one was given already (by
  commits that a damaged log has lost, or by the unit that this image was copied from).

While the disk cannot be written it may still be read: its streams are then sent from there. When it
cannot be read either, they are gone from `ledgers` until it returns.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from milepost_agent.buffer.disk import Disk
from milepost_agent.buffer.file import BufferFile, MakeRoom
from milepost_agent.buffer.health import BufferHealth
from milepost_agent.buffer.holding import Holding
from milepost_agent.buffer.on_disk import BufferOnDisk
from milepost_agent.buffer.room import tolerance_in_force
from milepost_agent.buffer.row import Measured
from milepost_agent.buffer.trouble import BufferState, DamageError, DiskError, StreamGoneError
from milepost_schemas.batch import Gap
from milepost_schemas.delivery.effect import Effect, Rewind, SetAside, Stored
from milepost_schemas.delivery.sender import Ledger
from milepost_schemas.fix import Fix, KeptFix

IN_MEMORY = ":memory:"

# Memos are rows, and rows fit a page.
MAX_MEMO_BYTES = 800

# A pointer is written no more often, to spare the disk: losing it costs a repetition.
POINTERS_EVERY_S = 60.0

_UNIT = "unit."


class Buffer:
    """The fixes that this unit holds.

    Before `begin_stream` the buffer is only read, and nothing of it is changed.

    Args:
        path: The SQLite file, or `IN_MEMORY`.
        max_bytes: Size at which room is made: delivered rows go first, oldest first; then the
            oldest history is thinned, again and again; then it is cut.
        disk_share: The file does not grow while it is more than this share of what it has and what
            is free on its disk besides; 0 to 1.
        tolerance_m: The sampler's tolerance, which thinning doubles.

    Raises:
        BufferFileError: The file is in use by another process, is no buffer, belongs to another
            version, or can never be made.
    """

    def __init__(
        self,
        path: Path | str,
        max_bytes: int = 150_000_000,
        *,
        disk_share: float = 0.5,
        tolerance_m: float = 5.0,
    ) -> None:
        self._tolerance_m = tolerance_m
        self._disk = None if path == IN_MEMORY else Disk(Path(path), max_bytes, disk_share)
        on_disk = None if self._disk is None else BufferOnDisk(self._disk, tolerance_m)
        self._holding = Holding(on_disk, max_bytes, tolerance_m)
        self._has_begun = False
        self._pending: list[Measured] = []
        self._open_end: Measured | None = None
        self._memos = _units_memos(self._holding.memos)
        self._unwritten: dict[str, bytes] = {}
        self._now_s = 0.0
        self._pointers_at_s = 0.0

    @property
    def stream(self) -> bytes:
        """The stream of this run, 8 bytes; another one after a change between disk and memory."""
        return self._holding.current.current if self._has_begun else b""

    @property
    def changed(self) -> bool:
        """Other streams are held, or can be read, than when `take_changes` was called last."""
        return bool(self._holding.changes)

    def take_changes(self) -> list[str]:
        """Return what has happened to the streams since the last call, for people."""
        changes = list(self._holding.changes)
        self._holding.changes.clear()
        return changes

    def begin_stream(self) -> bytes:
        """Begin a stream of this run, and return its 8 random bytes.

        The open end that the run before left becomes a stream of its own.

        Raises:
            BufferFileError: What is on the disk is no buffer, or of another version.
        """
        if self._has_begun:
            self._commit(self._now_s, pointers=True)
        stream = self._holding.begin()
        self._has_begun = True
        self._open_end = None
        return stream

    def add(self, fix: Fix, *, stands_for: int = 1, hole: bool = False) -> None:
        """Take a fix; it is safe and can be sent after the next `commit`."""
        self._pending.append(Measured(fix, stands_for, hole))

    def set_open_end(self, fix: Fix | None, stands_for: int = 1, hole: bool = False) -> None:
        """Take the sampler's open end: written by each commit over the one before, not numbered.

        Args:
            fix: The newest fix, where the sampler has not decided on it; None: there is none.
            stands_for: Raw fixes since the last kept one, this one included.
            hole: The receiver was silent or without a fix before it.
        """
        self._open_end = None if fix is None else Measured(fix, stands_for, hole)

    def remember(self, key: str, value: bytes) -> None:
        """Keep a small value under a name; it is written with the next commit.

        Raises:
            ValueError: Name and value are longer than `MAX_MEMO_BYTES`.
        """
        if len(key.encode()) + len(value) > MAX_MEMO_BYTES:
            raise ValueError(f"memo {key} has {len(value)} bytes, too many")
        if self._memos.get(key) != value:
            self._memos[key] = self._unwritten[_UNIT + key] = value

    def recall(self, key: str) -> bytes | None:
        """Return what was remembered under a name, by this run or one before; None: nothing."""
        return self._memos.get(key)

    def commit(self, now_s: float) -> int:
        """Write what was added and what acks said, durably.

        Where the disk cannot be used, that is done in memory, and in another stream.

        Args:
            now_s: Monotonic seconds.

        Returns:
            The newest committed number of the current stream.
        """
        self._commit(now_s, pointers=now_s >= self._pointers_at_s)
        current = self._holding.current
        return current.streams[current.current].newest

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what an ack means.

        A pointer that moved is written with a later commit, at most a minute later; all else with
        the next one.
        """
        for effect in effects:
            match effect:
                case Stored(stream, seq):
                    with suppress(StreamGoneError):
                        self._holding.file_of(stream).stored(stream, seq)
                case Rewind():
                    for file in self._holding.files:
                        file.rewind()
                case SetAside(stream):
                    with suppress(StreamGoneError):
                        self._holding.refuse(effect)

    def ledgers(self) -> list[Ledger]:
        """Return how far each held stream has come, oldest first; the last one is this run's."""
        return [held.ledger() for held in self._holding.streams().values()]

    def read(self, stream: bytes, after: int, limit: int) -> list[KeptFix]:
        """Return at most `limit` committed fixes of a stream with a number above `after`.

        Fewer than `limit` mean that there are no more. Below 0 there is no limit. Rows that are
        not what was written are left out, and become a gap.

        Raises:
            StreamGoneError: The stream is not held, or cannot be read now: nothing may be said of
                it, and `ledgers` and `take_changes` tell what is held instead.
        """
        return self._holding.read(stream, after, limit)

    def gaps(self, stream: bytes) -> list[Gap]:
        """Return the numbers of a stream that will never be sent, ascending.

        Raises:
            StreamGoneError: The stream is not held.
        """
        return list(self._holding.file_of(stream).streams[stream].gaps)

    def is_volatile(self, stream: bytes) -> bool:
        """Say whether a stream is held in memory only."""
        spare = self._holding.spare
        return self._disk is None or (spare is not None and stream in spare.streams)

    def rows(self) -> int:
        """Return the number of fixes held."""
        return sum(held.rows for held in self._holding.streams().values())

    def health(self) -> BufferHealth:
        """Say how the buffer is."""
        holding = self._holding
        tally = holding.tally()
        in_force_m = self._tolerance_m
        for file in holding.files:
            if file.has_unsent():
                in_force_m = tolerance_in_force(file.streams, file.memos, self._tolerance_m)
                break
        return BufferHealth(
            rows=self.rows(),
            bytes=self._bytes(),
            oldest_ms=self._oldest_ms(),
            state=holding.state,
            reason=holding.reason,
            thinned=tally.thinned,
            cut=tally.cut,
            damaged=tally.damaged,
            set_aside=tally.set_aside,
            tolerance_m=in_force_m,
            quarantined=() if self._disk is None else self._disk.quarantine.names(),
            sqlite_version=sqlite3.sqlite_version,
        )

    def close(self) -> None:
        """Commit, close the file and give up the lock."""
        if self._has_begun:
            self._commit(self._now_s, pointers=True)
        self._holding.close()

    def _commit(self, now_s: float, *, pointers: bool) -> None:
        self._now_s = now_s

        def write(file: BufferFile, make_room: MakeRoom) -> None:
            file.commit(
                self._pending,
                self._open_end,
                make_room=make_room,
                memos=self._unwritten,
                pointers=pointers,
            )

        self._holding.write(write, now_s)
        self._pending.clear()
        if self._holding.state in (BufferState.DISK, BufferState.MEMORY):
            self._unwritten.clear()
        if pointers:
            self._pointers_at_s = now_s + POINTERS_EVERY_S

    def _bytes(self) -> int:
        spare = self._holding.spare
        in_memory = 0 if spare is None else spare.size_bytes()
        return in_memory + (0 if self._disk is None else self._disk.files_bytes())

    def _oldest_ms(self) -> int | None:
        for file in self._holding.files:
            with suppress(DiskError, DamageError):
                oldest_ms = file.oldest_unsent_ms()
                if oldest_ms is not None:
                    return oldest_ms
        return None


def _units_memos(memos: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name.removeprefix(_UNIT): value for name, value in memos.items() if name.startswith(_UNIT)
    }
