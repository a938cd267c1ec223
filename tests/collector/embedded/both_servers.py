"""A program that starts a database and a broker in FOLDER, says so, and waits to be killed."""

import signal
import sys
from pathlib import Path

from milepost_collector.embedded import EmbeddedBroker, EmbeddedPostgres

folder = Path(sys.argv[1])
postgres = EmbeddedPostgres(folder / "pg")
broker = EmbeddedBroker(folder / "broker")
postgres.start()
broker.start()
sys.stdout.write(f"{postgres.pid} {broker.pid}\n")
sys.stdout.flush()
signal.pause()
