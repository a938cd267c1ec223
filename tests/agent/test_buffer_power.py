"""Power cuts: what `commit` has returned from is there, whatever moment the end comes at."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from milepost_agent.buffer import Buffer
from tests.agent.buffers import fix
from tests.agent.mounts import ext4, shut_down

ROUNDS = 20

# Commits in a loop, and says after each commit how far it has come: stream and newest number.
COMMITTER = """
import sys
from pathlib import Path
from milepost_agent.buffer import Buffer
from milepost_schemas.delivery.effect import Stored
from tests.agent.buffers import fix
buffer = Buffer(Path(sys.argv[1]), int(sys.argv[2]))
stream = buffer.begin_stream()
n = 0
for tick in range(100_000):
    for _ in range(1 + tick % 7):
        n += 1
        buffer.add(fix(n))
    buffer.set_open_end(fix(n + 1) if tick % 3 else None)
    newest = buffer.commit(5.0 * tick)
    if tick % 5 == 0:
        buffer.apply([Stored(stream, newest // 2)])
    sys.stdout.write(f"{stream.hex()} {newest}\\n")
    sys.stdout.flush()
"""


class Committer:
    """A process that commits until it is ended."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMITTER, str(path), str(max_bytes)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    def end(self) -> tuple[bytes, int]:
        """End it, and return the stream and the number that it came to."""
        assert self.process.stdout is not None
        self.process.kill()
        rest = self.process.stdout.read()
        self.process.wait()
        self.process.stdout.close()
        whole = [line for line in (self.said + rest).splitlines(keepends=True) if line[-1] == "\n"]
        stream, newest = whole[-1].split()
        return bytes.fromhex(stream), int(newest)


def check(path: Path, told: dict[bytes, int], max_bytes: int) -> None:
    """Find each number that was told: as its fix, in a gap of delivered ones, or thinned."""
    buffer = Buffer(path, max_bytes)
    health = buffer.health()
    assert (health.damaged, health.quarantined, health.cut) == (0, (), 0)
    ledgers = {ledger.stream: ledger for ledger in buffer.ledgers()}
    for stream, newest in told.items():
        if stream not in ledgers:
            continue  # all of it was delivered and released; checked when it was told
        assert ledgers[stream].newest >= newest
        covered = 0
        for kept in buffer.read(stream, 0, -1):
            assert kept.fix == fix(kept.seq)
            covered += kept.stands_for
        gaps = sum(gap.last - gap.first + 1 for gap in buffer.gaps(stream))
        assert covered + gaps == ledgers[stream].newest
    buffer.close()


@pytest.mark.parametrize("max_bytes", [10**8, 200_000])
def test_killed_process_has_lost_nothing_that_was_committed(tmp_path: Path, max_bytes: int) -> None:
    """SIGKILL at random moments, again and again over one file, also while room is being made."""
    chance = random.Random(2026)
    path = tmp_path / "buffer.db"
    told: dict[bytes, int] = {}
    for _ in range(ROUNDS // 2):
        committer = Committer(path, max_bytes)
        threading.Event().wait(chance.uniform(0.0, 0.4))  # the moment of the fault, not a wait
        stream, newest = committer.end()
        told[stream] = newest
        check(path, told, max_bytes)


def test_power_cut_of_a_file_system_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """An ext4 that stops at once, without writing its journal (A2), comes back with every commit.

    The file system is one of our own in a file, mounted by loop.
    """
    chance = random.Random(2026)
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    told: dict[bytes, int] = {}
    for _ in range(5):
        with ext4(image, folder):
            committer = Committer(folder / "buffer.db", 10**8)
            threading.Event().wait(chance.uniform(0.1, 0.5))  # the moment of the fault, not a wait
            committer.process.send_signal(signal.SIGSTOP)  # what it has said was durable before
            shut_down(folder)
            stream, newest = committer.end()
            told[stream] = newest
        with ext4(image, folder):
            check(folder / "buffer.db", told, 10**8)
