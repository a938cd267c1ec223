"""The collector's configuration: one TOML file, read once into frozen objects.

Every key can be overridden by the environment: `[database] dsn` by `MILEPOST_DATABASE__DSN`.
`deploy/collector.example.toml` shows every key with unit and default.
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from milepost_collector.store.connection import DsnError, check_dsn


class ConfigError(ValueError):
    """The configuration cannot be used; the message names file, key and value."""


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
        file: A GeoJSON FeatureCollection; without one there are none.
    """

    file: Path | None = None


class CollectorConfig(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix="MILEPOST_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    database: DatabaseConfig = DatabaseConfig()
    broker: BrokerConfig = BrokerConfig()
    embedded: EmbeddedConfig = EmbeddedConfig()
    web: WebConfig = WebConfig()
    storage: StorageConfig = StorageConfig()
    fences: FencesConfig = FencesConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, and read nothing else."""
        return env_settings, TomlConfigSettingsSource(settings_cls)


def read_config(path: Path | None) -> CollectorConfig:
    """Read the configuration; without a file, defaults and environment.

    Raises:
        ConfigError: The file cannot be read or holds a key or a value that we do not know.
    """

    class FromFile(CollectorConfig):
        model_config = SettingsConfigDict(toml_file=path)

    where = str(path) if path else "environment"
    try:
        if path is not None:
            path.read_bytes()
        return FromFile()
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_fault(error)}") from None
    except SettingsError as error:  # a whole section in one variable, and no JSON
        raise ConfigError(f"environment: {error}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if fault["type"] == "value_error":  # our own check, of a value that may hold a password
        return f"{key}: {fault['ctx']['error']}"
    return f"{key} = {fault['input']!r}: {fault['msg']}"
