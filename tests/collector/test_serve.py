"""`serve` as a real process: everything from one command, and nothing left behind."""

import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from milepost_collector.embedded import Address
from tests.collector.programs import Running, run, running, settings, wait_until
from tests.collector.test_ingest_process import batch, delivered
from tests.collector.unit import Unit
from tests.fixtures.servers import FreshDatabase


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder whose servers keep their data from test to test."""
    place = Path(tempfile.mkdtemp(prefix="mp-", dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def own_servers(folder: Path) -> dict[str, str]:
    """The variables for a server that brings database and broker along."""
    return {"MILEPOST_EMBEDDED__FOLDER": str(folder / "data"), "MILEPOST_WEB__PORT": "0"}


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of these runs any more."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def healthy(url: str) -> bool:
    """Whether the web program answers."""
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_serve_brings_everything_along_and_leaves_nothing_behind(folder: Path) -> None:
    """One command starts database, broker, ingest and web; SIGTERM ends them all with 0."""
    with running(folder, "serve", more=own_servers(folder)) as program:
        addresses = program.addresses()
        broker = Address(*addresses["broker"])
        with Unit(broker, "van-1") as unit:
            assert delivered(unit, batch(1, 5)).last_seq == 5
        (vehicle,) = httpx.get(
            f"{addresses['web']}/v1/vehicles", trust_env=False, timeout=60
        ).json()["vehicles"]
        assert (vehicle["id"], vehicle["stored"]) == ("van-1", 5)
        children = program.descendants()
        assert {name for each in children for name in ("ingest", "web") if name in each.cmdline()}
        assert len(children) > 4
        assert program.stop() == 0
        assert gone(children)
    assert "Traceback" not in program.log.read_text()


def test_serve_that_is_killed_leaves_no_process_and_finds_its_data_again(folder: Path) -> None:
    """SIGKILL ends everything that it started; the next start goes on from what was stored."""
    device = f"van-{secrets.token_hex(4)}"
    with running(folder, "serve", more=own_servers(folder)) as program:
        with Unit(Address(*program.addresses()["broker"]), device) as unit:
            assert delivered(unit, batch(1, 5)).last_seq == 5
        children = program.descendants()
        assert len(children) > 4
        os.kill(program.process.pid, signal.SIGKILL)
        program.process.wait()
        wait_until(lambda: gone(children), "all children gone")
    with running(folder, "serve", more=own_servers(folder)) as program:
        addresses = program.addresses()
        with Unit(Address(*addresses["broker"]), device) as unit:
            assert delivered(unit, batch(6, 9)).last_seq == 9
        with psycopg.connect(addresses["dsn"]) as connection:
            counted = connection.execute(
                "SELECT count(*) FROM fix JOIN device ON no = fix.device WHERE device.device = %s",
                (device,),
            )
            assert counted.fetchone() == (9,)


def test_serve_in_a_folder_in_use_is_refused(folder: Path) -> None:
    """Two servers never share a folder: the second says so in one line and the first goes on."""
    with running(folder, "serve", more=own_servers(folder)) as program:
        addresses = program.addresses()
        second = run("serve", more=own_servers(folder))
        assert second.returncode == 2
        assert len(second.stderr.splitlines()) == 1
        assert "in use" in second.stderr
        assert healthy(addresses["web"])


def test_serve_puts_the_fences_and_rules_of_its_files_in_force(
    plain_database: FreshDatabase, broker: Address, tmp_path: Path
) -> None:
    """Both files are one version, the same files at the next start none; a bad one is refused."""
    fences, rules = tmp_path / "fences.geojson", tmp_path / "rules.json"
    fences.write_text('{"type": "FeatureCollection", "features": []}')
    rules.write_text('{"stop_s": 90}')
    files = {"MILEPOST_FENCES__FILE": str(fences), "MILEPOST_RULES__FILE": str(rules)}
    more = settings(plain_database.dsn, broker) | files
    for _ in range(2):
        with running(tmp_path, "serve", more=more) as program:
            program.addresses()
            assert program.stop() == 0
    assert plain_database.rows("SELECT rules FROM definitions") == [({"stop_s": 90},)]
    rules.write_text('{"stop_sec": 90}')
    refused = run("serve", more=more)
    assert refused.returncode == 2
    line = f"milepost-collector: rule file {rules}: unknown rule 'stop_sec'\n"
    assert refused.stderr == line


@pytest.fixture
def serving(plain_database: FreshDatabase, broker: Address, tmp_path: Path) -> Iterator[Running]:
    """A server over a configured database and broker."""
    with running(tmp_path, "serve", more=settings(plain_database.dsn, broker)) as program:
        yield program


def test_serve_starts_killed_programs_again(
    serving: Running, plain_database: FreshDatabase, broker: Address
) -> None:
    """Programs that die are started again and go on, web on the same port."""
    addresses = serving.addresses()
    device = f"van-{secrets.token_hex(4)}"
    with Unit(broker, device) as unit:
        assert delivered(unit, batch(1, 3)).last_seq == 3
        killed = [serving.child(name) for name in ("ingest", "web")]
        for each in killed:
            each.kill()
        assert delivered(unit, batch(4, 6, number=2)).last_seq == 6
    wait_until(lambda: healthy(addresses["web"]), "web again")
    assert not set(killed) & set(serving.descendants())
    assert plain_database.value("SELECT count(*) FROM fix") == 6
    assert serving.stop() == 0


def test_serve_on_a_port_in_use_says_so(plain_database: FreshDatabase, broker: Address) -> None:
    """A port that another program has is named, in one line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        more = settings(plain_database.dsn, broker) | {"MILEPOST_WEB__PORT": str(port)}
        done = run("serve", more=more)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"milepost-collector: [web] cannot listen on 127.0.0.1:{port}: Address already in use"
    )
