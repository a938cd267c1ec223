"""The feed under load, over real programs: nothing missed, nothing out of order, and soon."""

import os
import signal
from pathlib import Path

import pytest

from milepost_collector.embedded import Address
from tests.collector.programs import wait_until
from tests.collector.web_program import web_program
from tests.fixtures.servers import FreshDatabase
from tests.system.collectors import Collectors
from tests.system.feed_load import Load, served_feed, under_load

# The promise is a second, which `make bench` measures; a busy machine here may need more.
P99_MAX_S = 5.0

# A program that stands still is ended by the others when its lease has run out (6 s).
TAKEN_OVER_S = 30.0

NUMBERER = (
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND pg_stat_activity.datname = current_database() "
    "AND (classid::bigint << 32) + objid::bigint = hashtext('milepost.numberer')::bigint"
)


def test_feed_with_writers_and_an_open_transaction_misses_nothing(
    tmp_path: Path, broker: Address, plain_database: FreshDatabase
) -> None:
    """Six writers, commits that come late, one that comes last, a reader: each event, in order."""
    with served_feed(tmp_path, plain_database, broker) as url:
        figures = under_load(plain_database.dsn, url, Load(10_000, 12))
    assert figures.written > 9_900
    assert (figures.missed, figures.doubled, figures.disordered) == (0, 0, 0)
    assert figures.p99_s < P99_MAX_S


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_feed_whose_numberer_fails_is_numbered_by_another(
    tmp_path: Path, broker: Address, plain_database: FreshDatabase, fault: signal.Signals
) -> None:
    """Of two collectors the one that numbers is killed or stopped: the other goes on with it."""
    with (
        Collectors(tmp_path, broker, plain_database) as collectors,
        web_program(tmp_path, plain_database) as (url, _),
    ):
        collectors.start("one")
        collectors.start("two")
        pids = {collectors.pid(name): name for name in ("one", "two")}

        def numberer() -> int | None:
            found = plain_database.rows(NUMBERER)
            return int(found[0][0].split("-")[-2]) if found else None

        wait_until(lambda: numberer() in pids, "somebody numbers")
        before = numberer()
        assert before is not None

        figures = under_load(
            plain_database.dsn, url, Load(3_000, 4), lambda: os.kill(before, fault)
        )
        assert (figures.missed, figures.doubled, figures.disordered) == (0, 0, 0)
        assert figures.max_s < TAKEN_OVER_S
        assert numberer() in pids.keys() - {before}
        if fault is signal.SIGSTOP:
            collectors.thaw(pids[before])
