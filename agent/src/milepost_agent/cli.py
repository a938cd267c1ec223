"""The command line of the unit: run, status, export.

Exit codes: 0 done, 1 our own fault, 2 a wrong command, configuration, port or buffer.
"""

import argparse
import csv
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from milepost_agent import __version__
from milepost_agent.buffer import Buffer, BufferFileError
from milepost_agent.clock import Clock
from milepost_agent.config import AgentConfig, ConfigError, read_config
from milepost_agent.receiver import ReceiverError
from milepost_agent.unit import Unit
from milepost_schemas.event import rfc3339
from milepost_schemas.timescale import TimescaleError

EXIT_WRONG = 2

_EXPORTED = (
    "stream,seq,time,lat_e6,lon_e6,altitude_dm,speed_dmps,course_deg,hdop_tenths,satellites,kind,"
    "error_dm,date_repaired,stands_for,hole"
)


class _WrongError(Exception):
    """Something that the caller can mend; the message says what."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (
        ConfigError,
        ReceiverError,
        BufferFileError,
        TimescaleError,
        _WrongError,
    ) as error:
        sys.stderr.write(f"milepost-agent: {error}\n")
        sys.exit(EXIT_WRONG)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="milepost-agent", description="Reads the receiver, keeps every fix, delivers it."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run until SIGTERM")
    run.set_defaults(command=_run)
    status = commands.add_parser("status", help="say how the running agent is")
    status.add_argument("--json", action="store_true", help="everything, for machines")
    status.set_defaults(command=_tell_status)
    export = commands.add_parser("export", help="write the fixes in the buffer of a stopped agent")
    export.add_argument("--csv", action="store_true", required=True, help="as comma-separated text")
    export.set_defaults(command=_export)
    for command in (run, status, export):
        command.add_argument("--config", type=Path, required=True, help="the TOML file")
    return parser


def _run(options: argparse.Namespace) -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    unit = Unit(_config(options), Clock())
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.set_wakeup_fd(unit.wake_fd)
    unit.start()
    while not stopping:
        unit.step()
    signal.set_wakeup_fd(-1)
    unit.stop()


def _tell_status(options: argparse.Namespace) -> None:
    path = _config(options).status.path
    if not path:
        raise _WrongError(
            f"{options.config}: [status] path is not set, so the agent writes no status"
        )
    try:
        text = Path(path).read_text(encoding="utf-8")
        status = json.loads(text)
    except OSError as error:
        raise _WrongError(f"status file {path}: {error.strerror}") from None
    except ValueError as error:
        raise _WrongError(f"status file {path} cannot be read: {error}") from None
    if options.json:
        sys.stdout.write(text + "\n")
        return
    sys.stdout.write(
        f"{status['device']}: receiver {status['receiver']}, link {status['link']}, "
        f"{status['fixes_made']} fixes made, {status['backlog']} waiting to be stored\n"
    )


def _export(options: argparse.Namespace) -> None:
    config = _config(options)
    if not config.buffer.path.exists():
        raise _WrongError(f"buffer {config.buffer.path}: there is no such file")
    buffer = Buffer(config.buffer.path)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_EXPORTED.split(","))
    for ledger in buffer.ledgers():
        for kept in buffer.read(ledger.stream, 0, limit=-1):
            stream, time = ledger.stream.hex(), rfc3339(kept.fix.time_ms)
            *measured, repaired = kept.fix.measured()
            flags = (int(bool(repaired)), kept.stands_for, int(kept.hole))
            writer.writerow([stream, kept.seq, time, *measured, *flags])
    buffer.close()


def _config(options: argparse.Namespace) -> AgentConfig:
    return read_config(options.config, os.environ)
