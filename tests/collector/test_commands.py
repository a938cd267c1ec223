"""The commands as real processes: what they do, and how they refuse."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from milepost_collector.definitions_file import read_fences, read_rules
from milepost_collector.engine import FenceError, RulesError
from milepost_schemas.fix import Fix
from tests.collector.batches import NOW_MS, drive, message, take
from tests.collector.fences import circle, collection, polygon
from tests.collector.programs import run, settings
from tests.fixtures.servers import FreshDatabase, created_database

UNREACHABLE = "host=/nowhere user=x dbname=x"
PLACE = Fix(NOW_MS, 48_000_000, 11_000_000)


def noted(note: object) -> bytes:
    """A fence file with a note of any kind."""
    return json.dumps(collection({**circle("yard", PLACE, 50), "note": note})).encode()


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the one line of a command that was refused."""
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    name, _, text = line.partition(": ")
    assert name == "milepost-collector"
    return text


@pytest.mark.parametrize(
    ("arguments", "more", "line"),
    [
        (["migrate", "--config", "c.toml"], {}, "c.toml: unknown key 'web.prot'"),
        (["check", "--config", "none.toml"], {}, "none.toml: No such file or directory"),
        (
            ["migrate"],
            {"MILEPOST_DATABASE__DSN": "nonsense"},
            'environment: database.dsn: missing "=" after "nonsense" in connection info string',
        ),
        (
            ["migrate"],
            {},
            "[database] dsn is not set; `serve` prints the one of the database it brings along",
        ),
        (
            ["migrate"],
            {"MILEPOST_DATABASE__DSN": UNREACHABLE},
            "database: connection is bad: ",
        ),
        (
            ["ingest"],
            {"MILEPOST_DATABASE__DSN": UNREACHABLE},
            "[broker] host is not set; only `serve` brings a broker along",
        ),
        (
            ["fences", "f.geojson"],
            {"MILEPOST_CLOCK": "soon", "MILEPOST_DATABASE__DSN": UNREACHABLE},
            "MILEPOST_CLOCK='soon' is not `start,factor` such as",
        ),
        (
            ["serve"],
            {"MILEPOST_DATABASE__DSN": UNREACHABLE, "MILEPOST_BROKER__HOST": "127.0.0.1"},
            "database: connection is bad: ",
        ),
    ],
)
def test_command_that_cannot_be_done_says_why_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: Sequence[str],
    more: dict[str, str],
    line: str,
) -> None:
    """A wrong configuration or an unreachable database ends with 2, one line and no traceback."""
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text("[web]\nprot = 1\n")
    Path("f.geojson").write_text(json.dumps(collection()))
    assert refusal(run(*arguments, more=more)).startswith(line)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "No such file or directory"),
        ("{}", "is no GeoJSON FeatureCollection"),
        (
            json.dumps(collection(polygon("bow", [(0, 0), (1, 1), (1, 0), (0, 1)]))),
            "fence 'bow': Self-intersection",
        ),
        (
            json.dumps(collection(polygon("fine", [(n / 1e5, 0) for n in range(100_000)]))),
            "fence 'fine': 100001 vertices are more than 10000",
        ),
        (
            json.dumps(collection(circle("north", Fix(NOW_MS, 91_000_000, 11_000_000), 50))),
            "fence 'north': longitude 11.0, latitude 91.0 is not on Earth",
        ),
    ],
    ids=["missing", "no GeoJSON", "crossing itself", "vertices", "latitude"],
)
def test_fences_with_a_bad_file_names_file_and_fence(
    plain_database: FreshDatabase, tmp_path: Path, content: str | None, line: str
) -> None:
    """A file that cannot be used is named with the reason, and changes nothing."""
    path = tmp_path / "fences.geojson"
    if content is not None:
        path.write_text(content)
    text = refusal(run("fences", path, more=settings(plain_database.dsn)))
    assert text.startswith(f"fence file {path}: {line}")
    assert plain_database.rows("SELECT FROM definitions") == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[1, 2", "is no JSON: Expecting ',' delimiter: line 1 column 6 (char 5)"),
        (b"\xff", "is no JSON: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "is no JSON: maximum recursion depth exceeded"),
        (noted(float("nan")), "is no JSON: NaN is no JSON value"),
        (noted("a\0b"), "holds the character U+0000, which cannot be stored"),
        (noted("\ud800"), "is no JSON: 'utf-8' codec can't encode"),
    ],
    ids=["cut", "not UTF-8", "deep", "NaN", "NUL", "surrogate"],
)
def test_read_fences_refuses_what_cannot_be_stored(
    tmp_path: Path, content: bytes, line: str
) -> None:
    """A file that is no JSON, or whose JSON a database cannot hold, is named with the reason."""
    path = tmp_path / "fences.geojson"
    path.write_bytes(content)
    with pytest.raises(FenceError) as raised:
        read_fences(path)
    assert str(raised.value).startswith(f"fence file {path}: {line}")


