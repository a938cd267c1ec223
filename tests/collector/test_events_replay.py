"""`milepost-collector events replay`: the engine again over stored fixes, against what was told."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.events.difference import difference, standing
from milepost_collector.events.revision import revision
from milepost_collector.store.connection import connect
from milepost_collector.store.definitions import publish
from milepost_schemas.event import Event, event_id, rfc3339
from milepost_schemas.fix import instant
from tests.collector.batches import OTHER_STREAM, START_MS, drive, message, take
from tests.collector.fences import circle, collection
from tests.collector.programs import run, settings
from tests.fixtures.servers import FreshDatabase
from tests.schemas.described import assert_described

DRIVE = drive(1, 300)
YARD = collection(circle("yard", DRIVE[150].fix, 200))
WIDE = collection(circle("yard", DRIVE[150].fix, 260), circle("gate", DRIVE[250].fix, 60))
ALWAYS = ("--from", "2026-11-01", "--to", "2026-12-01")
STORED = "SELECT id, type, subject, time, data, recorded_at FROM event ORDER BY entry"


@pytest.fixture
def driven(database: FreshDatabase) -> FreshDatabase:
    """A database with a drive through a fence, and its events."""
    with connect(database.dsn) as connection:
        publish(connection, YARD, instant(START_MS))
    take(database, message(DRIVE[:120]))
    take(database, message(DRIVE[120:]))
    return database


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A fence file with a larger fence, and another one."""
    path = tmp_path / "wide.geojson"
    path.write_text(json.dumps(WIDE))
    return path


def replayed(
    database: FreshDatabase, *arguments: str | Path
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Run the command; return its lines and its figures."""
    done = run("events", "replay", "--json", *arguments, more=settings(database.dsn))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], json.loads(done.stderr)


def changes(lines: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Of each line what changed, of which type and fence."""
    found = []
    for line in lines:
        event = line.get("replayed") or line["recorded"]
        kind = event["type"].removeprefix("org.milepost.")
        found.append((line["change"], kind, event["data"].get("fence") or ""))
    return found


def stored(database: FreshDatabase) -> dict[str, list[tuple[Any, ...]]]:
    """All rows that a replay could change."""
    return {
        "event": database.rows(STORED),
        "device": database.rows("SELECT * FROM device"),
        "definitions": database.rows("SELECT version, effective_at FROM definitions"),
        "feed": database.rows("SELECT * FROM feed"),
    }


def test_replay_with_the_definitions_of_then_finds_no_difference(driven: FreshDatabase) -> None:
    """What was told batch by batch is told again in one go."""
    lines, figures = replayed(driven, *ALWAYS)
    told = len(driven.rows(STORED))
    assert told >= 2
    assert lines == []
    assert figures == {"fixes": 300, "same": told, "added": 0, "gone": 0, "moved": 0}


def test_replay_passes_over_what_was_late_when_it_came(driven: FreshDatabase) -> None:
    """A late stream between two times that were known made no events, and makes none again."""
    late = drive(1, 40, start_ms=START_MS + 100_500)
    take(driven, message(late, stream=OTHER_STREAM))
    take(driven, message(drive(301, 400)))
    lines, figures = replayed(driven, *ALWAYS)
    assert (lines, figures["fixes"]) == ([], 400)


def test_replay_with_other_fences_tells_what_would_have_been(
    driven: FreshDatabase, wide: Path
) -> None:
    """A larger fence moves its crossings, another one adds some; nothing is changed by asking."""
    before = stored(driven)
    lines, figures = replayed(driven, *ALWAYS, "--fences", wide)
    assert sorted(changes(lines)) == [
        ("added", "fence.entered", "gate"),
        ("added", "fence.exited", "gate"),
        ("moved", "fence.entered", "yard"),
        ("moved", "fence.exited", "yard"),
    ]
    assert (figures["added"], figures["gone"], figures["moved"]) == (2, 0, 2)
    entered = lines[0]
    assert entered["recorded"]["time"] > entered["replayed"]["time"]
    assert stored(driven) == before


def test_replay_without_fences_has_events_gone(driven: FreshDatabase, tmp_path: Path) -> None:
    """Events of a fence that is not there are gone."""
    path = tmp_path / "none.geojson"
    path.write_text(json.dumps(collection()))
    lines, _ = replayed(driven, *ALWAYS, "--fences", path)
    assert changes(lines) == [("gone", "fence.entered", "yard"), ("gone", "fence.exited", "yard")]


def test_replay_with_other_rules_tells_what_would_have_been(
    driven: FreshDatabase, tmp_path: Path
) -> None:
    """Rules of a file hold in place of those of then, and fences stay those of then."""
    path = tmp_path / "rules.json"
    path.write_text('{"speed_limit_mps": 8}')
    lines, _ = replayed(driven, *ALWAYS, "--rules", path)
    assert changes(lines) == [("added", "vehicle.speeding", "")]


def test_replay_of_a_part_tells_only_of_it(driven: FreshDatabase, wide: Path) -> None:
    """The engine is run from the first fix on, and what happened outside the part is left out."""
    begin = rfc3339(START_MS + 150_000)
    lines, _ = replayed(
        driven, "--from", begin, "--to", "2026-12-01", "--fences", wide, "--vehicle", "van-1"
    )
    assert ("moved", "fence.entered", "yard") not in changes(lines)
    assert ("moved", "fence.exited", "yard") in changes(lines)


def test_replay_that_writes_tells_consumers_what_is_different_now(
    driven: FreshDatabase, wide: Path
) -> None:
    """Nothing that was told is changed: it is withdrawn and told anew; twice is as once."""
    before = stored(driven)
    _, figures = replayed(driven, *ALWAYS, "--fences", wide, "--write")
    assert figures["written"] == 6
    after = stored(driven)
    assert after["event"][: len(before["event"])] == before["event"]
    assert after["device"] == before["device"]
    fresh = after["event"][len(before["event"]) :]
    old = {str(row[0]): row for row in before["event"]}
    new = {str(row[0]) for row in fresh}
    withdrawn = [row for row in fresh if row[1] == "event.withdrawn"]
    assert len(withdrawn) == 2
    for _, _, subject, time, data, _ in withdrawn:
        was = old[data["withdraws"]]
        assert (was[2], was[3]) == (subject, time)
        assert data["type"] == f"org.milepost.{was[1]}"
        assert data["instead"] in new
    _, again = replayed(driven, *ALWAYS, "--fences", wide, "--write")
    assert (again["same"], again["written"]) == (figures["same"] + 4, 0)


def test_replay_that_writes_can_be_taken_back(driven: FreshDatabase, wide: Path) -> None:
    """Back to the definitions of then the same events stand again, under ids that nobody has."""
    replayed(driven, *ALWAYS, "--fences", wide, "--write")
    replayed(driven, *ALWAYS, "--write")
    lines, figures = replayed(driven, *ALWAYS)
    assert (lines, figures["gone"]) == ([], 0)
    ids = [row[0] for row in driven.rows(STORED)]
    assert len(ids) == len(set(ids))


def test_replay_after_retention_leaves_events_before_its_first_fix_alone(
    driven: FreshDatabase,
) -> None:
    """Events whose fixes were dropped for their age are not gone."""
    driven.run("DELETE FROM fix WHERE seq <= 200")
    lines, _ = replayed(driven, *ALWAYS)
    assert not [line for line in changes(lines) if line[0] == "gone"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--from", "2026-12-01", "--to", "2026-11-01"], "events replay: --to is not after --from"),
        ([*ALWAYS, "--vehicle", "nobody"], "events replay: there is no vehicle 'nobody'"),
        ([*ALWAYS, "--fences", "none.json"], "fence file none.json: No such file or directory"),
        ([*ALWAYS, "--rules", "none.json"], "rule file none.json: No such file or directory"),
    ],
)
def test_replay_that_cannot_be_done_says_why_in_one_line(
    plain_database: FreshDatabase, arguments: list[str], line: str
) -> None:
    """A wrong time, vehicle or file ends with 2 and one line."""
    done = run("events", "replay", *arguments, more=settings(plain_database.dsn))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"milepost-collector: {line}\n"


