"""All units on one event loop: they set out, drive, meet their mishaps, deliver the rest, and go.

One thread does everything but the TCP handshakes. The units' ticks are spread evenly over the time
between two, as those of real vehicles are.
"""

import asyncio
import gc
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.fleet.figures import Driven, Tally
from milepost_firmware_sim.fleet.mishap import Kind, Mishap
from milepost_firmware_sim.fleet.track import Beat
from milepost_firmware_sim.fleet.truth import TruthFile
from milepost_firmware_sim.fleet.unit import Road, Turnstile, Unit
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_schemas.fix import KeptFix

# A broker accepts several thousand in a second; its queue of those that knock holds a hundred.
_CONNECTS_PER_S = 500.0
_CONNECTING_AT_ONCE = 16
# How often the convoy is looked at while it drives, and while it is waited for.
_LOOK_S = 0.5
_WATCH_S = 0.1
_FAREWELL_S = 5.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a convoy drives.

    Attributes:
        host: Of the broker.
        port: Of the broker.
        seconds: How long vehicles make fixes.
        every_s: Seconds between two commits of a vehicle.
        beat: When there are fixes.
        drain_s: How long to wait at the end until everything is acknowledged.
        seed: Of the waits.
    """

    host: str
    port: int
    seconds: float
    every_s: float
    beat: Beat
    drain_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of a convoy on its way.

    Attributes:
        phase: `driving` or `draining`.
        elapsed_s: Since the begin of the phase.
        lasts_s: How long the phase may last.
        up: Vehicles that can send.
        backlog: Fixes not known to be stored.
    """

    phase: str
    elapsed_s: float
    lasts_s: float
    up: int
    backlog: int


class Convoy:
    """All units of a run.

    Args:
        vehicles: Their logic.
        course: How they drive.
        tally: What the vehicles count in.
        clock: Gives the time of fixes.
        truth: Where to write what is committed, or None.
        show: Called a few times a second.
    """

    def __init__(
        self,
        vehicles: Sequence[Vehicle],
        course: Course,
        tally: Tally,
        clock: Clock,
        truth: TruthFile | None,
        show: Callable[[Sight], None],
    ) -> None:
        self._vehicles = vehicles
        self._course = course
        self._tally = tally
        self._clock = clock
        self._truth = truth
        self._show = show
        self._units: list[Unit] = []
        self._cpu_before_s = 0.0
        self._planned: list[asyncio.TimerHandle] = []
        self._lasting: dict[Mishap, asyncio.TimerHandle] = {}
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self, mishaps: Sequence[Mishap]) -> Driven:
        """Drive, deliver what is left, say goodbye.

        SIGINT or SIGTERM end the drive, a second one the wait for the rest.

        Raises:
            TruthError: The truth cannot be written.
        """
        loop, course = asyncio.get_running_loop(), self._course
        loop.set_exception_handler(self._fail)
        threads = ThreadPoolExecutor(_CONNECTING_AT_ONCE, thread_name_prefix="connect")
        try:
            with _signals(loop, self._stop):
                self._set_out(loop, threads, mishaps)
                driven_s = await self._look_on("driving", course.seconds, _LOOK_S, lambda: False)
                batches, acks, cpu_s = self._tally.batches, self._tally.acks, _cpu_s()
                self._park()
                drained_s = await self._look_on(
                    "draining", course.drain_s, _WATCH_S, self._is_drained
                )
                rest = self._backlog()
                await self._say_goodbye()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        return Driven(
            driven_s=driven_s,
            batches=batches,
            acks=acks,
            cpu_s=cpu_s - self._cpu_before_s,
            drained_s=None if rest else drained_s,
            acknowledged=sum(vehicle.acknowledged for vehicle in self._vehicles),
            backlog=rest,
        )

    def _set_out(
        self, loop: asyncio.AbstractEventLoop, threads: Executor, mishaps: Sequence[Mishap]
    ) -> None:
        course, clock = self._course, self._clock
        begin_s, begin_loop_s, factor = clock.now_s(), loop.time(), clock.timescale.factor
        road = Road(
            loop=loop,
            host=course.host,
            port=course.port,
            every_s=course.every_s,
            # The loop's clock never jumps, so neither do the instants.
            instant=lambda: course.beat.instant(begin_s + (loop.time() - begin_loop_s) * factor),
            note=None if self._truth is None else self._note,
            tally=self._tally,
            chance=Random(course.seed),  # noqa: S311 - spreads waits, not a secret
            threads=threads,
            turnstile=Turnstile(_CONNECTS_PER_S),
        )
        self._units = [Unit(vehicle, road) for vehicle in self._vehicles]
        # What stands now stays: looking through it for garbage costs a tenth of a second.
        gc.collect()
        gc.freeze()
        self._cpu_before_s = _cpu_s()
        for number, unit in enumerate(self._units):
            unit.begin(number / len(self._units))
        self._planned = [loop.call_later(one.begin_s, self._befall, one) for one in mishaps]

    async def _look_on(
        self, phase: str, lasts_s: float, pause_s: float, done: Callable[[], bool]
    ) -> float:
        """Show the phase until it is over, and return how long it took."""
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        self._stop.clear()
        while True:
            elapsed_s = loop.time() - begin_s
            up = sum(unit.is_up for unit in self._units)
            self._show(Sight(phase, elapsed_s, lasts_s, up, self._backlog()))
            if self._failure is not None:
                raise self._failure
            if self._stop.is_set() or elapsed_s >= lasts_s or done():
                return elapsed_s
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause_s, lasts_s - elapsed_s)):
                    await self._stop.wait()

    def _park(self) -> None:
        """End the drive and every mishap."""
        for handle in self._planned:
            handle.cancel()
        for mishap in list(self._lasting):
            self._mend(mishap)
        for unit in self._units:
            unit.park()

    async def _say_goodbye(self) -> None:
        for unit in self._units:
            unit.say_goodbye()
        until_s = asyncio.get_running_loop().time() + _FAREWELL_S
        while not all(unit.is_closed for unit in self._units):
            if asyncio.get_running_loop().time() >= until_s:
                return
            await asyncio.sleep(0.01)

    def _befall(self, mishap: Mishap) -> None:
        unit = self._units[mishap.vehicle]
        match mishap.kind:
            case Kind.CRASH:
                unit.kill_agent()
            case Kind.OUTAGE:
                unit.lose_network()
        lasts_s = mishap.end_s - mishap.begin_s
        loop = asyncio.get_running_loop()
        self._lasting[mishap] = loop.call_later(lasts_s, self._mend, mishap)

    def _mend(self, mishap: Mishap) -> None:
        self._lasting.pop(mishap).cancel()
        unit = self._units[mishap.vehicle]
        match mishap.kind:
            case Kind.CRASH:
                unit.start_agent()
            case Kind.OUTAGE:
                unit.find_network()

    def _backlog(self) -> int:
        return sum(vehicle.backlog for vehicle in self._vehicles)

    def _is_drained(self) -> bool:
        return self._backlog() == 0

    def _note(self, vehicle: Vehicle, fixes: list[KeptFix]) -> None:
        assert self._truth is not None  # noqa: S101 - see `_set_out`
        self._truth.add(vehicle.address.device, vehicle.stream, fixes)

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback has failed: that ends the run, as it would end a program without a loop."""
        self._failure = context.get("exception") or RuntimeError(context["message"])
        self._stop.set()


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _cpu_s() -> float:
    """Return the processor time of this process so far, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
