"""The sections of the configuration: what each key means, its unit, limits and default."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from milepost_collector.notices.channel import read_channels
from milepost_collector.store.connection import DsnError, check_dsn
from milepost_collector.store.consumers import Start
from milepost_collector.webhooks.address import Network, parse_networks


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseConfig(_Section):
    """Where fixes and events are stored.

    Attributes:
        dsn: libpq connection string or URI; empty: the embedded PostgreSQL.
    """

    dsn: str = ""

    @field_validator("dsn")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            check_dsn(value)
        except DsnError as error:
            raise ValueError(str(error)) from None
        return value


class BrokerConfig(_Section):
    """Where batches come from.

    Attributes:
        host: Name or address; empty: the embedded broker.
        port: TCP port.
        keepalive_s: Seconds without traffic after which the link is probed.
    """

    host: str = Field(default="", pattern=r"^[A-Za-z0-9_.:\[\]-]*$")
    port: int = Field(default=1883, ge=1, le=65_535)
    keepalive_s: int = Field(default=15, ge=5, le=3600)


class EmbeddedConfig(_Section):
    """The servers that `serve` brings along where none is configured.

    Attributes:
        folder: Their data; made when it is missing, found again at the next start.
        broker: `mosquitto`, `nats`, or empty for the first that is at hand.
    """

    folder: Path = Path("milepost-data")
    broker: str = Field(default="", pattern=r"^(|mosquitto|nats)$")


class WebConfig(_Section):
    """Where pages and the API are served.

    Attributes:
        host: Address to listen on.
        port: TCP port; 0: a free one.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)


class StorageConfig(_Section):
    """How long fixes are kept, and when they are packed.

    Attributes:
        keep_days: Days after which fixes and their hour rows are dropped, a week at a time; 0: kept
            for ever. Day rows and events stay.
        compress_after_days: Days after which TimescaleDB packs a week of fixes into columns, at
            least the longest time that units bring late fixes for; 0: never. Fixes that come later
            still are taken, and packed in the next round.
    """

    keep_days: int = Field(default=400, ge=0, le=36_500)
    compress_after_days: int = Field(default=30, ge=0, le=36_500)


class FencesConfig(_Section):
    """The fences.

    Attributes:
        file: A GeoJSON FeatureCollection that `serve` puts in force at its start; without one the
            fences stay as they are in the database.
    """

    file: Path | None = None


class RulesConfig(_Section):
    """The rules: from when on standing is a stop, driving a trip, fast too fast.

    Attributes:
        file: A JSON object of rules that `serve` puts in force at its start; without one the rules
            stay as they are in the database, and are the usual ones at first.
    """

    file: Path | None = None


class EventsConfig(_Section):
    """Which events are made, and how they are told over MQTT, at the broker of `[broker]`.

    Attributes:
        make: Whether events are made of fixes as they are stored; what was stored without can be
            looked at later by `milepost-collector events replay`.
        mqtt: Whether they are published there.
        mqtt_start: Where that begins the first time: `beginning` or `end` of the feed.
    """

    make: bool = True
    mqtt: bool = True
    mqtt_start: Start = Start.BEGINNING


