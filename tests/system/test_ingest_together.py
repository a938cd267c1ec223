"""Four collectors under the load of a fleet: started, killed, paused and started again.

The table is the truth: nothing lost, nothing twice, nothing invented, whoever holds which shard.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from milepost_collector.clock import Clock
from milepost_collector.embedded import Address
from milepost_collector.ingest.arrival import Message
from milepost_collector.store.leases import LEASE_S
from tests.collector.batches import drive, message
from tests.fixtures.servers import FreshDatabase
from tests.system.collectors import IN_COPY, Collectors, Repeating, Slow
from tests.system.proxy import Proxy
from tests.system.world import wait_until

# The promise is 10 s from the death, 6 of them the lease; a busy machine may take twice that.
TAKEOVER_S = 20.0
EVEN_S = 90.0


@pytest.fixture
def collectors(
    tmp_path: Path, broker: Address, plain_database: FreshDatabase
) -> Iterator[Collectors]:
    """No collector yet."""
    with Collectors(tmp_path, broker, plain_database) as collectors:
        yield collectors


def test_collectors_that_come_go_die_and_pause_store_each_fix_once(collectors: Collectors) -> None:
    """Shards stand even among those who live, a dead one's are taken over in seconds.

    One is killed, one is paused for longer than its leases, one is stopped in order, and all come
    again. A stopped one has given its shards away when it ends.
    """
    collectors.start("a")
    assert collectors.shares() == {"a": 64}
    drive_s = ("-n", "200", "--seconds", "28", "--every", "1", "--prefix", "many-")
    with collectors.fleet(*drive_s) as fleet:
        for name in "bcd":
            collectors.start(name)
        wait_until(lambda: collectors.is_even(*"abcd"), EVEN_S, "sixteen shards each")

        collectors.kill("b")
        wait_until(lambda: collectors.is_even(*"acd"), TAKEOVER_S, "the shards of the dead one")

        collectors.freeze("c")
        wait_until(lambda: collectors.is_even(*"ad"), TAKEOVER_S, "the shards of the paused one")
        collectors.start("b")
        collectors.thaw("c")
        wait_until(lambda: collectors.is_even(*"abcd"), EVEN_S, "sixteen shards each again")

        collectors.stop("a")
        assert collectors.is_even(*"bcd")
        collectors.start("a")
        wait_until(lambda: collectors.is_even(*"abcd"), EVEN_S, "sixteen shards each at last")
        figures = fleet.figures()

    assert (figures["lost"], figures["duplicates"], figures["invented"]) == (0, 0, 0)
    assert figures["fixes_stored"] == figures["fixes_committed"] > 4000
    assert all(collectors.is_running(name) for name in "abcd")
    assert "Traceback" not in "".join(map(collectors.log, "abcd"))
    assert collectors.audit().is_sound


# A COPY of so many does not fit into a socket, so whoever stands still leaves it unfinished.
_UNITS = 4
_FIXES = 4000
_ALL = _UNITS * _FIXES

_STUCK = (
    "SELECT pid FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid) "
    "WHERE wait_event = 'ClientRead'"
)


def test_collector_paused_inside_copy_is_freed_and_writes_nothing_over_its_successor(
    collectors: Collectors,
) -> None:
    """One that stands still in the middle of COPY holds rows that no timeout of the server frees.

    Its successor ends that session and stores the batches; awake again it stores nothing twice,
    lives on, and gets its share of the shards back.
    """
    database = collectors.database
    collectors.start("paused")
    with Repeating(collectors.broker, batches()):
        with Slow(database):
            wait_until(lambda: bool(database.rows(IN_COPY)), 60, "a COPY under way")
            collectors.freeze("paused")
            ((frozen,),) = database.rows(IN_COPY)
            collectors.start("successor")
            wait_until(
                lambda: database.rows(_STUCK) == [(frozen,)], LEASE_S, "a COPY without a client"
            )
        took_s = wait_until(lambda: collectors.is_even("successor"), TAKEOVER_S, "a takeover")
        wait_until(lambda: not database.rows(_STUCK), 60, "the end of its session")
        wait_until(lambda: collectors.stored() == _ALL, 60, "all fixes")
        collectors.thaw("paused")
        wait_until(lambda: collectors.is_even("paused", "successor"), EVEN_S, "32 shards each")
    assert took_s < TAKEOVER_S
    assert collectors.stored() == _ALL
    assert collectors.audit().is_sound
    assert collectors.is_running("paused")
    assert "Traceback" not in collectors.log("paused")


def test_collector_without_its_broker_leaves_its_shards_to_one_that_has_it(
    tmp_path: Path, collectors: Collectors
) -> None:
    """A lease is not kept by one that hears nothing; its sessions are left alone, for it lives."""
    folder = tmp_path / "cut-off"
    folder.mkdir()
    with Proxy(collectors.broker.host, collectors.broker.port) as line:
        there = replace(collectors.broker, host="127.0.0.1", port=line.port)
        with Collectors(folder, there, collectors.database) as others:
            others.start("cut-off")
            collectors.start("other")
            wait_until(lambda: collectors.shares() == {"other": 32}, EVEN_S, "32 shards each")
            line.line.black_hole = True
            line.cut()
            wait_until(lambda: collectors.is_even("other"), TAKEOVER_S, "all shards")
            assert others.is_running("cut-off")
            assert "database is away" not in others.log("cut-off")


def batches() -> list[Message]:
    """One large batch of each unit, up to a minute ago."""
    start_ms = Clock().now_ms() - (_FIXES + 60) * 1000
    fixes = drive(1, _FIXES, start_ms=start_ms)
    return [message(fixes, device=f"big-{n}", shard=n * 64 // _UNITS) for n in range(_UNITS)]
