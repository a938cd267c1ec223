"""The agent's configuration: one TOML file, read once into frozen objects.

Every key can be overridden by the environment: `[broker] host` by `MILEPOST_AGENT_BROKER_HOST`.
`deploy/agent.example.toml` shows every key with unit and default.
"""

import dataclasses
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from milepost_schemas.topics import Address, TopicError

ENVIRONMENT_PREFIX = "MILEPOST_AGENT_"

_HOST_NAME = re.compile(rb"[A-Za-z0-9_.-]+")


class ConfigError(ValueError):
    """The configuration cannot be used; the message names file, key and value."""


def _within(low: float, high: float) -> dict[str, tuple[float, float]]:
    return {"within": (low, high)}


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Who this unit is.

    Attributes:
        id: 1 to 32 letters, digits, `_` or `-`.
        shard: Given at enrolment; 0 to 63.
    """

    id: str
    shard: int = 0


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """Where the receiver speaks.

    Attributes:
        port: A serial device or a pattern of its name (`/dev/ttyUSB*`), `tcp://host:port`, or
            `gpsd://host:port`.
        baud: Bits a second of a serial device; 0: found by listening.
    """

    port: str
    baud: int = field(default=0, metadata=_within(0, 4_000_000))


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """Which fixes are worth keeping.

    Attributes:
        tolerance_m: Metres by which a fix that is left out may lie beside the track rebuilt at its
            own time; 0 keeps every fix.
        max_interval_s: Seconds between kept fixes while moving, at most.
        parked_interval_s: The same while parked.
        parked_after_s: Seconds of standing after which the vehicle counts as parked.
    """

    tolerance_m: float = field(default=5.0, metadata=_within(0, 10_000))
    max_interval_s: float = field(default=15.0, metadata=_within(1, 86_400))
    parked_interval_s: float = field(default=300.0, metadata=_within(1, 86_400))
    parked_after_s: float = field(default=180.0, metadata=_within(10, 86_400))


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where batches go.

    Attributes:
        host: Name or address.
        port: TCP port.
        keepalive_s: Seconds without traffic after which the link is probed.
        ca_file: Certificates (PEM) of those who may vouch for the broker; empty: no TLS.
        cert_file: This unit's own certificate (PEM); empty: none is shown.
        key_file: The key of `cert_file` (PEM); empty: it is in the same file.
    """

    host: str
    port: int = field(default=1883, metadata=_within(1, 65_535))
    keepalive_s: int = field(default=15, metadata=_within(5, 3600))
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class BufferConfig:
    """Where fixes are kept until they are delivered, and as long as there is room after that.

    Attributes:
        path: The SQLite file.
        max_mb: Its size limit in megabytes. At the limit delivered fixes go first; then the oldest
            history is thinned, again and again, before any of it is cut.
        disk_share: The file does not grow beyond this share of itself and what is free besides.
    """

    path: Path
    max_mb: float = field(default=150.0, metadata=_within(0.1, 1_000_000))
    disk_share: float = field(default=0.5, metadata=_within(0.001, 1))


@dataclass(frozen=True, slots=True)
class UplinkConfig:
    """How often fixes are committed and sent.

    Attributes:
        tick_s: Seconds between commits while moving; what a power cut may take.
        parked_tick_s: The same while parked.
        send_every_s: Seconds between messages, at least, where data is dear; 0: one with each
            tick. A new connection and a failing supply do not wait.
        status_every_s: Seconds between statuses while nothing in them changes but figures.
    """

    tick_s: float = field(default=5.0, metadata=_within(0.05, 3600))
    parked_tick_s: float = field(default=60.0, metadata=_within(0.05, 3600))
    send_every_s: float = field(default=0.0, metadata=_within(0, 3600))
    status_every_s: float = field(default=900.0, metadata=_within(5, 86_400))


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """What the board tells of its power, as files of the kernel.

    Attributes:
        ignition: A file that holds 0 while the ignition is off, such as a GPIO's `value`; empty:
            there is none.
        throttled: A file that holds the throttling bits of a Raspberry Pi in hexadecimal; empty or
            absent: nothing is known.
        temperature: A file that holds the temperature in thousandths of a degree Celsius.
    """

    ignition: str = ""
    throttled: str = "/sys/devices/platform/soc/soc:firmware/get_throttled"
    temperature: str = "/sys/class/thermal/thermal_zone0/temp"


