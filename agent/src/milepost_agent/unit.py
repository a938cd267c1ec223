"""The unit's loop: waits for the receiver, the network and the tick, and carries fixes along.

One thread decides everything. Each pass of `step` waits once, then: bytes become fixes, fixes join
the buffer, at each tick the buffer commits, and what is committed is offered to the uplink.
"""

import logging
import select
from pathlib import Path
from typing import Any

from milepost_agent import __version__
from milepost_agent.buffer import Buffer
from milepost_agent.clock import Clock
from milepost_agent.config import AgentConfig
from milepost_agent.epoch import EpochJoiner, MadeFix
from milepost_agent.health import GROWTH, LatencyMeter, write_status
from milepost_agent.receiver import Receiver
from milepost_agent.sentence import Framer, Reject, read_sentence
from milepost_agent.uplink import Uplink
from milepost_schemas.delivery.sender import Effect, Stored
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix

_log = logging.getLogger(__name__)

# A line that is quiet for so long has said all of its instant.
QUIET_S = 0.25

STATUS_EVERY_S = 1.0
FAREWELL_S = 2.0


class Unit:
    """One agent, from its receiver to its uplink.

    Raises:
        ReceiverError: The port cannot be opened.
        BufferFileError: The buffer cannot be used.
    """

    def __init__(self, config: AgentConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._framer = Framer()
        self._joiner = EpochJoiner()
        self._receiver = Receiver(config.receiver.port, config.receiver.baud)
        self._buffer = Buffer(config.buffer.path, round(config.buffer.max_mb * 1e6))
        self._stream = self._buffer.begin_stream()
        self._receiver.open()
        self._uplink = Uplink(config.address, config.broker, self._buffer)
        self._latency = LatencyMeter()
        self._made = 0
        self._committed = 0
        self._stored = 0
        self._newest_fix: Fix | None = None
        self._live: Fix | None = None
        now_s = clock.monotonic_s()
        self._last_bytes_s = now_s
        self._tick_at_s = now_s + config.uplink.tick_s
        self._status_at_s = now_s
        self._quiet = True

    @property
    def wake_fd(self) -> int:
        """A byte written here ends the wait of `step`."""
        return self._uplink.wake_fd

    def start(self) -> None:
        """Begin to connect."""
        self._uplink.start()
        _log.info(
            "The agent runs. device=%s port=%s stream=%s",
            self._config.device.id,
            self._receiver.port,
            self._stream.hex(),
        )

    def step(self) -> None:
        """Wait until something is to be done, and do it.

        Raises:
            UplinkError: The network thread has ended.
        """
        self._wait()
        now_s = self._clock.monotonic_s()
        self._read(now_s)
        effects = self._uplink.handle_incidents(now_s)
        self._take_in(effects, now_s)
        ticked = now_s >= self._tick_at_s
        if ticked:
            self._tick_at_s = max(self._tick_at_s + self._config.uplink.tick_s, now_s)
            self._commit()
        self._uplink.send(now_s, self._live if ticked else None)
        if ticked:
            self._live = None
        if now_s >= self._status_at_s:
            self._status_at_s = now_s + STATUS_EVERY_S
            self._tell_status()

    def stop(self) -> None:
        """Commit what is held, offer it a last time, say goodbye and close everything."""
        now_s = self._clock.monotonic_s()
        self._read(now_s)
        self._keep(self._joiner.close())
        self._commit()
        until_s = now_s + FAREWELL_S
        while now_s < until_s and self._uplink.is_up and self._uplink.backlog:
            self._uplink.send(now_s, None)
            select.select([self._uplink.fileno()], [], [], until_s - now_s)
            now_s = self._clock.monotonic_s()
            self._take_in(self._uplink.handle_incidents(now_s), now_s)
        self._tell_status()
        self._uplink.stop()
        self._receiver.close()
        self._buffer.close()
        _log.info("The agent has stopped. committed=%d stored=%d", self._committed, self._stored)

    def _wait(self) -> None:
        now_s = self._clock.monotonic_s()
        moments = [self._tick_at_s, self._status_at_s]
        if not self._quiet:
            moments.append(self._last_bytes_s + QUIET_S)
        others = (self._receiver.reopen_at_s(), self._uplink.due_s())
        moments += [moment for moment in others if moment is not None]
        ports = [self._uplink.fileno()]
        receiver = self._receiver.fileno()
        if receiver is not None:
            ports.append(receiver)
        select.select(ports, [], [], max(0.0, min(moments) - now_s))

    def _read(self, now_s: float) -> None:
        data = self._receiver.read(now_s)
        if data:
            self._last_bytes_s = now_s
            self._quiet = False
        elif not self._quiet and now_s - self._last_bytes_s >= QUIET_S:
            self._quiet = True
            self._keep(self._joiner.close())
        for body in self._framer.feed(data) if data else ():
            try:
                reading = read_sentence(body)
            except ValueError as error:
                self._framer.rejects[Reject.UNREADABLE] += 1
                _log.debug("A sentence cannot be read. %s", error)
                continue
            if reading is not None:
                self._keep(self._joiner.add(reading, now_s))

    def _keep(self, made: MadeFix | None) -> None:
        if made is None:
            return
        self._made += 1
        self._buffer.add(made.fix, hole=made.hole)
        self._latency.read(self._made, made.read_s)
        self._newest_fix = self._live = made.fix

    def _commit(self) -> None:
        self._committed = self._buffer.commit()
        self._uplink.committed(self._committed)

    def _take_in(self, effects: list[Effect], now_s: float) -> None:
        for effect in effects:
            if isinstance(effect, Stored) and effect.stream == self._stream:
                self._stored = effect.seq
                self._latency.stored(effect.seq, now_s)

    def _tell_status(self) -> None:
        if self._config.status.path:
            write_status(Path(self._config.status.path), self._status())

    def _status(self) -> dict[str, Any]:
        fix = self._newest_fix
        return {
            "version": __version__,
            "device": self._config.device.id,
            "stream": self._stream.hex(),
            "receiver": "open" if self._receiver.is_open else "gone",
            "link": "up" if self._uplink.is_up else "down",
            "sentences": self._framer.sentences,
            "rejects": {str(reason): n for reason, n in self._framer.rejects.items()},
            "unfixed": {str(reason): n for reason, n in self._joiner.unfixed.items()},
            "fixes_made": self._made,
            "fixes_committed": self._committed,
            "fixes_stored": self._stored,
            "backlog": self._uplink.backlog,
            "uplink": dict(self._uplink.counts),
            "latency_ms": {
                "p50": self._latency.percentile_ms(0.5),
                "p99": self._latency.percentile_ms(0.99),
                "growth": GROWTH,
                "buckets": self._latency.buckets,
            },
            "fix": None
            if fix is None
            else {
                "time": rfc3339(fix.time_ms),
                "lat_deg": fix.lat_deg,
                "lon_deg": fix.lon_deg,
                "speed_mps": fix.speed_mps,
                "course_deg": fix.course_deg,
            },
        }
