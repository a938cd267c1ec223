"""Keeping: of the fixes that are made, those worth keeping go to the buffer.

In flow made fixes, out flow buffered ones, and what people want to see at once: the newest fix.
"""

from milepost_agent.buffer import Buffer
from milepost_agent.config import SamplingConfig
from milepost_agent.latency import LatencyMeter
from milepost_agent.sampling.sampler import Sampled, Sampler, SamplingPolicy
from milepost_schemas.fix import Fix
from milepost_schemas.nmea.epoch import MadeFix


def policy_of(config: SamplingConfig) -> SamplingPolicy:
    """Return the sampler's policy that a configuration asks for."""
    return SamplingPolicy(
        tolerance_m=config.tolerance_m,
        moving_interval_s=config.max_interval_s,
        parked_interval_s=config.parked_interval_s,
        parked_after_s=config.parked_after_s,
    )


class Keeping:
    """Samples into a buffer.

    Attributes:
        made: Fixes made in this run.
        kept: Those of them that were kept.
        committed: Kept ones that the buffer has committed.
        newest: The newest fix.
    """

    def __init__(self, config: SamplingConfig, buffer: Buffer, latency: LatencyMeter) -> None:
        self.made = 0
        self.kept = 0
        self.committed = 0
        self.newest: Fix | None = None
        self._sampler = Sampler(policy_of(config))
        self._buffer = buffer
        self._latency = latency
        self._stream = buffer.stream
        self._number = 0  # in the current stream, of the newest kept fix
        self._read_s = 0.0
        self._read_before_s = 0.0

    @property
    def is_parked(self) -> bool:
        """Whether the vehicle has stood for long."""
        return self._sampler.is_parked

    def take(self, made: MadeFix) -> bool:
        """Take a fix; return whether the vehicle has just started or stopped."""
        self.made += 1
        self._read_before_s, self._read_s = self._read_s, made.read_s
        self.newest = made.fix
        for sampled in self._sampler.add(self.made, made.fix, hole=made.hole):
            self._keep(sampled)
        return self._sampler.turned

    def close(self) -> None:
        """Keep the newest fix: there will be no other."""
        end = self._sampler.close()
        if end is not None:
            self._keep(end)

    def commit(self, now_s: float) -> int:
        """Commit what is kept, and the open end beside it; return the stream's newest number."""
        end = self._sampler.end()
        if end is None:
            self._buffer.set_open_end(None)
        else:
            self._buffer.set_open_end(end.fix, stands_for=end.stands_for, hole=end.hole)
        newest = self._buffer.commit(now_s)
        self.committed = self.kept
        if self._buffer.stream != self._stream:
            self._stream, self._number = self._buffer.stream, newest
            self._latency.forget()
        return newest

    def _keep(self, sampled: Sampled) -> None:
        self.kept += 1
        self._number += 1
        self._buffer.add(sampled.fix, stands_for=sampled.stands_for, hole=sampled.hole)
        is_newest = sampled.number == self.made
        self._latency.read(self._number, self._read_s if is_newest else self._read_before_s)
