"""The report: puts what the unit's parts say into the retained status and the status file."""

import logging
from pathlib import Path
from typing import Any

from milepost_agent.board import Power, boot_id, disk_free_bytes, temperature_c
from milepost_agent.buffer import Buffer
from milepost_agent.config import AgentConfig
from milepost_agent.health import Condition, health, write_status
from milepost_agent.keeping import Keeping
from milepost_agent.latency import GROWTH, LatencyMeter
from milepost_agent.receiver import Receiver
from milepost_agent.uplink import Uplink
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix

_log = logging.getLogger(__name__)

# Longer than the pause of a receiver that speaks each ten seconds.
NO_FIX_S = 15.0


class Report:
    """Reports on one unit.

    Args:
        config: The unit's.
        receiver: Where fixes come from.
        keeping: What is kept of them.
        buffer: Where they are kept.
        uplink: Where they go.
        latency: How long they take.
        now_s: Monotonic seconds, here and below.

    Attributes:
        stored: How many fixes of the current stream are known to be stored.
    """

    def __init__(
        self,
        config: AgentConfig,
        receiver: Receiver,
        keeping: Keeping,
        buffer: Buffer,
        uplink: Uplink,
        latency: LatencyMeter,
        now_s: float,
    ) -> None:
        self.stored = 0
        self._config = config
        self._receiver = receiver
        self._keeping = keeping
        self._buffer = buffer
        self._uplink = uplink
        self._latency = latency
        self._begun_s = now_s
        self._boot = boot_id()
        self._made_s: float | None = None
        self._clock_offset_s: float | None = None
        self._counted = (now_s, 0)
        self._sentences_per_s = 0.0
        self._told_unwritten = False

    def made(self, fix: Fix, read_s: float, clock_s: float) -> None:
        """A fix was made.

        Args:
            fix: The fix.
            read_s: When its line was read.
            clock_s: What the machine's clock said when it was made, Unix seconds.
        """
        self._made_s = read_s
        self._clock_offset_s = clock_s - fix.time_ms / 1000

    def has_fix(self, now_s: float) -> bool:
        """Say whether the receiver knows where it is."""
        return self._made_s is not None and now_s - self._made_s < NO_FIX_S

    def condition(self, power: Power, now_s: float) -> Condition:
        """Return the states of all parts."""
        return Condition(
            receiver=str(self._receiver.state),
            receiver_reason=self._receiver.reason,
            hears=self._receiver.hears,
            has_fix=self.has_fix(now_s),
            link="up" if self._uplink.is_up else "down",
            refused=self._uplink.refused,
            buffer=self._buffer.health(),
            power=power,
            asleep=power.ignition is False,
        )

    def health(self, condition: Condition, now_s: float) -> dict[str, Any]:
        """Return what the retained status says."""
        return health(
            condition,
            boot=self._boot,
            up_s=now_s - self._begun_s,
            sentences_per_s=self._rate(now_s),
            rejects=self._receiver.rejects,
            temperature_c=temperature_c(self._config.board),
            disk_free_bytes=disk_free_bytes(self._config.buffer.path),
            clock_offset_s=self._clock_offset_s,
        )

    def write(self, path: Path, condition: Condition, now_s: float) -> None:
        """Write the status file; a disk that does not take it is told once."""
        try:
            write_status(path, self._status(condition, now_s))
        except OSError as error:
            if not self._told_unwritten:
                self._told_unwritten = True
                _log.warning("The status file cannot be written. path=%s cause=%s", path, error)
        else:
            self._told_unwritten = False

    def _rate(self, now_s: float) -> float:
        """Return sentences a second since some seconds ago."""
        then_s, count = self._counted
        if now_s - then_s >= 1.0:
            self._sentences_per_s = (self._receiver.sentences - count) / (now_s - then_s)
            self._counted = (now_s, self._receiver.sentences)
        return self._sentences_per_s

    def _status(self, condition: Condition, now_s: float) -> dict[str, Any]:
        keeping = self._keeping
        return {
            **self.health(condition, now_s),
            "device": self._config.device.id,
            "stream": self._buffer.stream.hex(),
            "link": condition.link,
            "link_reason": self._uplink.down_reason,
            "sentences": self._receiver.sentences,
            "unfixed": {str(reason): count for reason, count in self._receiver.unfixed.items()},
            "fixes_made": keeping.made,
            "fixes_kept": keeping.kept,
            "fixes_committed": keeping.committed,
            "fixes_stored": self.stored,
            "backlog": self._uplink.backlog,
            "uplink": {**self._uplink.counts, "connects": self._uplink.connects},
            "latency_ms": {
                "p50": self._latency.percentile_ms(0.5),
                "p99": self._latency.percentile_ms(0.99),
                "growth": GROWTH,
                "buckets": self._latency.buckets,
            },
            "fix": None if keeping.newest is None else _told(keeping.newest),
        }


def _told(fix: Fix) -> dict[str, Any]:
    return {
        "time": rfc3339(fix.time_ms),
        "lat_deg": fix.lat_deg,
        "lon_deg": fix.lon_deg,
        "altitude_m": fix.altitude_m,
        "speed_mps": fix.speed_mps,
        "course_deg": fix.course_deg,
        "hdop": fix.hdop,
        "satellites": fix.satellites,
        "kind": fix.kind.label,
        "error_m": fix.error_m,
    }
