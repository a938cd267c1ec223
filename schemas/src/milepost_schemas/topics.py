"""The topics of MQTT: `milepost/v1/{shard}/{device}/{channel}`.

A device's identity is its place in the topic, which the broker's access list guards; a payload
never names one. Ids hold no dot, because NATS reads it as a level of its subjects.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

PREFIX = "milepost/v1"
SHARDS = 64

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_SHARD = re.compile(r"(?:0|[1-9][0-9]?)\Z")


class TopicError(ValueError):
    """A topic or an id in it is not of the form that Milepost uses."""


class Channel(StrEnum):
    """What travels on a topic: batches up, acknowledgements, status and configuration."""

    UP = "up"
    ACK = "ack"
    STATUS = "status"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is reached.

    Attributes:
        shard: Given at enrolment; 0 to 63.
        device: 1 to 32 letters, digits, `_` or `-`.
    """

    shard: int
    device: str

    def __post_init__(self) -> None:
        if not 0 <= self.shard < SHARDS:
            raise TopicError(f"shard {self.shard} is not in 0 to {SHARDS - 1}")
        if not _DEVICE.match(self.device):
            raise TopicError(
                f"device id {self.device!r} is not 1 to 32 letters, digits, '_' or '-'"
            )

    def topic(self, channel: Channel) -> str:
        """Return the topic of one channel of this device."""
        return f"{PREFIX}/{self.shard}/{self.device}/{channel}"


def every(channel: Channel, shard: int) -> str:
    """Return the subscription to one channel of all devices of a shard."""
    return f"{PREFIX}/{shard}/+/{channel}"


@lru_cache(maxsize=65_536)
def parse_topic(topic: str) -> tuple[Address, Channel]:
    """Read a topic.

    Raises:
        TopicError: It is not `milepost/v1/{0..63}/{device}/{up|ack|status|config}`.
    """
    head, _, rest = topic[len(PREFIX) :].partition("/")
    levels = rest.split("/")
    if not topic.startswith(PREFIX) or head or len(levels) != 3:
        raise TopicError(f"topic {topic!r} is not {PREFIX}/<shard>/<device>/<channel>")
    shard, device, channel = levels
    if not _SHARD.match(shard):
        raise TopicError(f"topic {topic!r}: shard {shard!r} is not a number from 0 to 63")
    if channel not in [known.value for known in Channel]:
        raise TopicError(f"topic {topic!r}: channel {channel!r} is none of {list(Channel)}")
    return Address(int(shard), device), Channel(channel)