@dataclass(frozen=True, slots=True)
class StatusConfig:
    """Where the unit says how it is, for `milepost-agent status`.

    Attributes:
        path: A JSON file, best on a file system in memory; empty: none is written.
    """

    path: str = ""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """All of it."""

    device: DeviceConfig
    receiver: ReceiverConfig
    broker: BrokerConfig
    buffer: BufferConfig
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    uplink: UplinkConfig = field(default_factory=UplinkConfig)
    board: BoardConfig = field(default_factory=BoardConfig)
    status: StatusConfig = field(default_factory=StatusConfig)

    @property
    def address(self) -> Address:
        """The device's place in the topics."""
        return Address(self.device.shard, self.device.id)


def read_config(path: Path, environment: Mapping[str, str]) -> AgentConfig:
    """Read the configuration.

    Raises:
        ConfigError: The file cannot be read or holds a key or a value that the agent does not
            know.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    sections = {item.name: item for item in dataclasses.fields(AgentConfig)}
    for name in tables:
        if name not in sections:
            raise ConfigError(f"{path}: unknown section [{name}]; known: {', '.join(sections)}")
    parts = {
        name: _section(item.type, tables.get(name, {}), f"{path}: [{name}]", environment)
        for name, item in sections.items()
    }
    config = AgentConfig(**parts)
    _check_whole(config, path)
    return config


def _check_whole(config: AgentConfig, path: Path) -> None:
    try:
        _ = config.address
    except TopicError as error:
        raise ConfigError(f"{path}: [device] {error}") from None
    if 0 < config.receiver.baud < 300:
        raise ConfigError(
            f"{path}: [receiver] baud = {config.receiver.baud} is neither 0 nor in 300 to 4000000"
        )
    host = config.broker.host
    if not _is_host(host):
        raise ConfigError(f"{path}: [broker] host {host!r} is not a host name or an address")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        try:
            name = text.encode("idna")  # as the resolver does: no label is empty or above 63 bytes
        except UnicodeError:
            return False
        return _HOST_NAME.fullmatch(name) is not None
    return True


def _section(kind: Any, table: Any, where: str, environment: Mapping[str, str]) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"{where} is not a table")
    known = {item.name: item for item in dataclasses.fields(kind)}
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; known: {', '.join(known)}")
    values: dict[str, Any] = {}
    section = where.rpartition("[")[2].rstrip("]")
    for key, item in known.items():
        override = environment.get(f"{ENVIRONMENT_PREFIX}{section}_{key}".upper())
        if override is not None:
            values[key] = _value(item, override, f"{where} {key}", text=True)
        elif key in table:
            values[key] = _value(item, table[key], f"{where} {key}", text=False)
        elif item.default is dataclasses.MISSING:
            raise ConfigError(f"{where}: {key} is missing")
    return kind(**values)


def _value(item: "dataclasses.Field[Any]", value: Any, what: str, *, text: bool) -> Any:
    kind: Any = item.type
    try:
        if kind in (int, float):
            fits = text or type(value) in ((int, float) if kind is float else (int,))
            value = kind(value) if fits else None
        elif kind in (str, Path):
            value = kind(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        value = None
    if value is None:
        raise ConfigError(f"{what} is not {_NAMES[kind]}")
    low, high = item.metadata.get("within", (None, None))
    if low is not None and not low <= value <= high:
        raise ConfigError(f"{what} = {value} is not in {low} to {high}")
    return value


_NAMES = {int: "a whole number", float: "a number", str: "a text", Path: "a path"}
