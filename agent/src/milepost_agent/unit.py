"""The unit's loop: waits for the receiver, the network and the tick, and carries fixes along.

One thread decides everything. Each pass of `step` waits once, then: bytes become fixes, those worth
keeping join the buffer, at each tick the buffer commits, and what is committed is offered to the
uplink.
"""

import logging
import select
from pathlib import Path

from milepost_agent import BUILD_DAY
from milepost_agent.board import Power, boot_id, read_power
from milepost_agent.buffer import Buffer, BufferState
from milepost_agent.clock import Clock
from milepost_agent.config import AgentConfig
from milepost_agent.dating import LiveDating
from milepost_agent.health import Announcer, Condition
from milepost_agent.keeping import Keeping
from milepost_agent.latency import LatencyMeter
from milepost_agent.pace import Pace
from milepost_agent.receiver import Receiver
from milepost_agent.report import Report
from milepost_agent.time_memory import TimeMemory
from milepost_agent.uplink import Uplink
from milepost_agent.uplink.trust import Trust
from milepost_schemas.delivery.effect import Effect, Stored

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
FAREWELL_S = 2.0


class Unit:
    """One agent, from its receiver to its uplink.

    Raises:
        ReceiverError: The port can never be opened.
        BufferFileError: The buffer cannot be used.
        TrustError: A certificate file cannot be used.
    """

    def __init__(self, config: AgentConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        now_s = clock.monotonic_s()
        self._buffer = _opened(config)
        self._memory = TimeMemory(self._buffer)
        # Another scale of time is another counter, as another boot is.
        boot = boot_id() + clock.line
        self._dating = LiveDating(BUILD_DAY, boot, self._memory.recalled(), clock.factor)
        self._receiver = Receiver(config.receiver.port, config.receiver.baud, self._dating)
        trust = Trust(config.broker, self._best_time_s) if config.broker.ca_file else None
        self._stream = self._buffer.begin_stream()
        self._uplink = Uplink(config.address, config.broker, self._buffer, trust)
        self._latency = LatencyMeter()
        self._keeping = Keeping(config.sampling, self._buffer, self._latency)
        uplink = config.uplink
        self._pace = Pace(uplink.tick_s, uplink.parked_tick_s, uplink.send_every_s, now_s)
        self._report = Report(
            config,
            self._receiver,
            self._keeping,
            self._buffer,
            self._uplink,
            self._latency,
            now_s,
        )
        self._announcer = Announcer(config.uplink.status_every_s)
        self._power = Power()
        self._live_is_new = False
        self._sending_upto: int | None = None
        self._look_at_s = now_s

    @property
    def wake_fd(self) -> int:
        """A byte written here ends the wait of `step`."""
        return self._uplink.wake_fd

    def start(self) -> None:
        """Begin to connect."""
        self._uplink.start()
        _log.info(
            "The agent runs. device=%s port=%s stream=%s sqlite=%s",
            self._config.device.id,
            self._config.receiver.port,
            self._stream.hex(),
            self._buffer.health().sqlite_version,
        )

    def step(self) -> None:
        """Wait until something is to be done, and do it.

        Raises:
            UplinkError: The network thread has ended.
        """
        self._wait()
        now_s = self._clock.monotonic_s()
        self._read(now_s)
        self._listen(now_s)
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_EVERY_S
            self._look(now_s)
        if now_s >= self._pace.due_s:
            self._tick(now_s)
        elif self._pace.may_send(now_s):
            self._uplink.send(now_s, None)

    def stop(self) -> None:
        """Commit what is held, offer it a last time, say goodbye and close everything."""
        now_s = self._clock.monotonic_s()
        self._read(now_s)
        for made in self._receiver.finish(now_s):
            self._keeping.take(made)
        self._keeping.close()
        self._commit(now_s)
        until_s = now_s + FAREWELL_S
        while now_s < until_s and self._uplink.is_up and self._uplink.backlog:
            self._uplink.send(now_s, None)
            select.select([self._uplink.fileno()], [], [], until_s - now_s)
            now_s = self._clock.monotonic_s()
            self._listen(now_s)
        self._tell_status(self._report.condition(self._power, now_s), now_s)
        self._uplink.stop("asleep" if self._power.ignition is False else "stopped")
        self._receiver.close()
        self._buffer.close()
        _log.info(
            "The agent has stopped. committed=%d stored=%d",
            self._keeping.committed,
            self._report.stored,
        )

    def _wait(self) -> None:
        now_s = self._clock.monotonic_s()
        moments = [self._pace.due_s, self._look_at_s]
        # While nothing may be sent, the next tick is early enough for the uplink.
        uplink_due_s = self._uplink.due_s(now_s) if self._pace.may_send(now_s) else None
        others = (self._receiver.due_s(), uplink_due_s)
        moments += [moment for moment in others if moment is not None]
        ports = [self._uplink.fileno()]
        receiver = self._receiver.fileno()
        if receiver is not None:
            ports.append(receiver)
        select.select(ports, [], [], max(0.0, min(moments) - now_s))

    def _read(self, now_s: float) -> None:
        for made in self._receiver.read(now_s):
            was_parked = self._keeping.is_parked
            if self._keeping.take(made):
                self._pace.hurry()
            elif was_parked and not self._keeping.is_parked:
                self._pace.as_moving()
            if not self._report.has_fix(now_s):
                self._look_at_s = now_s  # silence ends, which is worth telling at once
            self._live_is_new = True
            self._report.made(made.fix, made.read_s, self._clock.now_s())

    def _listen(self, now_s: float) -> None:
        news = self._uplink.news(now_s)
        if news.came_up:
            self._announcer.reconnected()
            self._pace.hurry(send=True)
            self._look_at_s = now_s
            self._live_is_new = self._keeping.newest is not None
        if news.server_time_ms is not None:
            self._dating.server_heard(news.server_time_ms, now_s)
        self._take_in(news.effects, now_s)
        self._rest(now_s)

    def _take_in(self, effects: list[Effect], now_s: float) -> None:
        for effect in effects:
            if isinstance(effect, Stored) and effect.stream == self._buffer.stream:
                self._report.stored = effect.seq
                self._latency.stored(effect.seq, now_s)

    def _look(self, now_s: float) -> None:
        """Look at the board, and tell how everything is where that is due."""
        power = read_power(self._config.board)
        if power.warns_after(self._power):
            _log.warning("The power may be cut. power=%s", power)
            self._pace.hurry(send=True)
        self._power = power
        condition = self._report.condition(power, now_s)
        if condition.buffer.state is not BufferState.DISK:
            self._pace.as_moving()  # only a commit tries the disk again
            self._pace.send_now()  # what only memory holds is safe with the server alone
        if self._uplink.is_up and self._announcer.is_due(condition, now_s):
            self._uplink.announce(self._report.health(condition, now_s))
        self._tell_status(condition, now_s)

    def _tick(self, now_s: float) -> None:
        self._pace.ticked(now_s, parked=self._keeping.is_parked)
        self._commit(now_s)
        if not self._pace.may_send(now_s):
            return
        if self._sending_upto is None:
            self._sending_upto = self._uplink.newest
        live = self._live_is_new and self._pace.may_send_live(now_s)
        self._live_is_new = self._live_is_new and not live
        self._uplink.send(now_s, self._keeping.newest if live else None)
        self._rest(now_s)

    def _rest(self, now_s: float) -> None:
        """Send no more for a while once all is stored that was committed when sending began."""
        if self._sending_upto is not None and not self._uplink.backlog_upto(self._sending_upto):
            self._sending_upto = None
            self._pace.sent(now_s)

    def _commit(self, now_s: float) -> None:
        self._memory.keep(self._dating.known(now_s))
        newest = self._keeping.commit(now_s)
        if self._buffer.take_changes():
            self._uplink.reload()
        self._uplink.committed(newest)

    def _best_time_s(self) -> float:
        """Return the best known time in Unix seconds; called by the network thread too."""
        known_ms = self._dating.now_ms(self._clock.monotonic_s())
        return self._clock.now_s() if known_ms is None else known_ms / 1000

    def _tell_status(self, condition: Condition, now_s: float) -> None:
        if self._config.status.path:
            self._report.write(Path(self._config.status.path), condition, now_s)


def _opened(config: AgentConfig) -> Buffer:
    return Buffer(
        config.buffer.path,
        round(config.buffer.max_mb * 1e6),
        disk_share=config.buffer.disk_share,
        tolerance_m=config.sampling.tolerance_m,
    )
