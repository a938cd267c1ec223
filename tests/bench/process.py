"""The agent as a process: processor share, memory and first fix, beside the limits of the design.

A real agent reads a pseudo-terminal at the receiver's own pace and speaks TLS to a broker at which
nobody answers, so that its backlog grows.
"""

import json
import os
import ssl
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import psutil
import trustme

from milepost_collector.embedded import EmbeddedBroker
from tests.system.proxy import Proxy
from tests.system.world import wait_until

RUN_S = 20.0
SETTLE_S = 4.0


def process_rows(folder: Path) -> list[dict[str, Any]]:
    """Measure a unit at 1 Hz and at 10 Hz, eight sentences an instant."""
    rows: list[dict[str, Any]] = []
    for rate_hz, limit in ((1, 0.5), (10, 2.0)):
        share, rss_mb, first_fix_s = _measured(folder / f"unit-{rate_hz}", rate_hz)
        rows.append(_row(f"agent: processor at {rate_hz} Hz, 8 sentences", share, limit, "%"))
        rows.append(_row(f"agent: memory at {rate_hz} Hz, TLS, backlog", rss_mb, 40.0, "MB"))
        rows.append(_row(f"agent: first fix at {rate_hz} Hz", first_fix_s, 1.5, "s"))
    return rows


def _row(what: str, ours: float, limit: float, unit: str) -> dict[str, Any]:
    return {"what": what, "ours": ours, "peer": "limit", "peers": limit, "unit": unit}


def _measured(folder: Path, rate_hz: int) -> tuple[float, float, float]:
    """Return percent of a core, resident megabytes, and seconds to the first fix."""
    folder.mkdir()
    with _tls_broker(folder) as port, _Line(rate_hz) as line:
        config = _configured(folder, port, line.path)
        agent = subprocess.Popen(
            [Path(sys.executable).parent / "milepost-agent", "run", "--config", str(config)],
            stderr=subprocess.DEVNULL,
        )
        try:
            status = folder / "status.json"
            line.speak()
            wait_until(lambda: _told(status).get("fix") is not None, 20, "a first fix")
            first_fix_s = time.monotonic() - line.first_instant_s
            wait_until(lambda: _told(status)["link"] == "up", 20, "a link")
            wait_until(_Passed(SETTLE_S), SETTLE_S + 1, "a settled process")
            process = psutil.Process(agent.pid)
            before, begin_s = process.cpu_times(), time.monotonic()
            wait_until(_Passed(RUN_S), RUN_S + 1, "the run")
            after, took_s = process.cpu_times(), time.monotonic() - begin_s
            rss_mb = process.memory_info().rss / 1e6
            assert _told(status)["backlog"] > 0, "there is no backlog"
        finally:
            agent.terminate()
            agent.wait(20)
    used_s = after.user + after.system - before.user - before.system
    return used_s / took_s * 100, rss_mb, first_fix_s


class _Passed:
    """Comes true when so many seconds have passed."""

    def __init__(self, seconds: float) -> None:
        self._until_s = time.monotonic() + seconds

    def __call__(self) -> bool:
        return time.monotonic() >= self._until_s


class _Line:
    """A receiver that speaks eight sentences an instant into a pseudo-terminal."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._speak)
        self.first_instant_s = 0.0

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def speak(self) -> None:
        """Begin."""
        self._thread.start()

    def _speak(self) -> None:
        begin = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - tests read the true clock
        number = 0
        while not self._ended.wait(1 / self._rate_hz):
            os.write(self._master, _instant(begin + timedelta(seconds=number / self._rate_hz)))
            if number == 0:
                self.first_instant_s = time.monotonic()
            number += 1


def _instant(moment: datetime) -> bytes:
    clock = f"{moment:%H%M%S}.{moment.microsecond // 10_000:02}"
    place = f"4717.{(moment.timestamp() * 31) % 99_999:05.0f},N,00831.{20_000:05},E"
    bodies = (
        f"GNRMC,{clock},A,{place},23.400,87.10,{moment:%d%m%y},,,A,V",
        "GNVTG,87.10,T,,M,23.400,N,43.337,K,A",
        f"GNGGA,{clock},{place},1,09,0.95,412.3,M,47.1,M,,",
        "GNGSA,A,3,02,05,07,13,15,20,,,,,,,1.80,0.95,1.52,1",
        "GNGSA,A,3,66,75,81,,,,,,,,,,1.80,0.95,1.52,2",
        "GPGSV,2,1,06,02,45,120,38,05,60,200,41,07,30,300,35,13,20,050,33,1",
        "GPGSV,2,2,06,15,10,020,30,20,15,240,31,1",
        f"GNGLL,{place},{clock},A,A",
    )
    return b"".join(b"$%s*%02X\r\n" % (b.encode(), reduce(xor, b.encode())) for b in bodies)


@contextmanager
def _tls_broker(folder: Path) -> Iterator[int]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with EmbeddedBroker(folder / "mq") as broker:
        address = broker.address
        with Proxy(address.host, address.port, context=context) as proxy:
            yield proxy.port


def _configured(folder: Path, port: int, receiver: str) -> Path:
    config = folder / "agent.toml"
    config.write_text(
        f'[device]\nid = "bench"\n[receiver]\nport = "{receiver}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {port}\nca_file = "{folder / "ca.pem"}"\n'
        f'[buffer]\npath = "{folder / "buffer.db"}"\n[sampling]\ntolerance_m = 0\n'
        f'[status]\npath = "{folder / "status.json"}"\n'
    )
    return config


def _told(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return told
