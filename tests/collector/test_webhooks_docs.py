"""The receiver in the documentation works as it stands."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.collector.events import event, fill
from tests.collector.programs import wait_until
from tests.collector.webhook_sender import SECRET, account, add, delivering
from tests.fixtures.servers import FreshDatabase

DOCS = Path(__file__).parents[2] / "collector" / "docs" / "webhooks.md"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_receiver_of_the_documentation_takes_events_and_refuses_others(
    plain_database: FreshDatabase, tmp_path: Path
) -> None:
    """It prints each event once, also one that comes again, and answers 401 to a stranger."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "receiver.py"
    script.write_text(code, encoding="utf-8")
    url = f"http://127.0.0.1:{(port := free_port())}/hook"
    said = tmp_path / "said"
    with (
        said.open("w") as output,
        subprocess.Popen(
            [sys.executable, script],
            env={**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)},
            stdout=output,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            webhook = add(plain_database, url, secret=SECRET)
            fill(plain_database, [event(n) for n in range(5)])
            with delivering(plain_database, retry_s=(0.2,) * 50):
                wait_until(lambda: account(plain_database, webhook).delivered == 5, "all taken")
                plain_database.run("UPDATE webhook SET queued_to = 0, replays = 1")
                wait_until(lambda: account(plain_database, webhook).delivered == 10, "again")
            stranger = httpx.post(
                url, content=b"{}", headers={"webhook-id": "x"}, trust_env=False, timeout=60
            )
            assert stranger.status_code == 401
        finally:
            process.kill()
    lines = said.read_text().splitlines()
    assert [line.split()[1:3] for line in lines] == [["van-1", "org.milepost.fence.entered"]] * 5
    assert [f'"f{n}"' in line for n, line in enumerate(lines)] == [True] * 5


def test_documentation_names_every_command_and_key() -> None:
    """What the program has stands in the text."""
    from milepost_collector.webhooks.command import app

    text = DOCS.read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        assert re.search(rf"(webhooks|\|) {name}\b", text), name
    for key in ("deliver", "allow_private", "parallel", "retry_s", "probe_s"):
        assert key in text
