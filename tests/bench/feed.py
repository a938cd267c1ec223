"""The feed under load: from the end of a commit to a reader over HTTP, beside its limit.

Six writers with commits that come late, a transaction that is open all the while, one
`milepost-collector serve` and a reader by long-poll share the cores of this machine. An event that
is missed, doubled or out of order in its vehicle fails the measure.
"""

from pathlib import Path
from typing import Any

from milepost_collector.embedded import EmbeddedBroker, EmbeddedPostgres
from tests.fixtures.servers import FreshDatabase
from tests.system.feed_load import WRITERS, Load, served_feed, under_load

_LOAD = Load(10_000, 15)
_LIMIT_S = 1.0


def feed_rows(folder: Path) -> list[dict[str, Any]]:
    """Measure one load."""
    place = folder / "feed"
    place.mkdir()
    with EmbeddedPostgres(folder / "feed-pg") as postgres, EmbeddedBroker(folder / "feed-mq") as mq:
        database = FreshDatabase(postgres.dsn, "plain")
        database.migrate()
        with served_feed(place, database, mq.address) as url:
            figures = under_load(database.dsn, url, _LOAD)
    wrong = (figures.missed, figures.doubled, figures.disordered)
    assert wrong == (0, 0, 0), f"missed, doubled, out of order: {wrong}"
    what = f"feed: {figures.written:,} events of {WRITERS} writers, commit to reader"
    return [
        {
            "what": f"{what}, 99th of 100",
            "ours": figures.p99_s,
            "peer": peer,
            "peers": peers,
            "unit": "s",
        }
        for peer, peers in (("limit", _LIMIT_S), ("the 50th", figures.p50_s))
    ]
