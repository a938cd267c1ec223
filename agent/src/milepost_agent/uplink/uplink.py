"""The uplink: carries what the sender decides over MQTT, and brings back the answers.

paho runs its own thread for the socket; it only hands over what happened (`Incident`) and wakes
the unit's loop, in which everything is decided. Nothing is sent before the ack topic is
subscribed.
"""

import json
import logging
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from milepost_agent import __version__
from milepost_agent.buffer import Buffer
from milepost_agent.config import BrokerConfig
from milepost_schemas.ack import decode_ack
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import Effect, Rewind, Sender, SetAside
from milepost_schemas.fix import Fix
from milepost_schemas.message import MessageError
from milepost_schemas.topics import Address, Channel

_log = logging.getLogger(__name__)

RECONNECT_MAX_S = 8


class UplinkError(RuntimeError):
    """The network thread has ended; without it nothing is ever sent again."""


@dataclass(frozen=True, slots=True)
class _Up:
    """The ack topic is subscribed."""


@dataclass(frozen=True, slots=True)
class _Down:
    """The link is lost."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Bytes came on the ack topic."""

    data: bytes


_Incident = _Up | _Down | _Answer


class Uplink:
    """One device's link to the broker.

    Attributes:
        counts: `batches`, `bytes`, `acks`, `bad_acks`, `connects`, `rewinds`, `set_aside`.
        is_up: Batches can be sent.
    """

    def __init__(self, address: Address, broker: BrokerConfig, buffer: Buffer) -> None:
        self.counts: Counter[str] = Counter()
        self.is_up = False
        self._address = address
        self._broker = broker
        self._buffer = buffer
        self._sender = Sender(buffer.ledgers())
        self._told_down = False
        self._incidents: SimpleQueue[_Incident] = SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._client = self._made_client()

    @property
    def backlog(self) -> int:
        """Committed numbers that are not known to be stored."""
        return self._sender.backlog

    def fileno(self) -> int:
        """Return what to wait on for incidents."""
        return self._wake_read

    @property
    def wake_fd(self) -> int:
        """A byte written here makes `fileno` readable."""
        return self._wake_write

    def due_s(self) -> float | None:
        """When `send` should be called although nothing happened."""
        return self._sender.due_s() if self.is_up else None

    def start(self) -> None:
        """Begin to connect; goes on for ever in the background."""
        self._client.connect_async(
            self._broker.host, self._broker.port, keepalive=self._broker.keepalive_s
        )
        self._client.loop_start()

    def committed(self, newest: int) -> None:
        """The buffer has committed this run's fixes up to `newest`."""
        self._sender.committed(newest)

    def handle_incidents(self, now_s: float) -> list[Effect]:
        """Take in what the network brought; the effects have been carried out on the buffer.

        Raises:
            UplinkError: The network thread has ended.
        """
        self._drain_wake_pipe()
        thread = self._client._thread  # paho keeps no public handle of its thread
        if thread is None or not thread.is_alive():
            raise UplinkError("the network thread of the uplink has ended")
        effects: list[Effect] = []
        while True:
            try:
                incident = self._incidents.get_nowait()
            except Empty:
                return effects
            match incident:
                case _Up():
                    self._came_up()
                case _Down(reason):
                    self._went_down(reason)
                case _Answer(data):
                    effects += self._answered(data, now_s)

    def send(self, now_s: float, live: Fix | None) -> None:
        """Send what is to be sent now.

        Args:
            now_s: Monotonic seconds.
            live: The newest position, when it has not been sent and a tick has come.
        """
        if not self.is_up:
            return
        want = self._sender.next(now_s, live=live is not None)
        if want is None:
            return
        fixes = self._buffer.read(want.stream, want.after, want.max_fixes)
        batch, data = pack(want, fixes, self._buffer.gaps(want.stream), live)
        info = self._client.publish(self._address.topic(Channel.UP), data, qos=0)
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.counts["batches"] += 1
            self.counts["bytes"] += len(data)
        self._sender.sent(batch)

    def stop(self) -> None:
        """Say goodbye and end the network thread."""
        if self.is_up:
            self._announce(online=False, reason="stopped").wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _announce(self, **status: Any) -> mqtt.MQTTMessageInfo:
        """Publish the retained status."""
        topic = self._address.topic(Channel.STATUS)
        payload = json.dumps({**status, **self._connection()})
        return self._client.publish(topic, payload, qos=0, retain=True)

    def _connection(self) -> dict[str, Any]:
        """Name this connection, so that its will cannot end a later one."""
        return {"run": self._buffer.stream.hex(), "connection": self.counts["connects"]}

    def _made_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.device,
            clean_session=True,
            protocol=mqtt.MQTTv311,
        )
        client.reconnect_delay_set(1, RECONNECT_MAX_S)
        client.on_pre_connect = self._before_connect
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        return client

    def _came_up(self) -> None:
        self.is_up = True
        self._told_down = False
        self._sender.connected()
        self._announce(online=True, version=__version__)
        _log.info("The link to the broker is up. broker=%s", self._broker_name())

    def _went_down(self, reason: str) -> None:
        self.is_up = False
        self._sender.disconnected()
        if not self._told_down:
            self._told_down = True
            _log.warning(
                "The link to the broker is down; trying again. broker=%s cause=%s",
                self._broker_name(),
                reason,
            )

    def _answered(self, data: bytes, now_s: float) -> list[Effect]:
        try:
            ack = decode_ack(data)
        except MessageError as error:
            self.counts["bad_acks"] += 1
            _log.debug("An ack cannot be read. cause=%s", error)
            return []
        self.counts["acks"] += 1
        effects = self._sender.acknowledged(ack, now_s)
        self._buffer.apply(effects)
        for effect in effects:
            match effect:
                case Rewind():
                    self.counts["rewinds"] += 1
                    _log.warning("The database is older than the buffer; sending all of it again.")
                case SetAside(_, seq, reason):
                    self.counts["set_aside"] += 1
                    _log.error("A fix was refused for good. seq=%d reason=%s", seq, reason)
                case _:
                    pass
        if ack.refused is not None:
            _log.warning("A batch was refused. batch=%d reason=%s", ack.batch, ack.refused)
        return effects

    def _broker_name(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _hand_over(self, incident: _Incident) -> None:
        self._incidents.put(incident)
        with suppress(BlockingIOError):  # the pipe is full, so the loop is about to wake anyway
            os.write(self._wake_write, b".")

    def _drain_wake_pipe(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass

    # What follows runs in paho's thread.

    def _before_connect(self, client: mqtt.Client, _userdata: object) -> None:
        self.counts["connects"] += 1
        will = json.dumps({"online": False, **self._connection(), "reason": "lost"})
        client.will_set(self._address.topic(Channel.STATUS), will, qos=0, retain=True)

    def _on_connect(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _props: object
    ) -> None:
        if reason.is_failure:
            self._hand_over(_Down(str(reason)))
        else:
            client.subscribe(self._address.topic(Channel.ACK), qos=0)

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reasons: list[Any], _props: object
    ) -> None:
        failed = next((str(reason) for reason in reasons if reason.is_failure), None)
        self._hand_over(_Down(f"ack topic: {failed}") if failed else _Up())

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _props: object
    ) -> None:
        self._hand_over(_Down(str(reason)))

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: object) -> None:
        self._hand_over(_Down("no connection"))

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        self._hand_over(_Answer(bytes(message.payload)))