class JetStreamConfig(_Section):
    """Events in a NATS JetStream. Its last four keys count when we make the stream.

    Attributes:
        url: `nats://` or `tls://`, with name and password where needed; several with commas
            between; empty: no JetStream.
        stream: The stream's name.
        subject_prefix: What subjects begin with.
        partitions: How many parts vehicles are spread over.
        start: Where the first event comes from: `beginning` or `end` of the feed.
        replicas: How many servers of a cluster hold each event.
        max_age_days: Days after which events leave the stream; 0: never.
        max_bytes: Size above which the oldest leave; 0: without limit.
        duplicate_window_s: Seconds in which NATS knows the id of an event again.
    """

    url: str = ""
    stream: str = Field(default="MILEPOST", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    subject_prefix: str = Field(
        default="milepost.events", pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"
    )
    partitions: int = Field(default=8, ge=1, le=1024)
    start: Start = Start.BEGINNING
    replicas: int = Field(default=1, ge=1, le=5)
    max_age_days: int = Field(default=30, ge=0, le=36_500)
    max_bytes: int = Field(default=0, ge=0)
    duplicate_window_s: int = Field(default=900, ge=1, le=86_400)

    @field_validator("url")
    @classmethod
    def _names_servers(cls, value: str) -> str:
        """Refuse what is no address, without repeating it: it may hold a password."""
        for number, one in enumerate(value.split(",") if value else (), 1):
            try:
                parts = urlsplit(one)
                is_one = parts.scheme in ("nats", "tls") and parts.hostname and parts.port != 0
            except ValueError:
                is_one = False
            if not is_one:
                raise ValueError(f"address {number} is not nats://host:port or tls://host:port")
        return value


class WebhooksConfig(_Section):
    """Events pushed to the servers of others, which `milepost-collector webhooks add` names.

    Attributes:
        deliver: Whether this program sends; no in a copy of a database, which has the same
            receivers.
        allow_private: Networks (CIDR) that are not public and may be sent to all the same, also
            without TLS.
        timeout_s: Seconds that a receiver has for an answer.
        parallel: Requests at a time to one receiver.
        retry_s: After the n-th failure the next try comes within so many seconds, at random; after
            the last of them the event is a dead letter.
        probe_s: While nothing gets through, a receiver is tried about so often at least.
    """

    deliver: bool = True
    allow_private: tuple[str, ...] = ()
    timeout_s: float = Field(default=15.0, ge=0.1, le=60.0)
    parallel: int = Field(default=8, ge=1, le=64)
    retry_s: tuple[Annotated[float, Field(ge=0.0, le=604_800.0)], ...] = Field(
        default=(5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0),
        min_length=1,
        max_length=50,
    )
    probe_s: float = Field(default=300.0, ge=0.1, le=86_400.0)

    @field_validator("allow_private")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(value)
        return value

    @property
    def networks(self) -> tuple[Network, ...]:
        """`allow_private`, read."""
        return parse_networks(self.allow_private)


class GeocoderConfig(_Section):
    """What finds the places of plans that say an address alone.

    Attributes:
        kind: `nominatim` or `photon`; empty: nobody is asked, and such places are refused.
        url: Where it is: `http://` or `https://`.
        user_agent: What we call ourselves there.
        rate_per_s: How many addresses it is asked for in a second at the most.
        timeout_s: Seconds that it has for an answer.
    """

    kind: str = Field(default="", pattern=r"^(|nominatim|photon)$")
    url: str = Field(default="", pattern=r"^(|https?://[^\s/?#@]+[^\s?#]*)$")
    user_agent: str = Field(default="milepost-collector", min_length=1, max_length=200)
    rate_per_s: float = Field(default=1.0, ge=0.01, le=1000.0)
    timeout_s: float = Field(default=10.0, ge=0.1, le=60.0)

    @model_validator(mode="after")
    def _has_address(self) -> "GeocoderConfig":
        if self.kind and not self.url:
            raise ValueError(f"url is not set, where the {self.kind} is")
        return self


class NoticesConfig(_Section):
    """Messages to people: by SMS, e-mail and push through apprise, or into a file.

    Attributes:
        rules: A JSON object of rules (`collector/docs/notices.md`); without one nobody is told.
        channels: By name the URL of each, with places for the address: `{phone}`, `{email}` or
            `{order}`. They may hold secrets, so they stand here or in the environment alone.
        send: Whether this program sends; no in a copy of a database, which has the same people.
        timeout_s: Seconds that a provider has for an answer.
        parallel: Calls at a time.
        retry_s: After the n-th failure in a row that has certainly sent nothing the next try comes
            within so many seconds, at random; after the last of them it has failed.
        keep_days: Days after which notices that ended are deleted.
    """

    rules: Path | None = None
    channels: dict[str, str] = Field(default_factory=dict)
    send: bool = True
    timeout_s: float = Field(default=30.0, ge=0.1, le=300.0)
    parallel: int = Field(default=4, ge=1, le=64)
    retry_s: tuple[Annotated[float, Field(ge=0.0, le=86_400.0)], ...] = Field(
        default=(5.0, 30.0, 120.0, 600.0, 1800.0), min_length=1, max_length=50
    )
    keep_days: int = Field(default=90, ge=1, le=36_500)

    @field_validator("channels", mode="before")
    @classmethod
    def _are_named_urls(cls, value: object) -> object:
        """Refuse what is none, without repeating it: it may hold a password."""
        if not isinstance(value, dict):
            raise ValueError("is no table of names and URLs")
        for name, url in value.items():
            if not isinstance(url, str):
                raise ValueError(f"{str(name)[:40]} is no URL")
        read_channels(value)
        return value
