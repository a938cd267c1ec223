"""How the unit is: what it says of itself to the server, and to people beside it.

In flow the states of its parts, out flow one small object for the retained status, and the status
file that `milepost-agent status` reads, which holds the same and the figures of this run.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from milepost_agent import __version__
from milepost_agent.board import Power
from milepost_agent.buffer import BufferHealth
from milepost_schemas.event import rfc3339

# A change is told at once, yet a part that flaps does not fill the line.
ANNOUNCE_AGAIN_S = 5.0


class Silence(StrEnum):
    """Why nothing is heard of the vehicle's positions, the first that applies."""

    NO_POWER = "no power"  # the supply is below what the board needs
    NO_SERIAL = "no serial"  # the receiver cannot be heard
    NO_FIX = "no fix"  # it speaks, and knows no position
    NO_NETWORK = "no network"
    REFUSED = "refused"  # the server takes nothing


@dataclass(frozen=True, slots=True)
class Condition:
    """The states of the unit's parts at one moment.

    Attributes:
        receiver: The receiver's state, a word.
        receiver_reason: The same for people.
        hears: The receiver can be heard.
        has_fix: A fix came in the last `NO_FIX_S` seconds.
        link: `up` or `down`.
        refused: The server's word for refusing; empty: it takes what is sent.
        buffer: How the buffer is.
        power: What is known of the supply.
        asleep: The ignition is off.
    """

    receiver: str
    receiver_reason: str
    hears: bool
    has_fix: bool
    link: str
    refused: str
    buffer: BufferHealth
    power: Power
    asleep: bool

    @property
    def silence(self) -> Silence | None:
        """Why nothing is heard; None while positions flow."""
        if self.power.low_voltage:
            return Silence.NO_POWER
        if not self.hears:
            return Silence.NO_SERIAL
        if not self.has_fix:
            return Silence.NO_FIX
        if self.link != "up":
            return Silence.NO_NETWORK
        return Silence.REFUSED if self.refused else None

    def told(self) -> tuple[object, ...]:
        """Return what is worth telling at once when it changes."""
        return (self.receiver, self.silence, self.asleep, self.buffer.state, self.power)


class Announcer:
    """Says when the retained status is due: now and then, on change, and on each new connection.

    Args:
        every_s: Seconds between statuses while nothing changes.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._told: tuple[object, ...] | None = None
        self._told_s = 0.0

    def is_due(self, condition: Condition, now_s: float) -> bool:
        """Say whether to announce `condition` at `now_s`, and take it as announced."""
        age_s = now_s - self._told_s
        changed = condition.told() != self._told and age_s >= ANNOUNCE_AGAIN_S
        if self._told is not None and not changed and age_s < self._every_s:
            return False
        self._told, self._told_s = condition.told(), now_s
        return True

    def reconnected(self) -> None:
        """A new connection has told nothing yet."""
        self._told = None


def health(
    condition: Condition,
    *,
    boot: str,
    up_s: float,
    sentences_per_s: float,
    rejects: Mapping[str, int],
    temperature_c: float | None,
    disk_free_bytes: int | None,
    clock_offset_s: float | None,
) -> dict[str, Any]:
    """Put together what the retained status says; `schemas/wire.md` describes each member."""
    buffer, power, silence = condition.buffer, condition.power, condition.silence
    return {
        "version": __version__,
        "boot": boot,
        "up_s": round(up_s),
        "silent": None if silence is None else str(silence),
        "asleep": condition.asleep,
        "receiver": {
            "state": condition.receiver,
            "reason": condition.receiver_reason,
            "sentences_per_s": round(sentences_per_s, 1),
            "rejects": {str(reason): count for reason, count in rejects.items()},
        },
        "buffer": {
            "state": str(buffer.state),
            "reason": buffer.reason,
            "rows": buffer.rows,
            "bytes": buffer.bytes,
            "oldest": None if buffer.oldest_ms is None else rfc3339(buffer.oldest_ms),
            "thinned": buffer.thinned,
            "cut": buffer.cut,
            "damaged": buffer.damaged,
        },
        "board": {
            "ignition": power.ignition,
            "low_voltage": power.low_voltage,
            "throttled": power.throttled,
            "temperature_c": temperature_c,
            "disk_free_bytes": disk_free_bytes,
        },
        "clock_offset_s": None if clock_offset_s is None else round(clock_offset_s, 1),
    }


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Write the status file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(status), encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105 - Path.replace says the same; this names the promise
