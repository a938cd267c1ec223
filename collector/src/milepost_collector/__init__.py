"""The server.

The data's way: `ingest` takes batches from the broker, decodes them, lets the pure `engine` work
out what they mean, and hands all of it to `store`, the only part that speaks to the database, in
one transaction; then it answers. `feed` numbers what was committed, `web` serves it. `serve` starts
all of this, and with `embedded` the database and the broker too where there are none.
"""

__version__ = "0.1.0"
