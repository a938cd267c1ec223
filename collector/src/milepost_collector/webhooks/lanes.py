"""Who is sent what next, to one receiver: a lane a vehicle, and what is known of the receiver.

In: events that wait, moments, outcomes. Out: the lane to work on. No clock, no I/O; times are
seconds on any scale that never jumps.

Invariants:
- A lane is worked on by one at a time. While its first event fails, it alone waits.
- A try that failed is made again by the schedule (`Patience`). Lanes whose event has failed get at
  most half of the workers, so that events that make a receiver hang leave room for the others.
- A receiver is *down* when nothing was taken since an answer that says so (none at all, 503, ...),
  or since events of three vehicles failed. Then one lane that has failed and one that has not are
  tried at a time; and however late its schedule says, one of those that failed is tried at least
  about every `probe_s`. Such an early try does not count against the schedule.
- The first event that a receiver takes after it was down makes all lanes due, and their schedules
  begin anew; for one event at most once an hour and three times, so that one which alone brings a
  receiver down does not circle. So a receiver that was down for a day gets all that waits within
  minutes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from milepost_collector.webhooks.lane import Lane, Line, Waiting
from milepost_collector.webhooks.schedule import Patience

# Refusals of events of so many vehicles, and nothing taken between them, are not the events' fault.
_MANY = 3

_ANEW_S = 3600.0
_MOST_ANEW = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """An event was not taken.

    Attributes:
        is_away: Whether the receiver would have taken nothing.
        waited_s: From the event's queueing to its first try.
        tried_s: Since its first try.
    """

    is_away: bool
    waited_s: float
    tried_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an event that was not taken.

    Attributes:
        failures: How often it has failed, as counted.
        delay_s: Seconds until its next try; None: it is given up.
    """

    failures: int
    delay_s: float | None


