"""The reader of NMEA 0183: a receiver's bytes to fixes.

In flow bytes at any cut, with the moment at which they were read; out flow fixes. Pure: waiting is
the caller's, who asks `quiet_at_s` how long.
"""

from collections import Counter, deque
from collections.abc import Iterator

from milepost_schemas.dating import Dating
from milepost_schemas.nmea.epoch import EpochJoiner, MadeFix, Unfixed
from milepost_schemas.nmea.framer import Framer, Reject
from milepost_schemas.nmea.order import SentenceOrder
from milepost_schemas.nmea.sentence import read_sentence

# Enough to hold all types of a cycle.
_REMEMBERED = 64


class NmeaDecoder:
    """Makes fixes of what a receiver sends.

    Args:
        dating: Knows the days.
        live: Fixes are wanted at once: an instant is closed by its last sentence, as far as the
            order of the receiver's cycle is learned, or by a quiet line. False for a file, whose
            bytes come without pauses: an instant is closed by the next one.
    """

    def __init__(self, dating: Dating, *, live: bool = True) -> None:
        self._framer = Framer()
        self._order = SentenceOrder() if live else None
        self._joiner = EpochJoiner(dating, self._order)
        self._bodies: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._heard_s = 0.0

    @property
    def sentences(self) -> int:
        """Sentences with a right checksum so far, needed or not."""
        return self._framer.sentences

    @property
    def rejects(self) -> Counter[Reject]:
        """What on the line was no sentence so far, by kind."""
        return self._framer.rejects

    @property
    def unfixed(self) -> Counter[Unfixed]:
        """Instants that became no fix so far, by reason."""
        return self._joiner.unfixed

    @property
    def late(self) -> int:
        """Sentences that came after the fix of their instant."""
        return self._joiner.late

    @property
    def again(self) -> int:
        """Sentences that said an instant again."""
        return self._joiner.again

    @property
    def heads(self) -> list[str]:
        """The heads (`GNRMC`) of the last sentences, each once, in alphabetical order."""
        return sorted({body.partition(b",")[0].decode() for body in self._bodies})

    def feed(self, data: bytes, now_s: float) -> list[MadeFix]:
        """Take bytes; return the fixes that they complete.

        Args:
            data: As the receiver sent them, at any cut.
            now_s: When they were read; monotonic seconds.
        """
        fixes: list[MadeFix] = []
        add = self._joiner.add
        for body in self._framed(data, now_s):
            reading = read_sentence(body)
            if reading is not None:
                made = add(reading, now_s)
                if made is not None:
                    fixes.append(made)
        return fixes

    def items(self, data: bytes, now_s: float) -> Iterator[bytes | MadeFix]:
        """Take bytes as `feed` does, and yield also what stood between `$` and `*` of sentences.

        A fix comes behind the sentence that completed it.
        """
        for body in self._framed(data, now_s):
            yield body
            reading = read_sentence(body)
            made = None if reading is None else self._joiner.add(reading, now_s)
            if made is not None:
                yield made

    def _framed(self, data: bytes, now_s: float) -> list[bytes]:
        self._heard_s = now_s
        bodies = self._framer.feed(data)
        self._bodies.extend(bodies)
        return bodies

    def quiet_at_s(self) -> float | None:
        """Return when the open instant is over if no further bytes come; None without one."""
        if self._order is None or not self._joiner.is_open:
            return None
        return self._heard_s + self._order.quiet_s

    def quiet(self, now_s: float) -> list[MadeFix]:
        """Take that no bytes have come until now; return the fix that this completes."""
        quiet_at_s = self.quiet_at_s()
        return self.close() if quiet_at_s is not None and now_s >= quiet_at_s else []

    def close(self) -> list[MadeFix]:
        """Take that no bytes will come; return the fix that this completes."""
        made = self._joiner.close()
        return [] if made is None else [made]
