"""The sentences of one moment, while they come."""

from datetime import date

from milepost_schemas.nmea.sentence import Reading
from milepost_schemas.nmea.values import Position

# The order in which sentences are asked for the place.
_PLACED = ("RMC", "GGA", "GNS", "GLL")
_DATED = ("RMC", "ZDA")
UNTIMED = frozenset({"GSA", "VTG"})


class Instant:
    """The sentences of one moment.

    Attributes:
        read_s: When the first of them was read; monotonic seconds.
        time_of_day_ms: UTC, milliseconds since midnight; None while no sentence said it.
        to_the_second: The time was written without a fraction.
        held: The first sentence of each type, in their order.
        last: The type of the last sentence.
        gsas: How many GSA it has: receivers send one for each satellite system.
        timed: One of them is of a type that states the time; it may leave it empty.
        claimed: One of them says whether there is a fix.
        void: One of them says that there is none.
        fix_ms: The time of the fix that came of it.
    """

    __slots__ = (
        "claimed",
        "fix_ms",
        "gsas",
        "held",
        "last",
        "read_s",
        "time_of_day_ms",
        "timed",
        "to_the_second",
        "void",
    )

    def __init__(self, reading: Reading, read_s: float) -> None:
        """Begin with a reading.

        Args:
            reading: What the first sentence said.
            read_s: When it was read; monotonic seconds.
        """
        kind, valid = reading.type, reading.valid
        self.read_s = read_s
        self.time_of_day_ms = reading.time_of_day_ms
        self.to_the_second = reading.to_the_second
        self.held = {kind: reading}
        self.last = kind
        self.gsas = 1 if kind == "GSA" else 0
        self.timed = kind not in UNTIMED
        self.claimed = valid is not None
        self.void = valid is False
        self.fix_ms: int | None = None

    @property
    def end(self) -> tuple[str, int]:
        """How it ends so far: the type of the last sentence, and if that is a GSA, how many."""
        return self.last, self.gsas if self.last == "GSA" else 1

    @property
    def position(self) -> Position | None:
        """The place, as the foremost sentence states it."""
        held = self.held
        for kind in _PLACED:
            if kind in held and held[kind].position is not None:
                return held[kind].position
        return None

    @property
    def day(self) -> date | None:
        """The date that one of the sentences states."""
        held = self.held
        for kind in _DATED:
            if kind in held and held[kind].day is not None:
                return held[kind].day
        return None

    def is_of(self, reading: Reading) -> bool:
        """Whether a reading of a type that states the time is of this instant.

        Times must be equal; one that is written without a fraction is of the instant of that
        second that lacks such a sentence. Receivers that do not know the time leave it empty: what
        is said so is of an instant without a fix only, and said once.
        """
        time_ms = reading.time_of_day_ms
        mine_ms = self.time_of_day_ms
        if not self.timed or (time_ms == mine_ms and time_ms is not None):
            return True
        if reading.type in self.held:
            return False
        if time_ms is None:
            return reading.valid is None or (self.void and not reading.valid)
        if mine_ms is None:
            return self.void and not reading.valid
        one_lacks_fraction = reading.to_the_second or self.to_the_second
        return one_lacks_fraction and time_ms // 1000 == mine_ms // 1000

    def hold(self, reading: Reading) -> bool:
        """Take a further reading; return whether it says more than the instant again."""
        kind = reading.type
        held = self.held.get(kind)
        if kind in UNTIMED:
            self.last = kind
            self.gsas += kind == "GSA"
            # A GSA without satellites says nothing.
            if held is None or held.dimension is None:
                self.held[kind] = reading
            return True
        if held is not None:
            return False
        self.held[kind] = reading
        self.last = kind
        self.timed = True
        if reading.valid is not None:
            self.claimed = True
            self.void = self.void or not reading.valid
        if self.time_of_day_ms is None or (self.to_the_second and not reading.to_the_second):
            self.time_of_day_ms = reading.time_of_day_ms
            self.to_the_second = reading.to_the_second
        return True
