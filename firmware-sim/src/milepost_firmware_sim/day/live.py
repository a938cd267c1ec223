"""A van's day as it happens: NMEA by the clock, for a port and not for a file.

In flows a driven round and the clock, out flow the bytes that are due. Each instant is due when the
clock reads its own time; what is past when the play begins is due at once. It is a `Play`, so that
`replay.playback` plays it into any port; the bytes are those that `milepost-sim day` writes.
"""

from collections.abc import Iterator

from milepost_firmware_sim.day.driven import DrivenDay
from milepost_firmware_sim.day.measuring import measured
from milepost_firmware_sim.day.mishaps import Mishap
from milepost_firmware_sim.plane import Projection
from milepost_firmware_sim.receiver.receiver import ReceiverOptions
from milepost_firmware_sim.replay.player import Burst
from milepost_firmware_sim.sentence_sets import epoch_sentences, start_sentences

# A reader that comes late is not given all that it missed in one piece.
_MOST_BYTES = 65_536


def spoken(
    day: DrivenDay, projection: Projection, seed: int, options: ReceiverOptions
) -> Iterator[tuple[float, bytes]]:
    """Yield the sentences of each instant, and when they are due, Unix seconds; see `measured`."""
    begin_s = day.begin_ms / 1000.0
    if head := start_sentences(options.receiver_set):
        yield begin_s, head
    for epoch in measured(day, projection, seed, options):
        sentences = epoch_sentences(epoch.measured, options.receiver_set)
        yield begin_s + epoch.truth.elapsed_s, sentences


def offline_s(day: DrivenDay) -> tuple[tuple[float, float], ...]:
    """Return from when to when the van has no network, Unix seconds."""
    begin_s = day.begin_ms / 1000.0
    return tuple(
        (begin_s + one.begin_s, begin_s + one.end_s)
        for one in day.happened
        if one.kind == Mishap.UNSENT.value
    )


class LiveDay:
    """Hands out a day as the clock goes.

    Attributes:
        played_s: Seconds of the day that are over.
    """

    def __init__(
        self,
        day: DrivenDay,
        projection: Projection,
        seed: int,
        options: ReceiverOptions,
    ) -> None:
        self.played_s = 0.0
        self._begin_s = day.begin_ms / 1000.0
        self._spoken = spoken(day, projection, seed, options)
        self._next = next(self._spoken, None)

    def step(self, now_s: float) -> Burst:
        """Return what is due at a clock reading, in Unix seconds, and when more is."""
        data = b""
        while self._next is not None and self._next[0] <= now_s and len(data) < _MOST_BYTES:
            due_s, sentences = self._next
            data += sentences
            self.played_s = due_s - self._begin_s
            self._next = next(self._spoken, None)
        return Burst(data, None if self._next is None else self._next[0])
