"""What a person sees of a replay on standard error: progress, lines, and the question for more.

Decides nothing about the play. Time comes in as an argument.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

_PROGRESS_S = 0.2
# Where each report stays as a line of its own, fewer are enough.
_REPORT_S = 2.0


@dataclass(frozen=True, slots=True)
class Watching:
    """What a person wants to see.

    Attributes:
        progress: How far the play is.
        lines: Each line as it is played.
        stepping: Asked before each line.
    """

    progress: bool = False
    lines: bool = False
    stepping: bool = False


class Console:
    """Writes for a person; see `Watching`."""

    def __init__(
        self,
        watching: Watching,
        write: Callable[[str], object],
        *,
        is_terminal: bool,
        total_s: float | None,
    ) -> None:
        """Take what to show.

        Args:
            watching: What.
            write: Where to; takes text without adding a line end.
            is_terminal: A line can be written over.
            total_s: Length of the play; None: without end.
        """
        self.stepping = watching.stepping
        self._shows_lines = watching.lines or watching.stepping
        self._shows_progress = watching.progress
        self._write = write
        self._is_terminal = is_terminal
        self._total_s = total_s
        self._next_s = 0.0
        self._number = 0

    def show(self, data: bytes) -> None:
        """Show bytes that are about to be played, line by line, each with its number."""
        if not self._shows_lines:
            return
        for line in data.split(b"\n"):
            if line:
                self._number += 1
                text = line.rstrip(b"\r").decode("ascii", errors="backslashreplace")
                text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
                self._write(f"{self._number}: {text}{'' if self.stepping else os.linesep}")

    def ask(self) -> None:
        """Ask for the next line."""
        self._write("? ")

    def report(self, now_s: float, played_s: float, lines: int) -> None:
        """Tell how far the play is, now and then; `now_s` is monotonic."""
        if not self._shows_progress or now_s < self._next_s:
            return
        self._next_s = now_s + (_PROGRESS_S if self._is_terminal else _REPORT_S)
        self._tell(played_s, lines, "\r" if self._is_terminal else "", os.linesep)

    def end(self, played_s: float, lines: int) -> None:
        """Tell where the play ended."""
        if self._shows_progress:
            self._tell(played_s, lines, "\r" if self._is_terminal else "", os.linesep, last=True)

    def _tell(
        self, played_s: float, lines: int, begin: str, end: str, *, last: bool = False
    ) -> None:
        told = _clock(played_s)
        if self._total_s is not None:
            share = 1.0 if self._total_s <= 0.0 else min(played_s / self._total_s, 1.0)
            told += f" of {_clock(self._total_s)}  {share:4.0%}"
        self._write(f"{begin}{told}  {lines} lines {end if last or not begin else ''}")


def _clock(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
