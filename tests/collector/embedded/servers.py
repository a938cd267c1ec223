"""What the tests do with a server: ask the database, deliver a message, wait for an end."""

import shutil
import socket
import time
from collections.abc import Callable

import psycopg
import pytest

from milepost_collector.embedded import Address
from milepost_collector.embedded.broker_kind import KindName
from milepost_collector.embedded.mqtt_probe import answers_connect

KINDS: list[KindName] = ["mosquitto", "nats"]


def write_row(dsn: str, text: str) -> None:
    """Commit one row, making the table where it is missing."""
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def read_rows(dsn: str) -> list[str]:
    """Return all rows in the order of their text."""
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM kept ORDER BY text")]


def setting(dsn: str, name: str) -> str:
    """Return a server setting."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def answers(address: Address) -> bool:
    """Return whether a broker serves there."""
    return answers_connect(address.host, address.port, timeout_s=2.0)


def session_present(address: Address) -> bool:
    """Connect as one and the same client to its kept session, and return whether there was one."""
    client_id = b"client"
    body = b"\x00\x04MQTT\x04\x00\x00\x0a" + len(client_id).to_bytes(2, "big") + client_id
    with socket.create_connection((address.host, address.port), 5.0) as link:
        link.sendall(bytes([0x10, len(body)]) + body)
        answer = link.recv(4, socket.MSG_WAITALL)
        link.sendall(b"\xe0\x00")
    assert answer[:2] == b"\x20\x02"
    assert answer[3] == 0
    return answer[2] == 1


def refused(address: Address) -> bool:
    """Return whether a connection is refused."""
    with socket.socket() as link:
        return link.connect_ex((address.host, address.port)) != 0


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Wait for a condition, and fail naming it when it does not come true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {timeout_s} s: {what}"
        time.sleep(0.01)


def skip_without(kind: KindName) -> None:
    """Skip a test of mosquitto where it is not installed; nats comes with the package."""
    if kind == "mosquitto" and not (shutil.which(kind) or shutil.which("/usr/sbin/mosquitto")):
        pytest.skip("mosquitto is not installed")