class Lanes:
    """The queue of one receiver.

    Args:
        patience: How long it is tried.
        parallel: Requests at a time.
    """

    def __init__(self, patience: Patience, parallel: int) -> None:
        self._patience = patience
        self._parallel = parallel
        self._lanes: dict[str, Lane] = {}
        self._fresh, self._failed = Line(), Line()
        self._places = 0
        self._failing: set[str] = set()
        self._is_away = False
        self._probes = 0
        self._probe_s = float("inf")
        self._hold_s = float("-inf")

    @property
    def is_down(self) -> bool:
        """Whether nothing gets through."""
        return self._is_away or len(self._failing) >= _MANY

    @property
    def ready(self) -> int:
        """How many events wait in lanes whose first has not failed."""
        return sum(lane.events for lane in self._lanes.values() if not lane.failures)

    def load(self, waiting: Sequence[Waiting], now_s: float, draw: float) -> None:
        """Take over what is stored, instead of what was known of lanes that nobody works on.

        Where something had failed, nobody knows how the receiver is by now: it is tried soon.
        """
        is_first = not self._lanes
        for vehicle in self._lanes.keys() - {each.vehicle for each in waiting}:
            self._lanes[vehicle].events = 0
            self._settle(self._lanes[vehicle])
        for each in waiting:
            lane = self._lane(each.vehicle)
            lane.events = each.events
            if lane.line is None:
                lane.failures = each.failures
                lane.due_s = now_s + each.due_in_s
                self._settle(lane)
        if is_first and any(each.failures for each in waiting):
            self._is_away = True
            self._probe_s = now_s + self._patience.probe_delay_s(1, draw)

    def add(self, added: Iterable[tuple[str, int]], now_s: float) -> None:
        """Take vehicles and how many events more wait."""
        for vehicle, events in added:
            lane = self._lane(vehicle)
            is_new = lane.events == 0
            lane.events += events
            if is_new and lane.line is None:
                lane.due_s = now_s
                self._settle(lane)

    def pick(self, now_s: float) -> str | None:
        """Return the vehicle whose lane is to be worked on, if there is one; it is busy then."""
        fresh_at_s, failed_at_s, probe_at_s = self._next_s()
        if min(fresh_at_s, failed_at_s, probe_at_s) > now_s:
            return None
        if failed_at_s <= now_s:
            return self._take(self._failed, self._failed.first())
        if fresh_at_s <= now_s:
            return self._take(self._fresh, self._fresh.first())
        lane = self._failed.least_tried()
        lane.is_probed = True
        return self._take(self._failed, lane)

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until `pick` may have one without an outcome before; 0 or more."""
        return max(0.0, min(self._next_s()) - now_s)

    def taken(self, vehicle: str, now_s: float) -> None:
        """Hear that the receiver has taken the first event of a lane."""
        lane = self._lanes[vehicle]
        lane.next_event()
        if self.is_down:
            self._begin_anew(now_s)
        self._failing.clear()
        self._is_away = False
        self._probes = 0

    def failed(self, vehicle: str, failure: Failure, now_s: float, draw: float) -> Verdict:
        """Hear that the receiver has not taken the first event of a lane.

        Args:
            vehicle: Whose lane.
            failure: What is known of it.
            now_s: Now.
            draw: Random, 0 to 1.
        """
        lane = self._lanes[vehicle]
        was_down = self.is_down
        self._failing.add(vehicle)
        self._is_away = self._is_away or failure.is_away
        if self.is_down:
            self._probes += 1
            self._probe_s = now_s + self._patience.probe_delay_s(self._probes, draw)
        lane.tried_s = now_s
        if lane.is_probed and now_s < lane.due_s:
            return Verdict(lane.failures, lane.due_s - now_s)
        lane.failures += 1
        if self._patience.is_over(
            lane.failures, failure.waited_s, failure.tried_s, is_down=was_down
        ):
            verdict = Verdict(lane.failures, None)
            lane.next_event()
            return verdict
        delay_s = self._patience.delay_s(lane.failures, draw)
        lane.due_s = now_s + delay_s
        return Verdict(lane.failures, delay_s)

    def hold(self, until_s: float) -> None:
        """Send nothing until then: the receiver asked for it."""
        self._hold_s = max(self._hold_s, until_s)

    def release(self, vehicle: str, now_s: float) -> None:
        """Hear that nobody works on a lane any more."""
        lane = self._lanes[vehicle]
        if lane.line is not None:
            lane.line.busy -= 1
        lane.line = None
        lane.is_probed = False
        if not lane.failures:
            lane.due_s = now_s
        self._settle(lane)

    def _next_s(self) -> tuple[float, float, float]:
        """Return when a fresh lane, one that has failed, and an early try of such may be next."""
        fresh_at_s = failed_at_s = probe_at_s = float("inf")
        if self._fresh.busy + self._failed.busy < self._parallel:
            most_fresh = 1 if self.is_down else self._parallel
            most_failed = 1 if self.is_down else max(1, self._parallel // 2)
            if self._fresh.busy < most_fresh:
                fresh_at_s = max(self._fresh.due_s(), self._hold_s)
            if self._failed.busy < most_failed:
                failed_at_s = max(self._failed.due_s(), self._hold_s)
            if self.is_down and self._failed.busy == 0 and self._failed.due_s() < float("inf"):
                probe_at_s = max(self._probe_s, self._hold_s)
        return fresh_at_s, failed_at_s, probe_at_s

    def _take(self, line: Line, lane: Lane) -> str:
        line.busy += 1
        lane.line = line
        lane.place = 0
        return lane.vehicle

    def _begin_anew(self, now_s: float) -> None:
        """Make all lanes due that have failed, where that was not just done."""
        for lane in self._failed:
            if lane.anew < _MOST_ANEW and now_s >= lane.anew_s + _ANEW_S:
                lane.anew += 1
                lane.anew_s = lane.due_s = now_s
                lane.failures = 0
                self._settle(lane)

    def _lane(self, vehicle: str) -> Lane:
        lane = self._lanes.get(vehicle)
        if lane is None:
            lane = self._lanes[vehicle] = Lane(vehicle)
        return lane

    def _settle(self, lane: Lane) -> None:
        """Put a lane that nobody works on where it belongs; an empty one nowhere."""
        if lane.line is not None:
            return
        if lane.events == 0:
            lane.place = 0
            self._lanes.pop(lane.vehicle, None)
            return
        self._places += 1
        (self._failed if lane.failures else self._fresh).put(lane, self._places)
