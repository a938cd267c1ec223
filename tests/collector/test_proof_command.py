"""`milepost-collector proof`: what it says, what it writes, and its exit codes."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import structlog
from PIL import Image

from milepost_collector.cli import main
from milepost_collector.delivery.source import Source
from milepost_collector.store.plans.locking import By
from milepost_collector.store.proofs.erasing import erase_proofs
from tests.collector.programs import run, settings
from tests.collector.proofs import AT, NAME, in_database, photo, planned, took, tour
from tests.collector.snippets import shown
from tests.fixtures.servers import FreshDatabase


@pytest.fixture
def proved(plain_database: FreshDatabase) -> FreshDatabase:
    """A database with two plans: a proof of everything, one without a photo, one elsewhere."""
    planned(plain_database, tour(), tour("tour-2", "van-2"))
    took(plain_database, picture=photo())
    took(plain_database, "k2", stop="s2")
    took(plain_database, "k1", plan="tour-2")
    return plain_database


def done(database: FreshDatabase, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the program's `main` in this process: a start costs a second."""
    said, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["milepost-collector", "proof", *map(str, words)])
        for name, value in settings(database.dsn).items():
            patch.setenv(name, value)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            # It set logging up for a standard error that ends here.
            structlog.reset_defaults()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return subprocess.CompletedProcess(words, code or 0, said.getvalue(), errors.getvalue())


def told(database: FreshDatabase, *words: str) -> dict[str, Any]:
    """Run it, and return what it tells machines."""
    return dict(json.loads(done(database, *words, "--json").stdout))


def tamper(database: FreshDatabase, statement: LiteralString) -> None:
    """Write into the record as only the owner of the database can."""
    with psycopg.connect(database.dsn) as connection:
        connection.execute("ALTER TABLE proof_link DISABLE TRIGGER USER")
        connection.execute(statement)


