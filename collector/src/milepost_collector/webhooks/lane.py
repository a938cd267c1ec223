"""A lane: the events of one vehicle that wait for one receiver; and lanes in line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True)
class Waiting:
    """The events of a vehicle that wait, as they are stored.

    Attributes:
        vehicle: Whose they are.
        events: How many.
        failures: How often the first of them failed, as counted.
        due_in_s: When it may be tried.
    """

    vehicle: str
    events: int
    failures: int = 0
    due_in_s: float = 0.0


@dataclass(slots=True, eq=False)
class Lane:
    """What is known of a lane.

    Attributes:
        vehicle: Whose events.
        events: How many wait.
        failures: How often the first of them failed, as counted.
        due_s: When it may be tried.
        tried_s: When it was tried last.
        anew: How often the schedule of the first of them began anew.
        anew_s: When it did so last.
        is_probed: Whether it is tried before it is due.
        line: Where it was taken from by whoever works on it; None: nobody does.
        place: Of its valid entry in a line; 0: none.
    """

    vehicle: str
    events: int = 0
    failures: int = 0
    due_s: float = 0.0
    tried_s: float = float("-inf")
    anew: int = 0
    anew_s: float = float("-inf")
    is_probed: bool = False
    line: "Line | None" = None
    place: int = 0

    def next_event(self) -> None:
        """Pass on to the next event; nothing has happened to it."""
        self.events = max(0, self.events - 1)
        self.failures = self.anew = 0


@dataclass(slots=True, eq=False)
class Line:
    """Lanes in the order in which they are due; entries that are not valid any more are passed.

    Attributes:
        busy: How many lanes that were taken from it are worked on.
    """

    busy: int = 0
    _entries: list[tuple[float, int, Lane]] = field(default_factory=list)

    def put(self, lane: Lane, place: int) -> None:
        """Put a lane in; an entry that it had elsewhere is not valid any more.

        Args:
            lane: Nobody works on it.
            place: A number that no entry has had.
        """
        lane.place = place
        heappush(self._entries, (lane.due_s, place, lane))

    def due_s(self) -> float:
        """Return when the first is due; infinity where there is none."""
        while self._entries and self._entries[0][2].place != self._entries[0][1]:
            heappop(self._entries)
        return self._entries[0][0] if self._entries else float("inf")

    def first(self) -> Lane:
        """Return the first; there is one."""
        self.due_s()
        return self._entries[0][2]

    def least_tried(self) -> Lane:
        """Return the one that was tried longest ago; there is one."""
        return min(self, key=lambda lane: lane.tried_s)

    def __iter__(self) -> Iterator[Lane]:
        return iter([lane for _, place, lane in self._entries if lane.place == place])
