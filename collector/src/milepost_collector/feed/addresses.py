"""Where an event goes outside: its MQTT topic and its NATS subject.

A vehicle's name is one level of either. Characters that could mean something there (`+`, `#`, `/`,
`.`, `*`, `>`, blanks, NUL, and whatever else is no letter, digit, `_` or `-`) are written as
`%` and two hexadecimal digits a byte of UTF-8, so that no name ever makes another topic, and every
name can be read back. The event itself holds the name as it is.
"""

import zlib
from urllib.parse import quote

from milepost_schemas.event import Event
from milepost_schemas.topics import PREFIX

_NO_NAME = "%"


def level(name: str) -> str:
    """Return a name as one level of a topic or subject; a lone `%` stands for the empty name."""
    # `quote` (RFC 3986, 2.3) leaves these two as they are.
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E") or _NO_NAME


def mqtt_topic(event: Event) -> str:
    """Return `milepost/v1/events/{vehicle}/{type}`, the dots of the type as slashes."""
    kind = "/".join(map(level, event.type.split(".")))
    return f"{PREFIX}/events/{level(event.subject)}/{kind}"


def partition(vehicle: str, partitions: int) -> int:
    """Return a vehicle's partition, from 0: CRC-32 (ISO 3309) of its name modulo their number."""
    return zlib.crc32(vehicle.encode()) % partitions


def jetstream_subject(event: Event, prefix: str, partitions: int) -> str:
    """Return `{prefix}.{partition}.{vehicle}.{type}`."""
    kind = ".".join(map(level, event.type.split(".")))
    part = partition(event.subject, partitions)
    return f"{prefix}.{part}.{level(event.subject)}.{kind}"
