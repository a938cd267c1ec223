"""Fences entered, left and stayed in: when a crossing is believed.

A vehicle that has crossed an edge is believed to be on the other side when it has been beyond a
margin for long enough, or far enough beyond it for less long: the distance beyond the margin is
summed over time, and drawn off again while the vehicle is on this side of it (a one-sided CUSUM:
Page, Biometrika 1954). The margin grows with the error of the fix and while the vehicle stands,
the sum that is needed with every time that it has gone to and fro without being believed: a vehicle
parked on an edge tells once what it is.

The crossing itself is where the straight way between two positions meets the edge; across a hole
nothing is interpolated, and it has the time of the position that shows it. A way that leads through
a fence between two positions outside is a passage. Who is found in a fence at its first position,
or when the fence comes into force, entered it then.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from milepost_collector.engine.fence import Fence, Purpose
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.state import FenceState
from milepost_collector.engine.telling import Kind, Telling, at, seconds
from milepost_collector.engine.tracks import USUAL_ERROR_M
from milepost_schemas.event import rfc3339

# What is needed to believe a crossing, in metre-seconds, and how much of it at most when there
# have been doubts; small fences need less.
_ENOUGH = 30.0
_ENOUGH_IN_DOUBT = 150.0
_ENOUGH_A_METRE = 0.375

# How many sigmas of a fix's error a margin is at least: inside, and outside.
_ENTER_SIGMAS, _EXIT_SIGMAS = 1.0, 2.0
_MOST_MARGIN_M = 60.0

# Who stands is not thought to cross an edge by less, in metres.
_STANDING_M = 15.0

# A passage is at least so long, in sigmas of the fixes' errors.
_PASSED_SIGMAS = 4.0

# What a position behind a hole says, it says for so long.
_STANDS_FOR_S = 5.0


class _Part(NamedTuple):
    """A part of a way on one side of an edge.

    Attributes:
        begin_ms: When it begins.
        end_ms: When it ends.
        mean_m: How far it is from the edge in the mean, negative inside.
        is_inside: On which side it lies.
        passed_m: Its length where it is the whole of a passage.
    """

    begin_ms: int
    end_ms: int
    mean_m: float
    is_inside: bool
    passed_m: float = 0.0


class Step(NamedTuple):
    """A position seen from one fence, with the one before.

    Attributes:
        begin_ms: When the one before was taken; and so the others.
        begin: Where it lies in the fence's plane; None: nothing is known of it, or a hole.
        begin_m: How far from the edge, negative inside.
        error_m: One sigma of the position.
        bend_m: How far the vehicle may have been from the straight way.
        stood_ms: Since when the vehicle has been standing for good; far ahead: it is not.
        lat_e6: Where the position is; likewise `lon_e6`.
    """

    begin_ms: int
    end_ms: int
    begin: tuple[float, float] | None
    end: tuple[float, float]
    begin_m: float
    end_m: float
    error_m: float
    bend_m: float
    stood_ms: int
    lat_e6: int
    lon_e6: int


class Edge:
    """One vehicle and one fence."""

    def __init__(
        self, held: dict[str, FenceState], fence: Fence, rules: Rules, told: Telling
    ) -> None:
        self._states = held
        self._fence = fence
        self._told = told
        self._depth_m = fence.shape.depth_m
        self._enter_m = rules.enter_margin_m
        self._exit_m = rules.exit_margin_m
        self._enough = min(_ENOUGH, self._depth_m * _ENOUGH_A_METRE)

    @property
    def known(self) -> FenceState | None:
        """What is remembered."""
        return self._states.get(self._fence.id)

    def forget(self) -> None:
        """Remember nothing more: the fence does not hold any longer."""
        self._states.pop(self._fence.id, None)

    def take(self, step: Step) -> None:
        """Take the next position."""
        known = self.known
        if known is None:
            if step.end_m > 0 and not may_pass(step):
                return
            known = self._states[self._fence.id] = FenceState(False)
            if step.begin_m <= 0:
                step = step._replace(begin=None)
        known.outlives(step.end_ms)
        if step.begin is None:
            self._appear(known, step)
        else:
            for part in self._parts(step):
                self._weigh(known, part, step)
        if known.inside:
            known.passed &= step.end_m > 0
            self._dwell(known, step)
        elif not known.outlives(step.end_ms):
            self.forget()

    def _parts(self, step: Step) -> list[_Part]:
        """Cut the way to a position where it meets the edge."""
        begin_m, end_m = step.begin_m, step.end_m
        whole = _Part(step.begin_ms, step.end_ms, (begin_m + end_m) / 2, begin_m <= 0)
        if (begin_m <= 0) == (end_m <= 0) and (begin_m <= 0 or not may_pass(step)):
            return [whole]
        assert step.begin is not None  # noqa: S101 - else there is no way
        stretches = self._fence.shape.way_inside(step.begin, step.end)
        if not stretches:
            return [whole]
        lasts_ms = step.end_ms - step.begin_ms
        first, last = (
            step.begin_ms + round(share * lasts_ms) for share in (stretches[0][0], stretches[-1][1])
        )
        if begin_m <= 0 < end_m:
            return [
                _Part(step.begin_ms, last, begin_m / 2, True),
                _Part(last, step.end_ms, end_m / 2, False),
            ]
        if end_m <= 0:
            entry = step.begin_ms + round(stretches[-1][0] * lasts_ms)
            return [
                _Part(step.begin_ms, entry, begin_m / 2, False),
                _Part(entry, step.end_ms, end_m / 2, True),
            ]
        share = (stretches[0][0] + stretches[-1][1]) / 2
        (x, y), (x_end, y_end) = step.begin, step.end
        middle = np.array([x + share * (x_end - x)]), np.array([y + share * (y_end - y)])
        deepest_m = min(0.0, float(self._fence.shape.distances_m(*middle)[0]))
        inside_m = math.dist(step.begin, step.end) * (stretches[-1][1] - stretches[0][0])
        return [
            _Part(step.begin_ms, first, begin_m / 2, False),
            _Part(first, last, deepest_m / 2, True, passed_m=inside_m),
            _Part(last, step.end_ms, end_m / 2, False),
        ]

    def _weigh(self, known: FenceState, part: _Part, step: Step) -> None:
        """Add a part of the way to the evidence for a crossing, or draw it off."""
        beyond = part.is_inside != known.inside
        if known.since_ms is None and not beyond:
            return
        if known.since_ms is None:
            known.since_ms, known.evidence = part.begin_ms, 0.0
        beyond_m = part.mean_m if known.inside else -part.mean_m
        margin_m = self._margin_m(known, step)
        known.evidence += (beyond_m - margin_m) * (part.end_ms - part.begin_ms) / 1000.0
        known.evidence = max(0.0, known.evidence)
        passed = part.passed_m >= _PASSED_SIGMAS * step.error_m and -2 * part.mean_m >= max(
            margin_m, step.bend_m
        )
        clear = passed and not known.inside and not known.doubts and step.end_ms < step.stood_ms
        if beyond and (clear or known.evidence >= self._needed(known, step)):
            self._believe(known, step, passed=part.passed_m > 0)
        elif not beyond and known.evidence == 0.0:
            known.since_ms = None
            known.doubts, known.doubted_ms = known.doubts + 1, step.end_ms

    def _appear(self, known: FenceState, step: Step) -> None:
        """Take a position of which nobody knows how the vehicle came there."""
        beyond_m = step.end_m if known.inside else -step.end_m
        if beyond_m <= 0:
            known.since_ms, known.evidence = None, 0.0
            return
        if known.since_ms is None:
            known.since_ms, known.evidence = step.end_ms, 0.0
        if step.begin_ms == step.end_ms:
            return
        more = (beyond_m - self._margin_m(known, step)) * _STANDS_FOR_S
        known.evidence = max(0.0, known.evidence + more)
        if known.evidence >= self._needed(known, step):
            self._believe(known, step, passed=False)

    def _margin_m(self, known: FenceState, step: Step) -> float:
        stood = known.since_ms is not None and known.since_ms > step.stood_ms
        standing_m = _STANDING_M if stood else 0.0
        if known.inside:
            usual_m = max(self._exit_m, _EXIT_SIGMAS * step.error_m)
            return min(usual_m, _MOST_MARGIN_M) + standing_m
        least_m = min(self._enter_m, self._depth_m / 4)
        unsure_m = _ENTER_SIGMAS * step.error_m + standing_m
        return max(least_m, min(unsure_m, self._depth_m / 2))

    def _needed(self, known: FenceState, step: Step) -> float:
        in_doubt = self._enough * (1 + known.doubts)
        return min(in_doubt, _ENOUGH_IN_DOUBT) * max(1.0, step.error_m / USUAL_ERROR_M)

    def _believe(self, known: FenceState, step: Step, *, passed: bool) -> None:
        """Take a crossing for true."""
        crossed_ms = known.since_ms
        assert crossed_ms is not None  # noqa: S101 - there is evidence for it
        evidence = {
            "edge_distance_m": round(step.end_m, 1),
            "error_m": round(step.error_m, 1),
            "beyond_s": seconds(step.end_ms - crossed_ms),
        }
        known.since_ms, known.evidence = None, 0.0
        if known.inside:
            self._tell_left(known, crossed_ms, step, {"evidence": evidence})
            known.inside, known.passed = False, False
        else:
            known.inside, known.passed, known.dwelled = True, passed, False
            known.entered_ms = crossed_ms
            self._tell_come(known, step, {"evidence": evidence})

    def _tell_come(self, known: FenceState, step: Step, more: dict[str, Any]) -> None:
        """Tell that it is in a fence, or back on its route; at a stop it may only pass by."""
        purpose = self._fence.purpose
        if purpose is Purpose.FENCE:
            more |= {"passed": known.passed}
            self._tell(Kind.ENTERED, known.entered_ms, step, more)
        elif purpose is Purpose.ROUTE and known.left:
            known.left = False
            self._tell(Kind.REJOINED, known.entered_ms, step, more)

    def _tell_left(self, known: FenceState, left_ms: int, step: Step, more: dict[str, Any]) -> None:
        """Tell that it has left a fence, its route, or a stop at which it had arrived."""
        purpose = self._fence.purpose
        inside = {"inside_s": seconds(left_ms - known.entered_ms)}
        if purpose is Purpose.FENCE:
            self._tell(Kind.EXITED, left_ms, step, more | {"passed": known.passed} | inside)
        elif purpose is Purpose.ROUTE:
            known.left = True
            self._tell(Kind.DEVIATED, left_ms, step, more)
        elif known.dwelled:
            arrived = {"arrived_at": rfc3339(known.entered_ms)}
            self._tell(Kind.DEPARTED, left_ms, step, more | arrived | inside)

    def _dwell(self, known: FenceState, step: Step) -> None:
        """Tell once who stays, unless it is leaving."""
        dwell_ms = self._fence.dwell_ms
        if dwell_ms is None or known.dwelled or known.since_ms is not None:
            return
        if step.end_ms - known.entered_ms < dwell_ms:
            return
        known.dwelled = True
        if self._fence.purpose is Purpose.STOP:
            self._tell(Kind.ARRIVED, known.entered_ms, step, {})
        else:
            since = {"entered_at": rfc3339(known.entered_ms), "dwell_s": seconds(dwell_ms)}
            self._tell(Kind.DWELLED, known.entered_ms + dwell_ms, step, since)

    def _tell(self, kind: Kind, time_ms: int, step: Step, more: dict[str, Any]) -> None:
        fence = self._fence
        names = {"name": fence.name, "plan": fence.plan, "stop": fence.stop}
        who = {"fence": fence.id} if fence.purpose is Purpose.FENCE else {}
        who |= {key: value for key, value in names.items() if value is not None}
        data = who | at(step.lat_e6, step.lon_e6) | more
        self._told.tell(kind, time_ms, step.end_ms, data, fence.id)


def may_pass(step: Step) -> bool:
    """Whether the straight way between two positions outside may lead through the fence."""
    if step.begin is None:
        return False
    return step.begin_m + step.end_m < math.dist(step.begin, step.end)
