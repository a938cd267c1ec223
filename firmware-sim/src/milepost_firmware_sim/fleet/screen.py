"""What a fleet shows while it drives: a progress bar where somebody watches, else plain lines."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from milepost_firmware_sim.fleet.convoy import Sight
from milepost_firmware_sim.fleet.figures import Tally

# Where nobody watches live, a line is written so early and so often.
_PRINT_FIRST_S = 1.0
_PRINT_EVERY_S = 5.0


class Screen:
    """The terminal, on standard error: standard output is for the figures.

    Args:
        vehicles: How many there are.
        tally: Their counts.
    """

    def __init__(self, vehicles: int, tally: Tally) -> None:
        self._vehicles = vehicles
        self._tally = tally
        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._phase = ""
        self._printed_at_s = 0.0
        self._before: tuple[float, int, int] = (0.0, 0, 0)
        self._rates = (0.0, 0.0)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def show(self, sight: Sight) -> None:
        """Show how things stand."""
        if sight.phase != self._phase:
            self._phase = sight.phase
            self._printed_at_s = _PRINT_FIRST_S - _PRINT_EVERY_S
            self._before = (sight.elapsed_s, self._tally.batches, self._tally.acks)
            if self._console.is_terminal:
                self._begin_bar(sight)
        if self._progress is not None and self._bar is not None:
            self._measure(sight)
            done = min(sight.elapsed_s, sight.lasts_s)
            self._progress.update(self._bar, completed=done, said=self._words(sight))
            self._progress.refresh()
        elif sight.elapsed_s >= self._printed_at_s + _PRINT_EVERY_S:
            self._printed_at_s = sight.elapsed_s
            self._measure(sight)
            self.say(f"{sight.phase} {sight.elapsed_s:4.0f} s  {self._words(sight)}")

    def close(self) -> None:
        """End the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _begin_bar(self, sight: Sight) -> None:
        self.close()
        # No thread of its own: the loop has nothing to wait for then.
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}"),
            console=self._console,
            auto_refresh=False,
        )
        self._bar = self._progress.add_task(sight.phase, total=sight.lasts_s, said="")
        self._progress.start()

    def _measure(self, sight: Sight) -> None:
        """Work out the rates since the last time, at least a second ago."""
        before_s, batches, acks = self._before
        past_s = sight.elapsed_s - before_s
        if past_s >= 1.0:
            tally = self._tally
            self._rates = (tally.batches - batches) / past_s, (tally.acks - acks) / past_s
            self._before = (sight.elapsed_s, tally.batches, tally.acks)

    def _words(self, sight: Sight) -> str:
        tally = self._tally
        words = [
            f"{sight.up}/{self._vehicles} up",
            f"{self._rates[0]:.0f} batches/s",
            f"{self._rates[1]:.0f} acks/s",
            f"ack {_ms(tally, 0.5)}/{_ms(tally, 0.99)} ms",
            f"backlog {sight.backlog}",
        ]
        if sight.up < self._vehicles and tally.trouble is not None:
            words.append(f"last trouble: {tally.trouble}")
        return "  ".join(words)


def _ms(tally: Tally, share: float) -> str:
    latency_ms = tally.ack_latency.percentile_ms(share)
    return "-" if latency_ms is None else f"{latency_ms:.0f}"
