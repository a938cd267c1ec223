"""The link: one MQTT connection of one device, kept up for ever by paho in a thread of its own.

Out flow incidents, in flow messages. The thread decides nothing: it hands over what happened and
wakes the unit's loop. Nothing is published before the ack topic is subscribed, which is when
`CameUp` is told.
"""

import fcntl
import json
import os
import random
import ssl
import struct
import termios
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from milepost_agent.config import BrokerConfig
from milepost_agent.uplink.trust import Trust
from milepost_schemas.topics import Address, Channel

RECONNECT_FIRST_S = 1.0
RECONNECT_MAX_S = 7.0

# A fleet that lost its broker at one moment comes back over some.
_RECONNECT_JITTER = 0.2


class UplinkError(RuntimeError):
    """The network thread has ended; without it nothing is ever sent again."""


@dataclass(frozen=True, slots=True)
class CameUp:
    """The ack topic is subscribed."""


@dataclass(frozen=True, slots=True)
class WentDown:
    """The link is lost, or could not be made."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes came on the ack topic."""

    data: bytes


Incident = CameUp | WentDown | Answer


class _Client(mqtt.Client):
    """paho's client, which remembers why it could not connect.

    Attributes:
        failure: Why the last attempt to connect failed.
    """

    failure = "no connection"

    def reconnect(self) -> MQTTErrorCode:
        """Connect (again); also called by paho's own loop."""
        try:
            return super().reconnect()
        except OSError as error:
            said = getattr(error, "verify_message", "") or (error.args or ("no connection",))[-1]
            self.failure = str(said)
            raise


class Link:
    """One device's connection.

    Args:
        address: The device.
        broker: Where to connect.
        run: Names this run of the unit in status and will.
        trust: How the broker is judged; None for a connection without TLS.

    Attributes:
        connects: Attempts to connect so far.
    """

    def __init__(
        self, address: Address, broker: BrokerConfig, run: bytes, trust: Trust | None
    ) -> None:
        self.connects = 0
        self._address = address
        self._broker = broker
        self._run = run
        self._trust = trust
        self._incidents: SimpleQueue[Incident] = SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._client = self._made_client()

    def fileno(self) -> int:
        """Return what to wait on for incidents."""
        return self._wake_read

    @property
    def wake_fd(self) -> int:
        """A byte written here makes `fileno` readable."""
        return self._wake_write

    def start(self) -> None:
        """Begin to connect; goes on for ever in the background."""
        self._client.connect_async(
            self._broker.host, self._broker.port, keepalive=self._broker.keepalive_s
        )
        self._client.loop_start()

    def incidents(self) -> list[Incident]:
        """Return what has happened since the last call, in order.

        Raises:
            UplinkError: The network thread has ended.
        """
        with suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass
        thread = self._client._thread  # paho keeps no public handle of its thread
        if thread is None or not thread.is_alive():
            raise UplinkError("the network thread of the uplink has ended")
        happened: list[Incident] = []
        with suppress(Empty):
            while True:
                happened.append(self._incidents.get_nowait())
        return happened

    def publish(self, channel: Channel, payload: bytes | str, *, retain: bool = False) -> bool:
        """Hand a message to the connection; False when there is none."""
        return self._publish(channel, payload, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def announce(self, status: dict[str, Any]) -> None:
        """Publish the retained status, with the name of this connection."""
        self._publish(Channel.STATUS, self._named(status), retain=True)

    def is_carrying(self) -> bool:
        """Whether bytes that were handed over have not yet reached the other side's machine.

        What TCP still carries needs no repetition: on a thin line a second copy only delays the
        first one (Linux, tcp(7): SIOCOUTQ counts unacknowledged bytes too).
        """
        if self._client.want_write():
            return True
        connection = self._client.socket()
        if connection is None:
            return False
        try:
            unsent = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        except (OSError, ValueError):  # closed meanwhile
            return False
        return bool(struct.unpack("i", unsent)[0])

    def stop(self, farewell: dict[str, Any] | None) -> None:
        """End the connection and the thread.

        Args:
            farewell: The last status to publish; None when the link is down.
        """
        if farewell is not None:
            goodbye = self._publish(Channel.STATUS, self._named(farewell), retain=True)
            with suppress(RuntimeError):  # the connection went down just now
                goodbye.wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _publish(
        self, channel: Channel, payload: bytes | str, retain: bool
    ) -> mqtt.MQTTMessageInfo:
        return self._client.publish(self._address.topic(channel), payload, qos=0, retain=retain)

    def _named(self, status: dict[str, Any]) -> str:
        """Name this connection in a status, so that its will cannot end a later one."""
        named = {**status, "run": self._run.hex(), "connection": self.connects}
        return json.dumps(named, separators=(",", ":"))

    def _made_client(self) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.device,
            clean_session=True,
            protocol=mqtt.MQTTv311,
        )
        if self._trust is not None:
            client.tls_set_context(self._trust.context)
            client.on_socket_open = self._on_socket_open
        spread = random.uniform(1 - _RECONNECT_JITTER, 1 + _RECONNECT_JITTER)  # noqa: S311 - jitter
        client.reconnect_delay_set(
            spread * RECONNECT_FIRST_S,  # type: ignore[arg-type]  # any number does
            spread * RECONNECT_MAX_S,  # type: ignore[arg-type]
        )
        client.on_pre_connect = self._before_connect
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        return client

    # What follows runs in paho's thread.

    def _hand_over(self, incident: Incident) -> None:
        self._incidents.put(incident)
        with suppress(BlockingIOError):  # the pipe is full, so the loop is about to wake anyway
            os.write(self._wake_write, b".")

    def _before_connect(self, client: mqtt.Client, _userdata: object) -> None:
        self.connects += 1
        will = self._named({"online": False, "reason": "lost"})
        client.will_set(self._address.topic(Channel.STATUS), will, qos=0, retain=True)

    def _on_socket_open(self, _client: mqtt.Client, _userdata: object, connection: Any) -> None:
        if self._trust is not None and isinstance(connection, ssl.SSLSocket):
            self._trust.judge(connection)

    def _on_connect(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _props: object
    ) -> None:
        if reason.is_failure:
            self._hand_over(WentDown(str(reason)))
        else:
            client.subscribe(self._address.topic(Channel.ACK), qos=0)

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reasons: list[Any], _props: object
    ) -> None:
        failed = next((str(reason) for reason in reasons if reason.is_failure), None)
        self._hand_over(WentDown(f"ack topic: {failed}") if failed else CameUp())

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _props: object
    ) -> None:
        self._hand_over(WentDown(str(reason)))

    def _on_connect_fail(self, client: mqtt.Client, _userdata: object) -> None:
        self._hand_over(WentDown(client.failure if isinstance(client, _Client) else ""))

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        self._hand_over(Answer(bytes(message.payload)))
