"""The two brokers that can be embedded: where each program is, and what it must be told."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from milepost_collector.embedded.errors import EmbeddedError

KindName = Literal["mosquitto", "nats"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens.

    Attributes:
        host: Always a loopback address.
        port: TCP port, 1 to 65535.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class BrokerKind:
    """One kind of broker.

    Attributes:
        name: Its name.
        find: Returns its program, None when there is none.
        config: Returns its configuration for an address, a data folder, and whether it keeps data.
    """

    name: KindName
    find: Callable[[], Path | None]
    config: Callable[[Address, Path, bool], str]


def _mosquitto() -> Path | None:
    found = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    return Path(found).resolve() if found is not None else None


def _mosquitto_config(address: Address, data: Path, persistent: bool) -> str:
    """See mosquitto.conf(5). The default queue of 1000 messages would drop a fleet's backlog."""
    lines = [
        f"listener {address.port} {address.host}",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        "max_queued_messages 10000",
        "log_dest stderr",
        "connection_messages false",
        f"persistence {'true' if persistent else 'false'}",
    ]
    if persistent:
        lines += [f"persistence_location {data}/", "autosave_interval 30"]
    return "\n".join(lines) + "\n"


def _nats() -> Path | None:
    beside = Path(sys.executable).with_name("nats-server")
    found = shutil.which(beside) or shutil.which("nats-server")
    return Path(found).resolve() if found is not None else None


def _nats_config(address: Address, data: Path, persistent: bool) -> str:
    """See docs.nats.io, MQTT: it needs a server name and JetStream; -1 is any free port."""
    del persistent  # sessions live in JetStream, which is always on disk
    return "\n".join(
        [
            'server_name: "milepost"',
            f'listen: "{address.host}:-1"',
            f"jetstream {{ store_dir: {json.dumps(str(data))} }}",
            f'mqtt {{ host: "{address.host}", port: {address.port} }}',
            "",
        ]
    )


KINDS = (
    BrokerKind("mosquitto", _mosquitto, _mosquitto_config),
    BrokerKind("nats", _nats, _nats_config),
)


def find_broker(name: KindName | None) -> tuple[BrokerKind, Path]:
    """Return the kind `name` with its program; without a name the first kind that is installed.

    Raises:
        EmbeddedError: It is not installed, or there is no such kind.
    """
    wanted = [kind for kind in KINDS if name in (None, kind.name)]
    for kind in wanted:
        if (program := kind.find()) is not None:
            return kind, program
    names = " or ".join(kind.name for kind in wanted) or f"broker of kind {name!r}"
    raise EmbeddedError(
        f"no {names} on PATH: pip install 'milepost-collector[embedded]', or install mosquitto"
    )
