"""The command line of the fleet: what cannot be had is one clear line and exit code 2."""

import subprocess
from pathlib import Path

import pytest

from milepost_firmware_sim.cli import main
from tests.firmware_sim.programs import MILEPOST_SIM

BROKER = ("--broker", "127.0.0.1:1883")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--broker", "127.0.0.1"), "--broker 127.0.0.1: not HOST:PORT with a port of 1 to 65535"),
        (("--broker", "127.0.0.1:0"), "--broker 127.0.0.1:0: not HOST:PORT"),
        ((*BROKER, "--prefix", "van."), "--prefix van.: device id 'van.001' is not"),
        ((*BROKER, "--truth", "/nowhere/t.csv"), "--truth /nowhere/t.csv: No such file"),
        ((*BROKER, "--report", "/nowhere/r.json"), "--report /nowhere/r.json: No such file"),
        ((*BROKER, "--compare-dsn", "host=/nowhere"), "--compare-dsn: "),
        ((*BROKER, "--offline", "2"), "--offline"),
        ((), "--broker"),
    ],
)
def test_wish_that_cannot_be_granted_is_told_in_one_line(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each wrong option ends the program before it drives, with the option's name."""
    monkeypatch.setattr("sys.argv", ["milepost-sim", "fleet", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    out, line = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert line.count("\n") == 1
    assert said in line


def test_too_few_open_files_are_told_with_both_figures(tmp_path: Path) -> None:
    """A fleet that the system allows no sockets for says how many it needs and how many it may."""
    limited = f"ulimit -n 300 && exec {MILEPOST_SIM} fleet -n 500 --broker 127.0.0.1:1883"

    done = subprocess.run(
        ["/bin/sh", "-c", limited], capture_output=True, check=False, text=True, cwd=tmp_path
    )

    assert done.returncode == 2
    assert "-n 500: takes 600 open files, the system allows 300; raise" in done.stderr
    assert "Traceback" not in done.stderr
