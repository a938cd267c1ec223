"""What the demo shows on the terminal: a table that lives, and each event as it comes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

# Where nobody watches live, the table is printed so often.
_PRINT_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """One vehicle's line.

    Attributes:
        buffered: Fixes on the unit that are not stored yet.
        lag_s: True seconds since the newest position known to the server was measured.
    """

    vehicle: str
    lat_deg: float | None
    lon_deg: float | None
    speed_mps: float | None
    buffered: int
    stored: int
    lag_s: float | None


class Screen:
    """The terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._live: Live | None = None
        self._printed_at_s: float | None = None

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, soft_wrap=True)

    def open(self) -> None:
        """Begin the live table, where somebody watches."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4)
            self._live.start()

    def close(self) -> None:
        """End the live table."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, lines: Iterable[Line], share: float | None, now_s: float) -> None:
        """Show the vehicles.

        Args:
            lines: One a vehicle.
            share: How much of the demo's time has gone, 0 to 1; None without an end.
            now_s: Monotonic seconds.
        """
        table = _table(lines)
        if self._live is not None:
            if share is not None:
                table.caption = ""
                grid = Table.grid()
                grid.add_row(table)
                grid.add_row(ProgressBar(total=1.0, completed=min(share, 1.0), width=72))
                table = grid
            self._live.update(table)
        elif self._printed_at_s is None or now_s >= self._printed_at_s + _PRINT_EVERY_S:
            self._printed_at_s = now_s
            self.console.print(table)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Print an event."""
        kind = event["type"].removeprefix("org.milepost.").replace(".", " ")
        self.say(f"{event['time']}  {event['subject']}  {kind}  {event['data'].get('fence', '')}")


def _table(lines: Iterable[Line]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("vehicle")
    for name in ("latitude", "longitude", "km/h", "buffered", "stored", "lag"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(
            line.vehicle,
            "-" if line.lat_deg is None else f"{line.lat_deg:.5f}",
            "-" if line.lon_deg is None else f"{line.lon_deg:.5f}",
            "-" if line.speed_mps is None else f"{line.speed_mps * 3.6:.0f}",
            str(line.buffered),
            str(line.stored),
            "-" if line.lag_s is None else f"{line.lag_s:.1f} s",
        )
    return table
