"""One unit on the event loop: its vehicle, its link, and the moments at which it does something.

It carries what happens from one to the other: ticks and answers to the vehicle, batches to the
link; and it keeps the link up, with the agent's waits, while the unit runs and has a network.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.fleet.figures import Tally
from milepost_firmware_sim.fleet.link import Link
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import STREAM_BYTES
from milepost_schemas.topics import Channel

# Between two attempts to connect a unit waits so long, doubling, a third more or less.
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 8.0
# How often a link is probed; well below the keepalive.
_TEND_S = 5.0

_VERSION = "sim"


class Turnstile:
    """Lets so many through in a second, one after the other."""

    def __init__(self, per_s: float) -> None:
        self._step_s = 1.0 / per_s
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait for my turn."""
        now_s = asyncio.get_running_loop().time()
        self._next_s = max(self._next_s + self._step_s, now_s)
        await asyncio.sleep(self._next_s - now_s)


@dataclass(frozen=True, slots=True)
class Road:
    """What all units share.

    Attributes:
        loop: The event loop.
        host: Of the broker.
        port: Of the broker.
        every_s: Seconds between two ticks.
        instant: Says which instant it is now.
        note: Takes what was committed, before it is sent.
        tally: Counts.
        chance: Draws waits.
        threads: Where connections are made.
        turnstile: Paces them.
    """

    loop: asyncio.AbstractEventLoop
    host: str
    port: int
    every_s: float
    instant: Callable[[], int]
    note: Callable[[Vehicle, list[KeptFix]], None] | None
    tally: Tally
    chance: Random
    threads: Executor
    turnstile: Turnstile


class Unit:
    """One unit.

    Attributes:
        vehicle: What it decides with.
        is_up: Batches can be sent.
    """

    def __init__(self, vehicle: Vehicle, road: Road) -> None:
        self.vehicle = vehicle
        self.is_up = False
        self._road = road
        self._link = Link(vehicle.address, self, road.loop)
        self._driving = True
        self._alive = False
        self._covered = True
        self._was_up = False
        self._wait_s = FIRST_WAIT_S
        self._connecting: asyncio.Task[None] | None = None
        self._due_timer: asyncio.TimerHandle | None = None

    def begin(self, share: float) -> None:
        """Start the agent; its first tick comes after this share of the time between two."""
        first_s = self._road.loop.time() + share * self._road.every_s
        self._road.loop.call_at(first_s, self._tick, first_s)
        self._road.loop.call_later(share * _TEND_S, self._tend)
        self.start_agent()

    def start_agent(self) -> None:
        """Start the agent, or start it again after `kill_agent`."""
        self._alive = True
        self.vehicle.start(secrets.token_bytes(STREAM_BYTES), self._road.instant() + 1)
        self._seek(0.0)

    def kill_agent(self) -> None:
        """End the agent as SIGKILL does."""
        self._alive = False
        self.vehicle.crash(self._road.instant())
        self._hang_up()

    def lose_network(self) -> None:
        """Cut the link, and let none be made until `find_network`."""
        self._covered = False
        self._road.tally.outages += 1
        self._hang_up()

    def find_network(self) -> None:
        """Let links be made again."""
        self._covered = True
        self._seek(0.0)

    def park(self) -> None:
        """Make no more fixes; what is committed is still delivered."""
        self._driving = False

    def say_goodbye(self) -> None:
        """Stop for good: say so, and close the link."""
        self._alive = False
        if self._connecting is not None:
            self._connecting.cancel()
        elif self.is_up:
            self._link.publish(Channel.STATUS, self.vehicle.goodbye(), retain=True)
            self._link.close()
        else:
            self._link.cut()

    @property
    def is_closed(self) -> bool:
        """There is no connection."""
        return not self._link.is_open

    # What the link tells.

    def came_up(self) -> None:
        """The link can be used."""
        tally = self._road.tally
        tally.connects += 1
        tally.reconnects += self._was_up
        self.is_up = self._was_up = True
        self._wait_s = FIRST_WAIT_S
        self._link.publish(Channel.STATUS, self.vehicle.greeting(_VERSION), retain=True)
        self.vehicle.connected()
        self._send(live=False)

    def went_down(self, reason: str) -> None:
        """The link is lost, or could not be made."""
        if not self.is_up:
            self._road.tally.refusals += 1
        self.is_up = False
        self.vehicle.disconnected()
        if self._wanted:
            self._road.tally.trouble = reason
            self._seek_later()

    def answered(self, data: bytes) -> None:
        """An ack has come."""
        if self._alive:
            self.vehicle.hear(data, self._road.loop.time())
            self._send(live=False)

    # What the time brings.

    def _tick(self, when_s: float) -> None:
        if not self._driving:
            return
        next_s = max(when_s + self._road.every_s, self._road.loop.time())
        self._road.loop.call_at(next_s, self._tick, next_s)
        if self._alive:
            count = self.vehicle.tick(self._road.instant())
            if self._road.note is not None and count:
                self._road.note(self.vehicle, self.vehicle.committed_last(count))
            self._send(live=count > 0)

    def _tend(self) -> None:
        self._road.loop.call_later(_TEND_S, self._tend)
        self._link.tend()

    def _send(self, *, live: bool) -> None:
        if not self.is_up:
            return
        data = self.vehicle.outgoing(self._road.loop.time(), live=live)
        if data is not None:
            self._link.publish(Channel.UP, data)
        self._watch_due()

    def _watch_due(self) -> None:
        """Have a look when an answer is overdue; a timer that comes too early is set anew."""
        due_s = self.vehicle.due_s()
        if due_s is not None and self._due_timer is None:
            self._due_timer = self._road.loop.call_at(due_s, self._look)

    def _look(self) -> None:
        self._due_timer = None
        self._send(live=False)

    # The way to a link, and away from it.

    def _hang_up(self) -> None:
        if self._connecting is None:  # else a thread has the link, and `_connect` cuts it then
            self._link.cut()
        self.is_up = False
        self.vehicle.disconnected()

    @property
    def _wanted(self) -> bool:
        return self._alive and self._covered

    def _seek_later(self) -> None:
        wait_s = self._wait_s * self._road.chance.uniform(2 / 3, 4 / 3)
        self._wait_s = min(self._wait_s * 2, MAX_WAIT_S)
        self._seek(wait_s)

    def _seek(self, wait_s: float) -> None:
        if self._wanted and self._connecting is None:
            self._connecting = self._road.loop.create_task(self._connect(wait_s))
            self._connecting.add_done_callback(_tell_failure)

    async def _connect(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        await self._road.turnstile.turn()
        if not self._wanted:
            self._connecting = None
            return
        stream, failed = self.vehicle.stream, None
        try:
            await self._road.loop.run_in_executor(
                self._road.threads,
                self._link.connect,
                self._road.host,
                self._road.port,
                self.vehicle.will(),
            )
        except OSError as error:
            failed = error.strerror or str(error)
        self._connecting = None
        if failed is not None:
            self.went_down(failed)
        elif self._wanted and stream == self.vehicle.stream:
            self._link.watch()
        else:
            self._link.cut()  # while it was made, the agent died or the network went
            self._seek(0.0)


def _tell_failure(task: asyncio.Task[None]) -> None:
    """Raise what ended a task, where the loop's handler hears it."""
    if not task.cancelled():
        task.result()
