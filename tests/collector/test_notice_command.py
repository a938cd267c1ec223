"""`milepost-collector notices`: what became of notices, sending again, and who hears nothing."""

import json
from pathlib import Path

import pytest

from tests.collector.notice_office import (
    ANNA,
    NEAR,
    event,
    put,
    settings_of,
    sink,
    tell,
    telling,
    wait_states,
)
from tests.collector.programs import run, settings
from tests.fixtures.servers import FreshDatabase


def test_notices_are_listed_without_anything_personal(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Lines for people, JSON for machines, and how many of all stand how."""
    put(plain_database)
    more = settings(plain_database.dsn)
    assert run("notices", "list", more=more).stdout == "no notices\n"
    with telling(plain_database, settings_of(tmp_path, [NEAR])):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["sent", "sent"])
    plain_database.run(
        "UPDATE notice SET state = 'unknown', reason = 'nobody knows' WHERE order_id = 'a'"
    )
    lines = run("notices", "list", more=more).stdout.splitlines()
    assert "near by sms  order b, stop s of p  sent 2" in lines[0]
    assert "near by sms  order a, stop s of p  unknown: nobody knows" in lines[1]
    assert lines[2] == "all: sent 1, unknown 1"
    told = json.loads(run("notices", "list", "--state", "unknown", "--json", more=more).stdout)
    assert told["counts"]["unknown"] == 1
    assert told["counts"]["waiting"] == 0
    assert [(each["order"], each["reason"]) for each in told["notices"]] == [("a", "nobody knows")]
    assert "4915" not in json.dumps(told)
    assert (
        len(
            json.loads(run("notices", "list", "--order", "b", "--json", more=more).stdout)[
                "notices"
            ]
        )
        == 1
    )


def test_unknown_notice_is_sent_again_when_somebody_says_so(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """Of its number, or all that failed; however old it is, and once."""
    put(plain_database)
    more = settings(plain_database.dsn)
    notices = settings_of(tmp_path, [NEAR])
    with telling(plain_database, notices):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["sent", "sent"])
        rows = plain_database.rows("SELECT number FROM notice ORDER BY number")
        first, second = (number for (number,) in rows)
        plain_database.run("UPDATE notice SET state = 'unknown', stale_at = 'epoch'")
        again = run("notices", "retry", str(first), str(first), more=more)
        assert again.stdout == "1 notices are sent again\n"
        wait_states(plain_database, ["sent", "unknown"])
        plain_database.run("UPDATE notice SET state = 'failed' WHERE state = 'unknown'")
        assert run("notices", "retry", "--failed", "--json", more=more).stdout == '{"queued": 1}\n'
        wait_states(plain_database, ["sent", "sent"])
        refused = run("notices", "retry", str(second), more=more)
        assert refused.returncode == 2
        assert refused.stderr == (
            f"milepost-collector: notice {second} is none that failed or is unknown\n"
        )
    assert len(sink(tmp_path)) == 4


def test_who_opts_out_is_found_by_order_or_address(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """An order stands for all addresses of who waits for it; the address is not stored."""
    put(plain_database)
    more = settings(plain_database.dsn)
    out = run("notices", "optout", "--order", "a", more=more)
    assert out.stdout == "3 addresses are told nothing any more\n"
    assert run("notices", "optout", "BEN@example.org", "--json", more=more).stdout == (
        '{"changed": 1}\n'
    )
    with telling(plain_database, settings_of(tmp_path, [NEAR])):
        tell(plain_database, event("stop.approaching"))
        wait_states(plain_database, ["dropped", "dropped"])
    assert "example" not in str(
        plain_database.rows("SELECT notice_optout::text FROM notice_optout")
    )
    # Now with another order and by the number alone.
    again = run("notices", "optout", str(ANNA.phone), "--remove", more=more)
    assert again.stdout == "1 addresses are told again\n"
    assert plain_database.value("SELECT count(*) FROM notice_optout") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry"], "retry: give either numbers or --failed"),
        (["retry", "5", "--failed"], "retry: give either numbers or --failed"),
        (["retry", "5"], "notice 5 is none that failed or is unknown"),
        (["optout"], "optout: give either an address or --order ID"),
        (["optout", "+49151", "--order", "a"], "optout: give either an address or --order ID"),
        (["optout", "secret-name"], "optout: that is neither a phone number"),
        (["optout", "--order", "x"], "there is no order 'x', or who waits for it was erased"),
    ],
)
def test_wrong_command_is_refused_in_one_line(
    plain_database: FreshDatabase, arguments: list[str], said: str
) -> None:
    """The line says what to mend, and holds no address."""
    done = run("notices", *arguments, more=settings(plain_database.dsn))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "secret-name" not in line


@pytest.mark.parametrize("command", ["web", "serve"])
def test_program_with_wrong_notices_does_not_start(tmp_path: Path, command: str) -> None:
    """One line names the file or the channel; the secret is not in it."""
    notices = settings_of(tmp_path, [{**NEAR, "by": ["fax"]}])
    more = {
        **settings("host=nowhere.invalid"),
        "MILEPOST_NOTICES__RULES": str(notices["rules"]),
        "MILEPOST_NOTICES__CHANNELS__SMS": "json://s3cret/{phone}",
    }
    done = run(command, more=more)
    assert done.returncode == 2
    assert done.stderr == (
        f"milepost-collector: notice file {notices['rules']}: rules[0].by: 'fax' is no channel; "
        "there is sms, webhook\n"
    )
    wrong = run(command, more={**more, "MILEPOST_NOTICES__CHANNELS__SMS": "nothing://s3cret"})
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("milepost-collector: [notices] channels.sms is no URL that")
    assert "s3cret" not in wrong.stderr