def made(kind: str, time_ms: int, **data: Any) -> Event:
    """An event of van-1."""
    told = event_id("van-1", time_ms, kind, data.get("fence", ""))
    return Event(told, kind, "van-1", "van-1", time_ms, data)


def test_difference_pairs_the_nearest_of_one_cause_only() -> None:
    """What moved is near in time and of one type and fence; else one is gone and another added."""
    recorded = [made("fence.entered", 0, fence="a"), made("fence.entered", 900_000, fence="a")]
    near, far = (
        made("fence.entered", 899_000, fence="a"),
        made("fence.entered", 9_000_000, fence="a"),
    )
    other = made("fence.entered", 1000, fence="b")
    found = difference(recorded, [near, far, other])
    assert found.moved == [(recorded[1], near)]
    assert found.gone == [recorded[0]]
    assert found.added == [far, other]
    assert found.same == []


def test_difference_takes_odometers_from_where_they_began() -> None:
    """A device that is counted from another first fix on has the same events."""
    recorded = [made("vehicle.stopped", n, odometer_m=1000.5 + n) for n in (1, 2, 3)]
    later = [made("vehicle.stopped", n, odometer_m=0.1 + n) for n in (1, 2, 3)]
    assert len(difference(recorded, later).same) == 3
    odd = [*later[:2], made("vehicle.stopped", 3, odometer_m=77.0)]
    assert difference(recorded, odd).moved[0][0] == recorded[2]


def test_revision_leaves_no_difference() -> None:
    """What stands after a revision is what was computed, whatever it was before."""
    first = [made("fence.entered", n * 1000, fence="a", n=n) for n in range(5)]
    second = [
        first[0],
        Event(first[1].id, first[1].type, "van-1", "van-1", 1500, {"fence": "a", "n": 7}),
        made("fence.entered", 9000, fence="c"),
    ]
    stored_events: list[Event] = list(first)
    for wanted in (second, first, second, [], first):
        found = difference(standing(stored_events), wanted)
        stored_events += revision(found, {event.id for event in stored_events})
        left = difference(standing(stored_events), wanted)
        assert (left.added, left.gone, left.moved) == ([], [], [])
        assert len(left.same) == len(wanted)
        ids = [event.id for event in stored_events]
        assert len(ids) == len(set(ids))
        assert all(isinstance(each, uuid.UUID) for each in ids)


def test_replayed_events_are_as_the_schema_says(driven: FreshDatabase, wide: Path) -> None:
    """Printed and written events, withdrawals among them, are described."""
    lines, _ = replayed(driven, *ALWAYS, "--fences", wide, "--write")
    more = {"recordedat": rfc3339(0), "cursor": "none"}
    for line in lines:
        for side in ("recorded", "replayed"):
            if side in line:
                assert_described(line[side] | more)
    for told, kind, subject, time, data, _ in driven.rows(STORED):
        event = {
            "specversion": "1.0",
            "id": str(told),
            "source": "milepost/van-1",
            "type": f"org.milepost.{kind}",
            "subject": subject,
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        }
        assert_described(event | more)
