"""The places where a process can be made to die."""

import signal
import subprocess
import sys

import pytest

from milepost_collector.failpoint import Failpoint, passing_from

PASS = """
import sys
from milepost_collector.failpoint import Failpoint, passing
for number in range(5):
    passing(Failpoint.AFTER_COMMIT)
    passing(Failpoint.AFTER_INSERT)
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("wanted", "passed", "code"),
    [
        ("", 5, 0),
        ("before-publish", 5, 0),
        ("after-commit", 0, -signal.SIGKILL),
        ("after-commit:1", 0, -signal.SIGKILL),
        ("after-commit:4", 3, -signal.SIGKILL),
        ("after-commit:6", 5, 0),
    ],
)
def test_failpoint_kills_at_its_place_and_time(wanted: str, passed: int, code: int) -> None:
    """The process ends by SIGKILL at the n-th passage, and nowhere else."""
    done = subprocess.run(
        [sys.executable, "-c", PASS],
        env={"MILEPOST_FAILPOINT": wanted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (len(done.stdout.split()), done.returncode) == (passed, code), done.stderr


@pytest.mark.parametrize("wanted", ["nowhere", "after-commit:x", ":3"])
def test_failpoint_that_is_none_is_refused(wanted: str) -> None:
    """A place that does not exist would never be passed: it is an error."""
    with pytest.raises(ValueError, match=r"nowhere|x|''"):
        passing_from(wanted)


def test_failpoint_that_is_not_wanted_does_nothing() -> None:
    """Without a place nothing is counted."""
    passing_from("")(Failpoint.AFTER_COMMIT)
