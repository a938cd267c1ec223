"""Several ingest programs over one database and one broker, and who of them holds what."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from milepost_collector.embedded import Address
from milepost_collector.ingest.arrival import Message
from milepost_collector.store.audit import Audit, audit
from milepost_collector.store.connection import connect
from milepost_firmware_sim.demo.programs import Programs
from tests.fixtures.servers import FreshDatabase
from tests.system.fleets import Fleet

SHARDS = 64

# The session of a COPY that has written some rows.
IN_COPY = "SELECT pid FROM pg_stat_progress_copy WHERE tuples_processed > 5"


class Collectors:
    """Ingest programs, stopped at the end of the `with` block.

    Args:
        folder: For their logs, `<name>.log`.
        broker: Where batches come from.
        database: Where they go.
        more: Other settings, as environment variables.
    """

    def __init__(
        self,
        folder: Path,
        broker: Address,
        database: FreshDatabase,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.broker = broker
        self.database = database
        self._folder = folder
        self._programs = Programs(
            folder,
            {
                "MILEPOST_DATABASE__DSN": database.dsn,
                "MILEPOST_BROKER__HOST": broker.host,
                "MILEPOST_BROKER__PORT": str(broker.port),
            }
            | dict(more or {}),
        )
        self._pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in self._pids:
            with suppress(ProcessLookupError):
                self.thaw(name)
        self._programs.__exit__(kind, error, trace)

    def start(self, name: str) -> None:
        """Start one (again), and wait until it holds shards."""
        self._programs.start(name, "milepost-collector", "ingest")
        self._programs.first_line(name, 60)
        self._pids[name] = self._programs._running[name].pid

    def stop(self, name: str) -> None:
        """Stop one as a service manager does."""
        self._programs.stop(name)
        del self._pids[name]

    def kill(self, name: str) -> None:
        """End one by SIGKILL."""
        self._programs.kill(name)
        del self._pids[name]

    def freeze(self, name: str) -> None:
        """Stop one in its tracks by SIGSTOP."""
        os.kill(self._pids[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let one go on."""
        os.kill(self._pids[name], signal.SIGCONT)

    def pid(self, name: str) -> int:
        """Return the process id of one."""
        return self._pids[name]

    def is_running(self, name: str) -> bool:
        """Whether one has not ended."""
        return self._programs.is_running(name)

    def log(self, name: str) -> str:
        """Return what one has said."""
        return (self._folder / f"{name}.log").read_text()

    def fleet(self, *arguments: str | Path) -> Fleet:
        """Start a fleet that compares itself with the table at the end."""
        return Fleet(self.broker, "--compare-dsn", self.database.dsn, *arguments)

    def shares(self) -> dict[str, int]:
        """Return how many shards each of ours holds by a lease that has not run out."""
        owners = self.database.rows("SELECT owner FROM shard_lease WHERE until > clock_timestamp()")
        by_pid = Counter(int(owner.split("-")[-2]) for (owner,) in owners)
        return {name: by_pid[pid] for name, pid in self._pids.items()}

    def is_even(self, *names: str) -> bool:
        """Whether these hold all shards, even within one."""
        shares = [self.shares()[name] for name in names]
        return sum(shares) == SHARDS and max(shares) - min(shares) <= 1

    def stored(self) -> int:
        """Count the fixes in the table."""
        return int(self.database.value("SELECT count(*) FROM fix"))

    def audit(self) -> Audit:
        """Let the database say whether it is sound."""
        with connect(self.database.dsn) as connection:
            return audit(connection)


class Ear:
    """Counts the acks at a broker, inside the `with` block.

    Attributes:
        acks: How many were heard.
    """

    def __init__(self, broker: Address) -> None:
        self.acks = 0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("milepost/v1/+/+/ack")
        self._client.on_message = self._on_message
        self._client.connect(broker.host, broker.port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: object, _data: object, _message: MQTTMessage) -> None:
        self.acks += 1


class Repeating:
    """Sends messages once a second, as units do that hear no ack, inside the `with` block."""

    def __init__(self, broker: Address, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat)
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect(broker.host, broker.port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _repeat(self) -> None:
        while not self._ended.is_set():
            for message in self._messages:
                self._client.publish(message.topic, message.payload)
            self._ended.wait(1.0)


class Slow:
    """Makes each row of a COPY take a millisecond, inside the `with` block, so that it is met."""

    _BODY = """
    CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN %s RETURN NEW; END $$
    """

    def __init__(self, database: FreshDatabase) -> None:
        self._database = database

    def __enter__(self) -> Self:
        self._set("PERFORM pg_sleep(0.0005);")
        self._database.run(
            "CREATE TRIGGER slowly BEFORE INSERT ON fix FOR EACH ROW EXECUTE FUNCTION slowly()"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._set("")  # a trigger could be dropped only behind all COPY

    def _set(self, body: LiteralString) -> None:
        self._database.run(self._BODY.replace("%s", body))
