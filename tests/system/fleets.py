"""The fleet of the simulator as a process, and what it says of itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from milepost_collector.embedded import Address

MILEPOST_SIM = Path(sys.executable).with_name("milepost-sim")


class Fleet:
    """A fleet that drives; it is killed at the end of the block if it still does."""

    def __init__(self, broker: Address, *arguments: str | Path) -> None:
        where = f"{broker.host}:{broker.port}"
        self.process = subprocess.Popen(
            [MILEPOST_SIM, "fleet", "--broker", where, "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line_with(self, words: str) -> str:
        """Wait for a line of progress."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if words in line:
                return line
        raise AssertionError(f"the fleet ended and never said {words!r}")

    def figures(self, code: int = 0) -> dict[str, Any]:
        """Wait for the end, and return what it said."""
        out, err = self.process.communicate(timeout=240)
        assert self.process.returncode == code, out + err
        figures: dict[str, Any] = json.loads(out)
        return figures
