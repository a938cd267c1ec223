"""Every tutorial's collector: paho's callback, a fix a message as JSON, one INSERT, one commit.

`python -m tests.bench.tutorial HOST PORT DSN` is that program; `tutorial_per_s` measures it.
"""

import json
import subprocess
import sys
import time
from typing import Any

import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from milepost_collector.embedded import Address
from tests.bench.ingest_load import fix_of
from tests.system.world import wait_until

SETTLE_ROWS = 500
ROWS = 4000

# Enough that it never waits for the next message, too few for the broker to drop any.
_UNDER_WAY = 500
_PATIENCE_S = 120

_TABLE = """
CREATE TABLE position (
    id bigserial PRIMARY KEY,
    device text NOT NULL,
    time timestamptz NOT NULL,
    lat double precision NOT NULL,
    lon double precision NOT NULL,
    alt double precision,
    speed double precision,
    course double precision
);
CREATE INDEX ON position (device, time);
"""
_INSERT = (
    "INSERT INTO position (device, time, lat, lon, alt, speed, course) "
    "VALUES (%s, to_timestamp(%s), %s, %s, %s, %s, %s)"
)


def collect(host: str, port: int, dsn: str) -> None:
    """Store what comes, for ever."""
    database = psycopg.connect(dsn)

    def on_message(_client: object, _data: object, message: MQTTMessage) -> None:
        device = message.topic.split("/")[1]
        said = json.loads(message.payload)
        names = ("tst", "lat", "lon", "alt", "vel", "cog")
        database.execute(_INSERT, (device, *(said.get(name) for name in names)))
        database.commit()

    def on_connect(client: Client, *_: object) -> None:
        client.subscribe("tutorial/+")

    def on_subscribe(*_: object) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect, client.on_message = on_connect, on_message
    client.on_subscribe = on_subscribe
    client.connect(host, port)
    client.loop_forever()


def tutorial_per_s(broker: Address, dsn: str) -> float:
    """Return how many fixes a second it stores; `dsn` is an empty database."""
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(_TABLE)
        command = [sys.executable, "-m", "tests.bench.tutorial", broker.host, str(broker.port), dsn]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            try:
                assert program.stdout is not None
                assert program.stdout.readline() == "ready\n", "the tutorial does not start"
                return _measured(broker, database)
            finally:
                program.terminate()


def _measured(broker: Address, database: psycopg.Connection[Any]) -> float:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        fed = _Fed(client, database)
        fed.until(SETTLE_ROWS)
        begin_s, begin_rows = time.perf_counter(), fed.stored
        fed.until(SETTLE_ROWS + ROWS)
        return (fed.stored - begin_rows) / (time.perf_counter() - begin_s)
    finally:
        client.disconnect()
        client.loop_stop()


class _Fed:
    """Feeds the program so that some messages always wait for it."""

    def __init__(self, client: Client, database: psycopg.Connection[Any]) -> None:
        self._client = client
        self._database = database
        self._sent = 0
        self.stored = 0

    def until(self, rows: int) -> None:
        """Go on until so many rows are stored."""

        def fed() -> bool:
            for number in range(self._sent, self.stored + _UNDER_WAY):
                self._client.publish(f"tutorial/van-{number % 100}", _said(number))
            self._sent = self.stored + _UNDER_WAY
            ((self.stored,),) = self._database.execute("SELECT count(*) FROM position").fetchall()
            return self.stored >= rows

        wait_until(fed, _PATIENCE_S, f"row {rows}")


def _said(number: int) -> str:
    """Return a message with the fields of a fix, named as OwnTracks names them."""
    fix = fix_of(0, number)
    said = {
        "_type": "location",
        "tst": fix.time_ms / 1000,
        "lat": fix.lat_e6 / 1e6,
        "lon": fix.lon_e6 / 1e6,
        "alt": None if fix.altitude_dm is None else fix.altitude_dm / 10,
        "vel": None if fix.speed_dmps is None else fix.speed_dmps / 10,
        "cog": fix.course_deg,
    }
    return json.dumps({name: value for name, value in said.items() if value is not None})


if __name__ == "__main__":
    collect(sys.argv[1], int(sys.argv[2]), sys.argv[3])