def refused(database: FreshDatabase, *words: str | Path) -> str:
    """Run it in vain; return the one line that says why."""
    ended = done(database, *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    return line


def test_verify_that_finds_tampering_ends_the_real_program_with_1(proved: FreshDatabase) -> None:
    """Which is what a script looks at."""
    assert run("proof", "verify", more=settings(proved.dsn)).returncode == 0
    tamper(proved, "DELETE FROM proof_link WHERE n = 3")
    ended = run("proof", "verify", more=settings(proved.dsn))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "proof/tour-1: link 3: change 3 is missing\n" in ended.stdout


def test_verify_says_that_all_is_whole(proved: FreshDatabase) -> None:
    """With figures, and 0."""
    ended = done(proved, "verify")
    assert ended.stdout.split() == (
        ["chains", "2", "links", "16", "erased", "0", "nothing", "was", "tampered", "with"]
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert told(proved, "verify", "--plan", "tour-2")["chains"][0]["changes"] == 5


def test_verify_tells_erased_from_tampered_with(proved: FreshDatabase) -> None:
    """One is counted, the other named by its first link, and the exit code is 1."""
    by = By(Source.DISPATCHER, "erasure 1", AT)
    in_database(proved, lambda connection: erase_proofs(connection, "tour-1", by, stop="s1"))
    ended = done(proved, "verify")
    assert ended.returncode == 0
    assert "erased  6\n" in ended.stdout
    tamper(proved, "UPDATE proof_part SET content = '\"Eve\"' WHERE plan = 'tour-2' AND no = 14")
    ended = done(proved, "verify")
    assert ended.returncode == 1
    assert "erased  6\n" in ended.stdout
    assert "proof/tour-2: link 3: its personal row 14 is not what was written\n" in ended.stdout
    assert ended.stdout.endswith("TAMPERED WITH\n")
    found = told(proved, "verify")
    assert not found["sound"]
    assert [each["broken_at"] for each in found["chains"]] == [None, 3]
    assert done(proved, "verify", "--plan", "tour-1").returncode == 0


def test_heads_that_were_noted_show_what_was_made_anew(
    proved: FreshDatabase, tmp_path: Path
) -> None:
    """A chain that is whole in itself is not the one that was noted."""
    heads = tmp_path / "heads.json"
    heads.write_text(done(proved, "verify", "--json").stdout)
    took(proved, "k3", stop="s2")
    assert done(proved, "verify", "--heads", heads).returncode == 0
    tamper(proved, "DELETE FROM proof_link WHERE chain = 'proof/tour-2'")
    tamper(proved, "DELETE FROM proof_part WHERE plan = 'tour-2'")
    tamper(proved, "DELETE FROM proof_chain WHERE plan = 'tour-2'")
    assert done(proved, "verify").returncode == 0
    ended = done(proved, "verify", "--heads", heads)
    assert ended.returncode == 1
    assert "proof/tour-2: it had 5 links, and has not so many now\n" in ended.stdout
    took(proved, "k1", plan="tour-2", stop="s2")
    ended = done(proved, "verify", "--heads", heads)
    assert ended.returncode == 1
    assert "proof/tour-2: its link 5 is not the one that was noted\n" in ended.stdout


def test_show_tells_what_is_stored(proved: FreshDatabase) -> None:
    """Of one plan, or of all that have such a stop."""
    ended = done(proved, "show", "s1", "--plan", "tour-1")
    assert ended.returncode == 0
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert lines[1:5] == [
        "stop       s1 of plan tour-1",
        "when       2026-11-20T09:28:41.500Z, by the driver",
        "stored     2026-11-20T09:30:00.000Z, link 1",
        "orders     o1, o2",
    ]
    assert f"name       {NAME}" in lines
    assert "place      48.137154, 11.576124, within 8.5 m" in lines
    assert "signature  2 strokes" in lines
    both = told(proved, "show", "s1")["proofs"]
    assert [each["plan"] for each in both] == ["tour-1", "tour-2"]
    assert both[0]["photo"]["media_type"] == "image/jpeg"
    assert both[1]["photo"] is None


def test_show_tells_what_was_erased(proved: FreshDatabase) -> None:
    """It is not passed over in silence."""
    by = By(Source.DISPATCHER, "erasure 1", AT)
    in_database(proved, lambda connection: erase_proofs(connection, "tour-2", by))
    ended = done(proved, "show", "s1", "--plan", "tour-2")
    assert "erased     request, signature, name, note, place" in ended.stdout
    assert NAME not in ended.stdout


@pytest.mark.parametrize(
    ("words", "rows", "named"),
    [
        (("--plan", "tour-1", "--stop", "s2"), 5, {"tour-1 s1", "tour-2 s1"}),
        (("--plan", "tour-1"), 11, {"tour-2 s1"}),
        (("--order", "o2"), 6, {"tour-1 s2", "tour-2 s1"}),
        (("--order", "o"), 0, {"tour-1 s1", "tour-1 s2", "tour-2 s1"}),
    ],
)
def test_erase_erases_what_is_asked_and_no_more(
    proved: FreshDatabase, words: tuple[str, ...], rows: int, named: set[str]
) -> None:
    """Of a stop, of a plan, or of where an order was brought; the chains stay whole."""
    ended = done(proved, "erase", *words)
    assert (ended.returncode, ended.stdout) == (0, f"{rows} parts of proofs are erased\n")
    left = proved.rows(
        "SELECT plan || ' ' || stop FROM proof_part WHERE content LIKE %s", f"%{NAME}%"
    )
    assert {where for (where,) in left} == named
    assert done(proved, "verify").returncode == 0
    assert sum(each["erased"] for each in told(proved, "verify")["chains"]) == rows


def test_export_can_be_verified_without_us(proved: FreshDatabase, tmp_path: Path) -> None:
    """By the program of the document, which finds a byte that was changed."""
    folder = tmp_path / "out"
    ended = done(proved, "export", folder)
    assert (ended.returncode, ended.stdout) == (0, f"3 proofs are in {folder}\n")
    (here,) = (folder / "plan-tour-1" / "stop-s1").iterdir()
    files = {path.name for path in here.iterdir()}
    assert files == {"proof.json", "photo.jpg", "signature.svg", "signature.png"}
    with Image.open(here / "photo.jpg") as image:
        assert image.size == (400, 300)
    program = tmp_path / "verify.py"
    program.write_text(shown("proof.md"))

    def verified(plan: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, program, folder / plan], capture_output=True, text=True, check=False
        )

    head = told(proved, "verify")["chains"][0]["head"]
    assert verified("plan-tour-1").stdout == f"whole, up to {head}\n"
    assert verified("plan-tour-2").returncode == 0
    kept = (here / "photo.jpg").read_bytes()
    (here / "photo.jpg").write_bytes(kept[:-9] + b"x" + kept[-8:])
    assert "its photo is not what the chain says" in verified("plan-tour-1").stderr
    (here / "photo.jpg").write_bytes(kept)
    chain = folder / "plan-tour-1" / "chain.json"
    chain.write_text(chain.read_text().replace('"driver"', '"dispatcher"', 1))
    assert verified("plan-tour-1").stderr == "link 1 is broken\n"


def test_export_of_one_stop_is_of_that_alone(proved: FreshDatabase, tmp_path: Path) -> None:
    """The chain is whole all the same."""
    assert done(proved, "export", tmp_path, "--plan", "tour-1", "--stop", "s2").returncode == 0
    assert [path.name for path in sorted((tmp_path / "plan-tour-1").iterdir())] == [
        "chain.json",
        "stop-s2",
    ]


def test_what_cannot_be_done_is_one_line(proved: FreshDatabase, tmp_path: Path) -> None:
    """And 2: nothing is wrong with the proofs."""
    assert "there are no proofs of a stop s9" in refused(proved, "show", "s9")
    assert "no proofs of a plan tour-9" in refused(proved, "verify", "--plan", "tour-9")
    assert "no such proofs" in refused(proved, "export", tmp_path / "a", "--stop", "s9")
    assert "give either --plan" in refused(proved, "erase")
    assert "give either --plan" in refused(proved, "erase", "--order", "o1", "--stop", "s1")
    (tmp_path / "b").write_text("x")
    assert "is no empty folder" in refused(proved, "export", tmp_path)
    assert "is no empty folder" in refused(proved, "export", tmp_path / "b")
    assert "Not a directory" in refused(proved, "export", tmp_path / "b" / "c")
    assert "No such file" in refused(proved, "verify", "--heads", tmp_path / "none")
    assert "is not what `proof verify --json` says" in refused(
        proved, "verify", "--heads", tmp_path / "b"
    )
    tamper(proved, "UPDATE proof_link SET said = 'nonsense' WHERE stop = 's2'")
    assert "run `milepost-collector proof verify`" in refused(proved, "show", "s2")
    assert done(proved, "verify").returncode == 1
