"""Batches as a fleet would send them one after another: what the ingest's benchmarks are fed with.

In: a size and how many rounds. Out: the payloads of each round. Devices differ by their phase, the
part of the drawn drive that they are on; those of one phase send the same bytes.

All fixes fall into one week, so that all rows meet in one partition and its index.
"""

from dataclasses import dataclass, field, replace
from functools import cache

from milepost_collector.clock import Clock
from milepost_collector.ingest.arrival import Message
from milepost_schemas.batch import Batch, Envelope, encode_batch
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.topics import SHARDS, Address, Channel
from tests.bench.drawn import drawn_log, fixes_of

PHASES = 16

_DRIVE_MINUTES = 40
_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS

# 1970-01-01 was a Thursday; weeks of partitions begin on Mondays.
_MONDAY_MS = 4 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices that send batches of one size.

    Attributes:
        prefix: Of their names; behind it stands a number from 1 on.
        devices: How many there are.
        size: Fixes in a batch.
        begin_ms: GPS time before the first fix, milliseconds since 1970; they come once a second.
    """

    prefix: str
    devices: int
    size: int
    begin_ms: int = field(default_factory=lambda: _week_begin_ms() + 5 * _DAY_MS)

    def addresses(self) -> list[Address]:
        """Return where they are reached."""
        numbers = range(1, self.devices + 1)
        return [Address(number % SHARDS, f"{self.prefix}{number}") for number in numbers]

    def payloads(self, number: int) -> list[bytes]:
        """Return what each phase sends in a round; rounds count from 0."""
        after = number * self.size
        upto = after + self.size
        stream = f"{self.size:08}".encode()
        envelope = Envelope(stream, batch=number + 1, after=after, upto=upto, newest=upto)
        return [
            encode_batch(Batch(envelope, self._kept(phase, after + 1, upto)))
            for phase in range(PHASES)
        ]

    def sent_ms(self, seq: int) -> int:
        """Return the GPS time of a fix by its number."""
        return self.begin_ms + seq * 1000

    def messages(self, number: int) -> list[Message]:
        """Return what the collector hears of all devices in a round."""
        payloads = self.payloads(number)
        return [
            Message(address, address.topic(Channel.UP), payloads[place % PHASES])
            for place, address in enumerate(self.addresses())
        ]

    def _kept(self, phase: int, first: int, last: int) -> tuple[KeptFix, ...]:
        return tuple(
            KeptFix(seq, replace(fix_of(phase, seq), time_ms=self.sent_ms(seq)))
            for seq in range(first, last + 1)
        )


def fix_of(phase: int, seq: int) -> Fix:
    """Return where a device in a phase is at its fix with a number; the drive begins again."""
    drive = _drive()
    return drive[(phase * len(drive) // PHASES + seq) % len(drive)]


@cache
def _drive() -> list[Fix]:
    return fixes_of(drawn_log(3, _DRIVE_MINUTES))


def _week_begin_ms() -> int:
    """Return when last week began, milliseconds since 1970."""
    now_ms = Clock().now_ms()
    return now_ms - (now_ms - _MONDAY_MS) % _WEEK_MS - _WEEK_MS
