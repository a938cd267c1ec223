"""`milepost-agent tail`: a recorded log as fast as it can, and the configured port live."""

import gzip
import json
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.agent.line import RECORDED, gga, needs_recorded, rmc, sentence
from tests.agent.programs import DEADLINE_S, MILEPOST_AGENT, Terminal, Vehicle

KEYS = {
    "time",
    "lat_deg",
    "lon_deg",
    "altitude_m",
    "speed_mps",
    "course_deg",
    "hdop",
    "satellites",
    "kind",
    "error_m",
    "kept",
}


def standing(seconds: int) -> bytes:
    """A receiver that stands for so many seconds after noon."""
    times = [f"12{second // 60:02}{second % 60:02}.00" for second in range(seconds)]
    return b"".join(
        sentence(rmc(time, speed="0.0", course="")) + sentence(gga(time)) for time in times
    )


def tail(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        [MILEPOST_AGENT, "tail", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=DEADLINE_S,
    )


def objects(*arguments: str | Path) -> list[dict[str, Any]]:
    """Run the command with --json and return what it wrote."""
    done = tail("--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_tail_of_a_log_gives_one_object_a_fix(tmp_path: Path) -> None:
    """With --all every fix is told in its order with what becomes of it; unknown is null."""
    log = tmp_path / "log.nmea"
    log.write_bytes(standing(60))
    told = objects("--all", log)
    assert len(told) == 60
    assert set(told[0]) >= KEYS
    assert told[0]["time"] == "2026-01-01T12:00:00.000Z"
    assert told[0]["lat_deg"] == pytest.approx(47.285238, abs=1e-6)
    assert (told[0]["altitude_m"], told[0]["speed_mps"], told[0]["course_deg"]) == (
        408.0,
        0.0,
        None,
    )
    assert (told[0]["hdop"], told[0]["satellites"], told[0]["kind"]) == (0.9, 8, "2D")
    assert [each["time"] for each in told] == sorted(each["time"] for each in told)
    kept = [each for each in told if each["kept"]]
    assert told[0]["kept"]
    assert told[-1]["kept"]
    assert kept == objects(log)
    assert 4 <= len(kept) < 12


def test_tail_reads_a_pipe() -> None:
    """What another program writes can be shown, as with any tool of its kind."""
    done = subprocess.run(
        [MILEPOST_AGENT, "tail", "--json", "--all", "/dev/stdin"],
        input=standing(20),
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.splitlines()) == 20


def test_tail_keeps_all_where_the_tolerance_is_none(tmp_path: Path) -> None:
    """The sampler's tolerance can be given, and 0 keeps every fix."""
    log = tmp_path / "log.nmea"
    log.write_bytes(standing(60))
    assert len(objects("--tolerance", "0", log)) == 60


def test_tail_reads_gzip_and_tells_damage_after_what_was_sound(tmp_path: Path) -> None:
    """A log that ends in the middle of its gzip form gives what it held, and one clear line."""
    log = tmp_path / "log.nmea.gz"
    log.write_bytes(gzip.compress(standing(3000)))
    assert len(objects("--all", log)) == 3000
    log.write_bytes(log.read_bytes()[:-200])
    done = tail("--json", "--all", log)
    assert done.returncode == 2
    assert done.stderr.startswith(f"milepost-agent: {log} is damaged")
    assert len(done.stdout.splitlines()) > 1000


def test_tail_dates_a_log_without_dates_by_its_file(tmp_path: Path) -> None:
    """GGA says no day: the file's own is taken, and the flag says so."""
    log = tmp_path / "log.nmea"
    log.write_bytes(b"".join(sentence(gga(f"12000{n}.00")) for n in range(5)))
    told = objects("--all", log)
    day = time.strftime("%Y-%m-%d", time.gmtime(log.stat().st_mtime))
    assert [each["time"] for each in told] == [f"{day}T12:00:0{n}.000Z" for n in range(5)]
    assert all(each["date_repaired"] for each in told)


def test_tail_mends_dates_before_a_floor(tmp_path: Path) -> None:
    """With --floor a receiver's week rollover is mended, and the flag set; without, nothing is."""
    log = tmp_path / "log.nmea"
    log.write_bytes(sentence(rmc(date="070407")) + sentence(rmc("121501.00", date="070407")))
    assert objects(log)[0]["time"].startswith("2007-04-07")
    (mended, *_) = objects("--floor", "2026-11-21", log)
    assert (mended["time"], mended["date_repaired"]) == ("2026-11-21T12:15:00.000Z", True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a FILE"),
        (("/there/is/none.nmea",), "/there/is/none.nmea: No such file"),
        (("/etc/hostname",), "/etc/hostname holds no NMEA sentence"),
        (("/etc",), "/etc: Is a directory"),
        (("--tolerance", "-1", "/etc/hostname"), "--tolerance -1.0"),
    ],
)
def test_tail_of_what_is_no_log_says_so(arguments: tuple[str, ...], said: str) -> None:
    """What cannot be shown is one line that names it, and exit code 2."""
    done = tail(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_tail_of_the_port_shows_sentences_and_fixes_live(tmp_path: Path) -> None:
    """People see each sentence and each fix as it comes."""
    terminal = Terminal()
    van = Vehicle(tmp_path, terminal.path)
    command = [str(MILEPOST_AGENT), "tail", "--all", "--config", str(van.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            assert line_within(process, 10.0).split()[:3] == ["time", "lat_deg", "lon_deg"]
            # Opening the port empties it, so the first line may be lost to that.
            number = next(n for n in range(60) if is_shown(terminal, process, n, 0.5))
            for later in range(number + 1, number + 4):
                assert is_shown(terminal, process, later, 5.0)
        finally:
            process.kill()
    terminal.close()


def is_shown(
    terminal: Terminal, process: "subprocess.Popen[bytes]", number: int, seconds: float
) -> bool:
    """Say a sentence; return whether it is shown in time, and with it its fix."""
    assert process.stdout is not None
    terminal.say(sentence(rmc(f"1200{number:02}.00")))
    if not select.select([process.stdout], [], [], seconds)[0]:
        return False
    assert f"$GPRMC,1200{number:02}" in line_within(process, seconds)
    assert f"T12:00:{number:02}.000Z" in line_within(process, 5.0)
    return True


def line_within(process: "subprocess.Popen[bytes]", seconds: float) -> str:
    """Return the next line of a running command."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    assert ready, "nothing is shown"
    return process.stdout.readline().decode()


@needs_recorded
def test_tail_reads_a_recorded_drive() -> None:
    """A real drive of 100 minutes is told fix by fix, and few of them are kept."""
    told = objects("--all", RECORDED / "drives" / "switzerland_z205_a.nmea.gz")
    assert told[0]["time"].startswith("2010-04-03T11:22:25")
    assert 5900 < len(told) < 6000
    assert sum(each["kept"] for each in told) < 0.2 * len(told)
    assert any(each["kind"] == "estimated" for each in told)
