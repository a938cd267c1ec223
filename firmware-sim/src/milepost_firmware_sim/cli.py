"""The command line of the simulator.

Exit codes: 0 done, 1 our own fault or a demo that lost or doubled a fix, 2 a wrong command, file or
port: one line on standard error says which.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from milepost_firmware_sim.day.command import day
from milepost_firmware_sim.day.options import DayError
from milepost_firmware_sim.demo.programs import ProgramError
from milepost_firmware_sim.demo.show import DemoError, DemoOptions, run_demo
from milepost_firmware_sim.drive.command import drive
from milepost_firmware_sim.drive.drive import DriveError
from milepost_firmware_sim.faults.language import FaultError
from milepost_firmware_sim.fleet.command import MENDABLE as FLEET_MENDABLE
from milepost_firmware_sim.fleet.command import fleet
from milepost_firmware_sim.output import OutputError
from milepost_firmware_sim.ports.port import PortError
from milepost_firmware_sim.replay.command import check_faults, inspect, replay
from milepost_firmware_sim.replay.options import ReplayError
from milepost_firmware_sim.replay.recording import RecordingError
from milepost_firmware_sim.town.command import town
from milepost_firmware_sim.town.town import TownError
from milepost_firmware_sim.wire.command import wire
from milepost_schemas.timescale import TimescaleError

EXIT_UNSOUND = 1
EXIT_WRONG = 2


_MENDABLE = (
    DayError,
    DemoError,
    DriveError,
    FaultError,
    *FLEET_MENDABLE,
    OutputError,
    PortError,
    ProgramError,
    RecordingError,
    ReplayError,
    TimescaleError,
    TownError,
)

app = typer.Typer(
    name="milepost-sim",
    help="Recorded drives and drawn towns on a serial line.",
    add_completion=False,
    no_args_is_help=False,
)
app.command()(replay)
app.command()(inspect)
app.command("faults")(check_faults)
app.command()(fleet)
app.command()(town)
app.command()(drive)
app.command()(day)
app.command()(wire)


def main() -> None:
    """Run the command line and exit."""
    try:
        code = app(standalone_mode=False)
    except _MENDABLE as error:
        _fail(str(error))
    except typer.TyperException as error:
        _fail(error.format_message())
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # Who read our output has left; nobody is there to tell, nor anything to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code)


def _fail(message: str) -> None:
    typer.echo(f"milepost-sim: {' '.join(message.split())}", err=True)
    sys.exit(EXIT_WRONG)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1.0, help="How long; else until Ctrl-C.")
    ] = None,
    track: Annotated[
        Path | None, typer.Option(help="A recorded drive or a folder; else drawn ones.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
    data: Annotated[
        Path, typer.Option(help="Folder of all data, found again at the next start.")
    ] = Path(".milepost/demo"),
) -> None:
    """Show the whole system: vehicles, broker, database, events, and a page to watch."""
    if not run_demo(DemoOptions(seconds, track, report, data)):
        sys.exit(EXIT_UNSOUND)
