"""Reading the configuration: a TOML file under the environment, and what is wrong in one line."""

import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from milepost_collector.config.sections import (
    BrokerConfig,
    DatabaseConfig,
    EmbeddedConfig,
    EventsConfig,
    FencesConfig,
    GeocoderConfig,
    JetStreamConfig,
    NoticesConfig,
    RulesConfig,
    StorageConfig,
    WebConfig,
    WebhooksConfig,
)


class ConfigError(ValueError):
    """The configuration cannot be used; the message names file, key and value."""


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
    rules: RulesConfig = RulesConfig()
    events: EventsConfig = EventsConfig()
    jetstream: JetStreamConfig = JetStreamConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    notices: NoticesConfig = NoticesConfig()
    geocoder: GeocoderConfig = GeocoderConfig()

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


def database_dsn(settings: CollectorConfig) -> str:
    """Return the address of the database, for programs that bring none along.

    Raises:
        ConfigError: None is configured.
    """
    if not settings.database.dsn:
        raise ConfigError(
            "[database] dsn is not set; `serve` prints the one of the database it brings along"
        )
    return settings.database.dsn


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if fault["type"] == "value_error":  # our own check, of a value that may hold a password
        return f"{key}: {fault['ctx']['error']}"
    return f"{key} = {fault['input']!r}: {fault['msg']}"
