"""One vehicle's connection to the broker, on the event loop; it decides nothing.

paho speaks MQTT; the loop tells it when its socket can be read or written. Its callbacks only note
what happened, and the vehicle hears of it when paho is done: paho holds a lock while it calls
back, and would queue what is published meanwhile.

Only `connect` waits (for a name server and for the TCP handshake), so it runs in a thread; nothing
else touches the client while it does.
"""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from milepost_schemas.topics import Address, Channel

# As the agent has it by default.
KEEPALIVE_S = 15
_CONNECT_TIMEOUT_S = 5.0
# What paho says of a connection that just ended.
_UNSPECIFIED = 0x80


class Listener(Protocol):
    """Whoever hears what happens to a link."""

    def came_up(self) -> None:
        """The ack topic is subscribed."""

    def went_down(self, reason: str) -> None:
        """The connection is lost, closed or refused."""

    def answered(self, data: bytes) -> None:
        """Bytes came on the ack topic."""


@dataclass(frozen=True, slots=True)
class _Up:
    """The ack topic is subscribed."""


@dataclass(frozen=True, slots=True)
class _Down:
    """The connection is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Bytes came on the ack topic."""

    data: bytes


class Link:
    """The connection of one device.

    Args:
        address: The device; its id is the client id.
        listener: Hears what happens.
        loop: Where the sockets are watched.
    """

    def __init__(
        self, address: Address, listener: Listener, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._address = address
        self._listener = listener
        self._loop = loop
        self._watched: int | None = None
        self._happened: deque[_Up | _Down | _Answer] = deque()
        self._telling = False
        self._writing = False
        self._accepted = False
        self._refusal: str | None = None
        self._client = self._made_client()

    @property
    def is_open(self) -> bool:
        """There is a connection, though maybe not yet a subscription."""
        return self._watched is not None

    def connect(self, host: str, port: int, will: bytes) -> None:
        """Connect, and wait for it; call it in a thread, then `watch` on the loop.

        Raises:
            OSError: There is nobody, or no such name.
        """
        self._accepted, self._refusal = False, None
        self._client.will_set(self._address.topic(Channel.STATUS), will, qos=0, retain=True)
        self._client.connect(host, port, keepalive=KEEPALIVE_S)

    def watch(self) -> None:
        """Take over the connection that `connect` has made."""
        sock = self._client.socket()
        if sock is not None:
            self._watched = sock.fileno()
            self._loop.add_reader(self._watched, self._read)
        self._settle()

    def publish(self, channel: Channel, data: bytes, *, retain: bool = False) -> None:
        """Hand over a message; without a connection it is gone, as on the way."""
        self._client.publish(self._address.topic(channel), data, qos=0, retain=retain)
        self._settle()

    def tend(self) -> None:
        """Probe a quiet connection; to be called every few seconds."""
        if self.is_open:
            self._client.loop_misc()
            self._settle()

    def cut(self) -> None:
        """End the connection without a word, and tell nobody; the broker publishes the will."""
        self._shut()
        self._happened.clear()

    def close(self) -> None:
        """End the connection by MQTT's DISCONNECT, behind everything that was published."""
        self._client.disconnect()
        self._settle()

    def _made_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.device,
            clean_session=True,
            protocol=mqtt.MQTTv311,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        return client

    def _read(self) -> None:
        self._client.loop_read()
        self._settle()

    def _write(self) -> None:
        self._client.loop_write()
        self._settle()

    def _shut(self) -> None:
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with suppress(OSError):  # the other side was faster
                sock.shutdown(socket.SHUT_RDWR)
            while self._client.socket() is not None:
                self._client.loop_read()  # to the end, at which paho closes it

    def _settle(self) -> None:
        """Do what paho's callbacks could not do, and watch for room if something is left over."""
        if self._accepted:
            self._accepted = False
            self._client.subscribe(self._address.topic(Channel.ACK), qos=0)
        if self._refusal is not None and self.is_open:
            self._shut()
        if self._watched is not None and self._client.want_write() is not self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._watched, self._write)
            else:
                self._loop.remove_writer(self._watched)
        if not self._telling:
            self._telling = True
            while self._happened:
                self._tell(self._happened.popleft())
            self._telling = False

    def _tell(self, happened: _Up | _Down | _Answer) -> None:
        match happened:
            case _Up():
                self._listener.came_up()
            case _Down(reason):
                self._listener.went_down(reason)
            case _Answer(data):
                self._listener.answered(data)

    # What follows is called by paho.

    def _on_connect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _props: object
    ) -> None:
        self._accepted = not reason.is_failure
        if reason.is_failure:
            self._refusal = str(reason)

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reasons: list[Any], _props: object
    ) -> None:
        refused = next((str(reason) for reason in reasons if reason.is_failure), None)
        if refused is None:
            self._happened.append(_Up())
        else:
            self._refusal = f"ack topic: {refused}"

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _props: object
    ) -> None:
        lost = reason.value == _UNSPECIFIED
        why = "the broker closed the connection" if lost else str(reason)
        self._happened.append(_Down(self._refusal or why))

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        self._happened.append(_Answer(bytes(message.payload)))

    def _on_socket_close(self, _client: mqtt.Client, _userdata: object, _sock: object) -> None:
        if self._watched is not None:
            self._loop.remove_writer(self._watched)
            self._loop.remove_reader(self._watched)
            self._watched, self._writing = None, False
