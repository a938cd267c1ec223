"""The client that speaks to the broker of `[broker]`, for whoever does."""

import secrets

import aiomqtt

from milepost_collector.config import BrokerConfig

_CONNECT_S = 5.0


def mqtt_client(
    config: BrokerConfig, role: str, *, unconfirmed: int | None = None
) -> aiomqtt.Client:
    """Make a client of MQTT 3.1.1 whose session ends with the connection.

    Args:
        config: Where the broker is.
        role: What its identifier begins with; the rest is random.
        unconfirmed: How many messages at QoS 1 may be on their way; None: as paho has it.
    """
    return aiomqtt.Client(
        config.host,
        config.port,
        identifier=f"{role}-{secrets.token_hex(6)}",
        protocol=aiomqtt.ProtocolVersion.V311,
        keepalive=config.keepalive_s,
        clean_session=True,
        timeout=_CONNECT_S,
        max_inflight_messages=unconfirmed,
    )
