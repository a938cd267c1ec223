"""The servers that a newcomer lacks: a PostgreSQL and an MQTT broker, as children of this process.

In: a folder for each. Out: a connection string for the one, a host and a port for the other.

Invariants:
- One folder, one server. A lock on the folder is inherited by the server and all its children, so
  whoever gets the lock knows that nothing of an earlier run is alive.
- No server runs as root (see `account`), and none listens to another machine.
- No server outlives us: its death signal is bound to ours. The kernel binds it to the *thread*
  that called `start()`, so `start()` belongs to the main thread, never to a worker that ends.
- Every server has a session of its own: Ctrl-C in a terminal reaches us alone, and we stop the
  servers in our order.
"""

from milepost_collector.embedded.broker import EmbeddedBroker
from milepost_collector.embedded.broker_kind import Address
from milepost_collector.embedded.errors import EmbeddedError
from milepost_collector.embedded.postgres import EmbeddedPostgres

__all__ = ["Address", "EmbeddedBroker", "EmbeddedError", "EmbeddedPostgres"]
