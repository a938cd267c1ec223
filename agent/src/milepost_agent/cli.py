"""The command line of the unit: run, status, tail, export.

Exit codes: 0 done, 1 our own fault, 2 a wrong command, configuration, port, file or buffer.
"""

import argparse
import json
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

from milepost_agent import BUILD_DAY, __version__
from milepost_agent.board import boot_id
from milepost_agent.buffer import Buffer, BufferFileError, StreamGoneError
from milepost_agent.clock import Clock
from milepost_agent.config import AgentConfig, ConfigError, SamplingConfig, read_config
from milepost_agent.dating import LiveDating
from milepost_agent.export import FORMATS
from milepost_agent.keeping import policy_of
from milepost_agent.receiver import Receiver, ReceiverError
from milepost_agent.recorded import RecordedError, blocks, day_of
from milepost_agent.tail import JsonTail, ScreenTail, Tail
from milepost_agent.unit import Unit
from milepost_agent.uplink import TrustError
from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix
from milepost_schemas.timescale import TimescaleError

EXIT_WRONG = 2


class _WrongError(Exception):
    """Something that the caller can mend; the message says what."""


_MENDABLE = (
    BufferFileError,
    ConfigError,
    ReceiverError,
    RecordedError,
    StreamGoneError,
    TimescaleError,
    TrustError,
    _WrongError,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except _MENDABLE as error:
        sys.stderr.write(f"milepost-agent: {error}\n")
        sys.exit(EXIT_WRONG)
    except BrokenPipeError:
        # Who read our output has left; nobody is there to tell, nor anything to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


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
    form = export.add_mutually_exclusive_group(required=True)
    for name in FORMATS:
        form.add_argument(
            f"--{name}", dest="form", action="store_const", const=name, help=f"as {name.upper()}"
        )
    export.set_defaults(command=_export)
    for command in (run, status, export):
        command.add_argument("--config", type=Path, required=True, help="the TOML file")
    _add_tail(commands.add_parser("tail", help="show fixes of the receiver, or of a recorded log"))
    return parser


def _add_tail(tail: argparse.ArgumentParser) -> None:
    tail.set_defaults(command=_tail)
    tail.add_argument("file", type=Path, nargs="?", metavar="FILE", help="NMEA log, plain or gzip")
    tail.add_argument(
        "--all", action="store_true", help="also fixes that are not kept, and the sentences"
    )
    tail.add_argument("--json", action="store_true", help="one object a fix, for machines")
    tail.add_argument("--config", type=Path, help="the TOML file: port and sampling")
    tail.add_argument("--tolerance", type=float, metavar="M", help="[sampling] tolerance_m")
    tail.add_argument(
        "--floor", type=date.fromisoformat, metavar="DAY", help="mend dates of FILE before it"
    )


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
    receiver, buffer = status["receiver"], status["buffer"]
    reason = f" ({receiver['reason']})" if receiver["reason"] else ""
    silent = f", silent: {status['silent']}" if status["silent"] else ""
    sys.stdout.write(
        f"{status['device']}: receiver {receiver['state']}{reason}, link {status['link']}{silent}\n"
        f"  {status['fixes_made']} fixes made, {status['fixes_kept']} kept, "
        f"{status['backlog']} waiting to be stored\n"
        f"  buffer {buffer['state']}: {buffer['rows']} fixes, {buffer['bytes'] / 1e6:.1f} MB, "
        f"oldest waiting {buffer['oldest'] or '-'}\n"
    )


def _export(options: argparse.Namespace) -> None:
    config = _config(options)
    if not config.buffer.path.exists():
        raise _WrongError(f"buffer {config.buffer.path}: there is no such file")
    with closing(Buffer(config.buffer.path)) as buffer:
        streams = (
            (ledger.stream, buffer.read(ledger.stream, 0, limit=-1)) for ledger in buffer.ledgers()
        )
        sys.stdout.writelines(FORMATS[options.form](streams))


def _tail(options: argparse.Namespace) -> None:
    config = _config(options) if options.config else None
    sampling = config.sampling if config else SamplingConfig()
    if options.tolerance is not None:
        if not 0 <= options.tolerance <= 10_000:
            raise _WrongError(f"--tolerance {options.tolerance}: not in 0 to 10000")
        sampling = SamplingConfig(tolerance_m=options.tolerance)
    form = JsonTail if options.json else ScreenTail
    tail = form(policy_of(sampling), drops_too=options.all)
    if options.file is not None:
        items = _recorded_items(options.file, options.floor)
    elif config is not None:
        items = _live_items(config)
    else:
        raise _WrongError("tail: name a FILE, or a --config whose port is to be read")
    with suppress(KeyboardInterrupt):
        _show(tail, items)


def _show(tail: Tail, items: Iterator[bytes | MadeFix]) -> None:
    write = sys.stdout.write
    for line in tail.head():
        write(line + "\n")
    try:
        for item in items:
            shown = tail.take(item) if isinstance(item, MadeFix) else tail.sentence(item.decode())
            for line in shown:
                write(line + "\n")
    finally:  # also where the log is damaged at its end, or people have seen enough
        for line in tail.close():
            write(line + "\n")


def _recorded_items(path: Path, floor: date | None) -> Iterator[bytes | MadeFix]:
    decoder = NmeaDecoder(RecordedDating(day_of(path), floor), live=False)
    try:
        for block in blocks(path):
            yield from decoder.items(block, 0.0)
    except RecordedError:
        yield from decoder.close()  # what was sound before the damage
        raise
    yield from decoder.close()
    if not decoder.sentences:
        raise RecordedError(f"{path} holds no NMEA sentence with a right checksum")


def _live_items(config: AgentConfig) -> Iterator[bytes | MadeFix]:
    clock = Clock()
    dating = LiveDating(BUILD_DAY, boot_id(), None, clock.factor)
    with closing(Receiver(config.receiver.port, config.receiver.baud, dating)) as receiver:
        while True:
            now_s = clock.monotonic_s()
            yield from receiver.items(now_s)
            sys.stdout.flush()
            due_s = receiver.due_s()
            port = receiver.fileno()
            timeout_s = None if due_s is None else max(0.0, due_s - clock.monotonic_s())
            select.select([] if port is None else [port], [], [], timeout_s)


def _config(options: argparse.Namespace) -> AgentConfig:
    return read_config(options.config, os.environ)
