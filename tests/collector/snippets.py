"""Programs that the documents show, run as they stand there."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).parents[2] / "collector" / "docs"


def shown(document: str) -> str:
    """Return the only Python program of a document."""
    _, *programs = (DOCS / document).read_text(encoding="utf-8").split("```python\n")
    (program,) = programs
    return program.partition("```")[0]


class Consumer:
    """A program of a document that runs.

    Attributes:
        out: What it says.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path) -> None:
        self.process = process
        self._out = out

    @property
    def lines(self) -> list[str]:
        """The lines that it has finished."""
        return self._out.read_text().splitlines()


@contextmanager
def consuming(folder: Path, document: str, *arguments: object) -> Iterator[Consumer]:
    """Run the program of a document; kill it at the end."""
    program, out = folder / "consumer.py", folder / "consumer.out"
    program.write_text(shown(document))
    if out.exists():  # what the one before was killed in the middle of is no line
        out.write_bytes(out.read_bytes().rpartition(b"\n")[0] + b"\n")
    with (
        out.open("ab") as lines,
        subprocess.Popen(
            [sys.executable, program, *map(str, arguments)], stdout=lines, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield Consumer(process, out)
        finally:
            process.kill()
