"""A fleet on one connection, as lean as can be: a program that `ingest_process` starts.

Every device has one batch under way; its ack, or silence, decides about the next one, so the fleet
sends as fast as it is answered. MQTT 3.1.1 is written and read here by hand, because a client of
50 µs a message would measure itself: it shares two cores with what is measured.

Out: the line `settled` once the first seconds are over, and at the end one object of JSON.
"""

import argparse
import json
import socket
import sys
import time
from dataclasses import dataclass

import numpy as np

from milepost_schemas.topics import PREFIX, Channel
from tests.bench.ingest_load import PHASES, Fleet

SETTLE_S = 2.0

# What a device waits for an ack before it counts as left alone.
_PATIENCE_S = 5.0

_CONNACK, _PUBLISH, _SUBACK = 2, 3, 9


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it.

    Attributes:
        acks: Heard within the measured seconds.
        took_s: How many those were.
        p50_s: Half of the acks came within so long of their batch.
        p99_s: All but a hundredth did.
        rounds: How many batches each device had acknowledged at least, from the beginning on.
        left_alone: Devices that wait for an ack for longer than `_PATIENCE_S`.
        cpu_s: What this program took of the processor in the measured seconds.
    """

    acks: int
    took_s: float
    p50_s: float
    p99_s: float
    rounds: int
    left_alone: int
    cpu_s: float


class Sender:
    """The devices and their connection.

    Args:
        host: The broker.
        port: Its TCP port.
        fleet: The devices.
        rounds: Batches made ready for each; whoever has sent all is silent.
    """

    def __init__(self, host: str, port: int, fleet: Fleet, rounds: int) -> None:
        self._bodies = [fleet.payloads(number) for number in range(rounds)]
        topics = [address.topic(Channel.UP).encode() for address in fleet.addresses()]
        self._heads = [len(topic).to_bytes(2, "big") + topic for topic in topics]
        acks = [address.topic(Channel.ACK).encode() for address in fleet.addresses()]
        self._places = {topic: place for place, topic in enumerate(acks)}
        self._next = [0] * fleet.devices
        self._sent_s = [0.0] * fleet.devices
        self.delays_s: list[float] = []
        self._rest = b""
        self._socket = socket.create_connection((host, port), timeout=_PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connect = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(b"bench-fleet")
        self._socket.sendall(_packet(0x10, connect))
        self._answered(_CONNACK)
        subscription = b"\x00\x01" + _text(f"{PREFIX}/+/+/{Channel.ACK}".encode()) + b"\x00"
        self._socket.sendall(_packet(0x82, subscription))
        self._answered(_SUBACK)

    def begin(self) -> None:
        """Send the first batch of every device."""
        now_s = time.perf_counter()
        self._socket.sendall(b"".join([self._sent(p, now_s) for p in range(len(self._heads))]))

    def run_until(self, end_s: float) -> None:
        """Answer acks by batches until a moment of `time.perf_counter`."""
        while time.perf_counter() < end_s:
            try:
                packets = self._packets()
            except TimeoutError:
                return
            heard_s = time.perf_counter()
            found = [self._place(body) for kind, body in packets if kind == _PUBLISH]
            places = [place for place in found if place is not None]
            self.delays_s += [heard_s - self._sent_s[place] for place in places]
            self._socket.sendall(b"".join([self._sent(place, heard_s) for place in places]))

    def rounds(self) -> int:
        """Return how many batches each device has had acknowledged at least."""
        return min(self._next) - 1

    def left_alone(self) -> int:
        """Return how many devices have waited for too long."""
        now_s = time.perf_counter()
        return sum(now_s - sent_s > _PATIENCE_S for sent_s in self._sent_s)

    def _place(self, body: bytes) -> int | None:
        """Return whose ack it is; None: of a fleet that was here before."""
        return self._places.get(body[2 : 2 + int.from_bytes(body[:2], "big")])

    def _sent(self, place: int, now_s: float) -> bytes:
        number = self._next[place]
        if number == len(self._bodies):
            return b""
        self._next[place] = number + 1
        self._sent_s[place] = now_s
        return _packet(0x30, self._heads[place] + self._bodies[number][place % PHASES])

    def _answered(self, kind: int) -> None:
        while kind not in [each for each, _ in self._packets()]:
            pass

    def _packets(self) -> list[tuple[int, bytes]]:
        """Wait for bytes; return the packets that are whole: kind and body."""
        data = self._rest + self._socket.recv(1 << 18)
        packets, at = [], 0
        while (found := _body(data, at)) is not None:
            begin, end = found
            packets.append((data[at] >> 4, data[begin:end]))
            at = end
        self._rest = data[at:]
        return packets


def _body(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at a place begins and ends, or None if it is not whole.

    Source: MQTT 3.1.1, section 2.2.3 (remaining length).
    """
    size = shift = 0
    for place in range(at + 1, min(at + 5, len(data))):
        size |= (data[place] & 127) << shift
        shift += 7
        if data[place] < 128:
            end = place + 1 + size
            return (place + 1, end) if end <= len(data) else None
    return None


def _packet(head: int, body: bytes) -> bytes:
    size, length = len(body), bytearray([head])
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes(length) + body


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def heard_by(sender: Sender, seconds: float) -> Heard:
    """Let a fleet send, and return what it heard once it had settled."""
    sender.begin()
    sender.run_until(time.perf_counter() + SETTLE_S)
    sender.delays_s.clear()
    sys.stdout.write("settled\n")
    sys.stdout.flush()
    begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
    sender.run_until(begin_s + seconds)
    took_s, cpu_s = time.perf_counter() - begin_s, time.process_time() - begin_cpu_s
    p50_s, p99_s = np.percentile(sender.delays_s or [float("inf")], (50, 99)).tolist()
    acks, rounds = len(sender.delays_s), sender.rounds()
    return Heard(acks, took_s, p50_s, p99_s, rounds, sender.left_alone(), cpu_s)


def main() -> None:
    """Run for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    for name in ("devices", "size", "rounds", "seconds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--prefix", required=True)
    options = parser.parse_args()
    fleet = Fleet(options.prefix, options.devices, options.size)
    sender = Sender(options.host, options.port, fleet, options.rounds)
    heard = heard_by(sender, options.seconds)
    fields = {name: getattr(heard, name) for name in Heard.__slots__}
    sys.stdout.write(json.dumps(fields) + "\n")


if __name__ == "__main__":
    main()
