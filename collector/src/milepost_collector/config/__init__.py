"""The collector's configuration: one TOML file, read once into frozen objects.

Every key can be overridden by the environment: `[database] dsn` by `MILEPOST_DATABASE__DSN`.
`deploy/collector.example.toml` shows every key with unit and default.
"""

from milepost_collector.config.reading import (
    CollectorConfig,
    ConfigError,
    database_dsn,
    read_config,
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

__all__ = [
    "BrokerConfig",
    "CollectorConfig",
    "ConfigError",
    "DatabaseConfig",
    "EmbeddedConfig",
    "EventsConfig",
    "FencesConfig",
    "GeocoderConfig",
    "JetStreamConfig",
    "NoticesConfig",
    "RulesConfig",
    "StorageConfig",
    "WebConfig",
    "WebhooksConfig",
    "database_dsn",
    "read_config",
]
