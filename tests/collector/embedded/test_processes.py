"""Servers and the life of the program that started them; servers of an ordinary user."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from milepost_collector.embedded import EmbeddedBroker, EmbeddedError, EmbeddedPostgres
from milepost_collector.embedded.processes import children_of, running
from tests.collector.embedded.servers import wait_until

ROOT = Path(__file__).parents[3]
BOTH = Path(__file__).with_name("both_servers.py")
NOBODY = 65534
# Ours may be where only root may pass; then the system's, when it is of the same version.
PYTHONS = [sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"]


def start_both_and_kill_program(folder: Path) -> list[int]:
    """Start both servers in a program, kill it, and return the servers' and children's ids."""
    with subprocess.Popen(
        [sys.executable, BOTH, folder], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        servers = [int(word) for word in program.stdout.readline().split()]
        everyone = servers + [child for pid in servers for child in children_of(pid)]
        assert len(servers) == 2
        assert len(everyone) > 4
        assert all(map(running, everyone))
        program.kill()
    return everyone


def test_servers_when_their_program_is_killed(folder: Path) -> None:
    """SIGKILL of the program that started them ends the servers and their children."""
    everyone = start_both_and_kill_program(folder)
    wait_until(lambda: not any(map(running, everyone)), f"{everyone} are gone")


def test_start_at_once_after_the_program_was_killed(open_folder: Path) -> None:
    """A start waits for what a killed program left behind to end, and then succeeds."""
    everyone = start_both_and_kill_program(open_folder)
    with EmbeddedPostgres(open_folder / "pg"), EmbeddedBroker(open_folder / "broker"):
        assert not any(map(running, everyone))


def test_servers_when_the_terminal_interrupts(made_cluster: Path, open_folder: Path) -> None:
    """Each server leads a session of its own, so Ctrl-C in a terminal does not reach it."""
    with EmbeddedPostgres(made_cluster) as pg, EmbeddedBroker(open_folder / "mq") as mq:
        assert pg.pid is not None
        assert mq.pid is not None
        assert os.getsid(pg.pid) == pg.pid
        assert os.getsid(mq.pid) == mq.pid


def test_signals_of_a_server(open_folder: Path) -> None:
    """A server ignores no signal because Python, which launched it, does."""
    with EmbeddedBroker(open_folder / "mq", kind="nats") as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
    ignored = next(int(line.split()[1], 16) for line in status.splitlines() if "SigIgn" in line)
    assert ignored & (1 << (signal.SIGXFSZ - 1)) == 0


def test_servers_of_root(folder: Path) -> None:
    """No server of root's has a capability, whichever way it was started."""
    if os.geteuid() != 0:
        pytest.skip("concerns root alone")
    with EmbeddedPostgres(folder / "pg") as pg, EmbeddedBroker(folder / "mq") as mq:
        for pid in (pg.pid, mq.pid):
            status = Path(f"/proc/{pid}/status").read_text()
            assert "CapEff:\t0000000000000000" in status
            assert "CapPrm:\t0000000000000000" in status


def test_everything_as_an_ordinary_user(open_folder: Path) -> None:
    """The tests of this folder pass for an ordinary user too."""
    if os.geteuid() != 0:
        pytest.skip("we are one already")
    open_folder.chmod(0o777)
    paths = [
        path for path in sys.path if "site-packages" in path or Path(path).is_relative_to(ROOT)
    ]
    environment = {
        "HOME": str(open_folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # nats-server is there
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join(paths),
    }
    python = next((one for one in PYTHONS if _works_for_nobody(one, environment)), None)
    if python is None:
        pytest.skip(f"{ROOT} or every one of {PYTHONS} is closed to other users")
    chosen = "restart or unwritable or program_is_killed"
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={open_folder}/tmp", "-k", chosen]
    done = _as_nobody([python, "-m", "pytest", *options, str(Path(__file__).parent)], environment)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def _works_for_nobody(python: str, environment: dict[str, str]) -> bool:
    try:
        done = _as_nobody([python, "-c", "import pytest, psycopg, tests.collector"], environment)
    except OSError:
        return False
    return done.returncode == 0


def _as_nobody(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def test_start_where_the_folder_is_unwritable(tmp_path: Path) -> None:
    """An ordinary user is told which folder cannot be written."""
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere; runs as an ordinary user by the test above")
    (tmp_path / "closed").mkdir(mode=0o500)
    for place in (tmp_path / "closed", tmp_path / "closed" / "below"):
        for server in (EmbeddedPostgres(place), EmbeddedBroker(place)):
            with pytest.raises(EmbeddedError, match=f"cannot .*{place}.*: Permission denied"):
                server.start()