def test_fences_of_a_good_file_are_in_force_in_ten_seconds(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """A file is put in force once; the same again changes nothing."""
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps(collection(circle("yard", PLACE, 50))))
    said = [run("fences", path, more=settings(plain_database.dsn)).stdout for _ in range(2)]
    assert said == ["in force in 10 s\n", "these fences are in force already\n"]
    after_s = plain_database.value(
        "SELECT extract(epoch FROM effective_at - now()) FROM definitions"
    )
    assert 0 < after_s <= 10


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[]", "is no JSON object of rules"),
        (b'{"stop_sec": 60}', "unknown rule 'stop_sec'"),
        (b'{"stop_s": 5}', "stop_s = 5 is not from 20 to 3600"),
        (b'{"vehicles": {"van-1": {"trip_m": "far"}}}', "vehicles.van-1.trip_m = 'far' is no n"),
        (b'{"stop_s": NaN}', "is no JSON: NaN is no JSON value"),
        (b'{"vehicles": {"a\\u0000b": {}}}', "holds the character U+0000, which cannot be stored"),
    ],
)
def test_read_rules_refuses_what_no_engine_takes(tmp_path: Path, content: bytes, line: str) -> None:
    """A file with an unknown rule, or a value out of range, is named with the reason."""
    path = tmp_path / "rules.json"
    path.write_bytes(content)
    with pytest.raises(RulesError) as raised:
        read_rules(path)
    assert str(raised.value).startswith(f"rule file {path}: {line}")


def test_rules_of_a_good_file_are_in_force_in_ten_seconds(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Rules are put in force once, beside the fences that are there; a bad file changes nothing."""
    fences, rules, bad = (tmp_path / name for name in ("f.geojson", "r.json", "bad.json"))
    fences.write_text(json.dumps(collection(circle("yard", PLACE, 50))))
    rules.write_text('{"stop_s": 90}')
    bad.write_text('{"stop_sec": 90}')
    more = settings(plain_database.dsn)
    assert run("fences", fences, more=more).returncode == 0
    said = [run("rules", rules, more=more).stdout for _ in range(2)]
    assert said == ["in force in 10 s\n", "these rules are in force already\n"]
    assert refusal(run("rules", bad, more=more)) == f"rule file {bad}: unknown rule 'stop_sec'"
    stored = plain_database.rows(
        "SELECT rules, fences -> 'features' -> 0 ->> 'id', effective_at > now() - interval '1 min' "
        "FROM definitions ORDER BY version"
    )
    assert stored == [({}, "yard", True), ({"stop_s": 90}, "yard", True)]


def test_commands_on_a_database_that_is_empty_say_so(plain_server: str, tmp_path: Path) -> None:
    """Before `migrate` commands say what to do, in one line."""
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps(collection(circle("yard", PLACE, 50))))
    with created_database(plain_server) as dsn:
        for arguments in (["export"], ["fences", path]):
            text = refusal(run(*arguments, more=settings(dsn)))
            assert "run `milepost-collector migrate`" in text


def test_migrate_and_check_of_a_database_tell_what_they_did(plain_server: str) -> None:
    """`migrate` names what it applied, `check` gives figures and ends with 1 where they are bad."""
    with created_database(plain_server) as dsn:
        more = settings(dsn)
        fresh = FreshDatabase(dsn, "plain")
        assert run("migrate", more=more).stdout.startswith("applied: 0001_devices, 0002_fixes,")
        assert run("migrate", more=more).stdout == "applied: nothing, it is up to date\n"
        take(fresh, message(drive(1, 3)), message(drive(1, 2), device="van-2"))
        sound = run("check", "--json", more=more)
        assert sound.returncode == 0
        assert json.loads(sound.stdout)["fixes"] == 5
        fresh.run("DELETE FROM fix WHERE seq = 2")
        broken = run("check", more=more)
        assert broken.returncode == 1
        assert "unaccounted  2\n" in broken.stdout


def test_migrate_of_a_database_that_is_not_there_names_it(plain_server: str) -> None:
    """A database that the server does not have is named."""
    dsn = make_conninfo(plain_server, dbname="never_made")
    assert 'database "never_made" does not exist' in refusal(run("migrate", more=settings(dsn)))
