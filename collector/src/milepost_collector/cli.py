"""The command line of the server.

Exit codes: 0 done, 1 the database is not sound or a fault of ours, 2 a wrong command, configuration
or file, or a server that cannot be reached.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from milepost_collector.checking import check_database
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig, ConfigError, database_dsn, read_config
from milepost_collector.definitions_file import put_in_force, read_fences, read_rules
from milepost_collector.delivery.notices.rules import NoticeRulesError
from milepost_collector.embedded import EmbeddedError
from milepost_collector.engine import FenceError, RulesError
from milepost_collector.eta.command import app as eta_app
from milepost_collector.eta.errors import EtaError
from milepost_collector.events.command import app as events_app
from milepost_collector.events.errors import EventsError
from milepost_collector.exporting import Form, moment, write_fixes
from milepost_collector.importing.command import ImportOptions, import_files
from milepost_collector.ingest.process import run_ingest
from milepost_collector.logs import configure_logs
from milepost_collector.notices.channel import ChannelError
from milepost_collector.notices.command import NoticesError
from milepost_collector.notices.command import app as notices_app
from milepost_collector.notices.preparing import prepare as prepare_notices
from milepost_collector.planning.command import PlansError
from milepost_collector.planning.command import app as plans_app
from milepost_collector.proof.command import ProofCommandError
from milepost_collector.proof.command import app as proof_app
from milepost_collector.serve import ServeError
from milepost_collector.serve import serve as run_serve
from milepost_collector.store.connection import LOST, UNMADE
from milepost_collector.store.export import Chosen
from milepost_collector.store.migrate import MigrationError
from milepost_collector.store.migrate import migrate as run_migrations
from milepost_collector.webhooks.command import WebhookError
from milepost_collector.webhooks.command import app as webhooks_app
from milepost_schemas.timescale import TimescaleError
from milepost_schemas.topics import SHARDS

EXIT_UNSOUND = 1
EXIT_WRONG = 2

ConfigPath = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]

app = typer.Typer(
    help="Stores every fix once, makes events, serves them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(eta_app, name="eta")
app.add_typer(events_app, name="events")
app.add_typer(notices_app, name="notices")
app.add_typer(proof_app, name="proof")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(plans_app, name="plans")


class _WrongError(Exception):
    """Something that the caller can mend; the message says what."""


def main() -> None:
    """Run the command line and exit."""
    configure_logs()
    try:
        app()
    except (
        ChannelError,
        ConfigError,
        EmbeddedError,
        EtaError,
        EventsError,
        FenceError,
        MigrationError,
        NoticeRulesError,
        NoticesError,
        PlansError,
        ProofCommandError,
        RulesError,
        ServeError,
        TimescaleError,
        WebhookError,
        _WrongError,
    ) as error:
        _exit_wrong(str(error))
    except UNMADE:
        _exit_wrong("database: its tables are missing: run `milepost-collector migrate`")
    except LOST as error:
        _exit_wrong(f"database: {error}")


def _exit_wrong(message: str) -> None:
    sys.stderr.write(f"milepost-collector: {' '.join(message.split())}\n")
    sys.exit(EXIT_WRONG)


@app.command()
def serve(config: ConfigPath = None) -> None:
    """Run everything: ingest and web, and the database and broker where none is configured."""
    settings = read_config(config)
    prepare_notices(settings.notices)
    run_serve(settings, config)


@app.command()
def ingest(config: ConfigPath = None) -> None:
    """Run only the program that takes batches from the broker into the database."""
    settings = read_config(config)
    _dsn(settings)
    if not settings.broker.host:
        raise _WrongError("[broker] host is not set; only `serve` brings a broker along")
    _run_until_signal(run_ingest(settings))


@app.command()
def web(
    config: ConfigPath = None,
    fd: Annotated[
        int | None, typer.Option(help="A listening socket inherited from `serve`.")
    ] = None,
) -> None:
    """Run only the program that serves pages and the API."""
    from milepost_collector.web.process import run_web  # starlette costs the other commands 0.2 s

    settings = read_config(config)
    _dsn(settings)
    prepare_notices(settings.notices)
    run_web(settings, fd)


@app.command()
def migrate(
    config: ConfigPath = None,
    plain: Annotated[
        bool, typer.Option(help="Native partitions although the server has TimescaleDB.")
    ] = False,
) -> None:
    """Bring the database up to date."""
    applied = run_migrations(_dsn(read_config(config)), plain=plain)
    sys.stdout.write(f"applied: {', '.join(applied) or 'nothing, it is up to date'}\n")


@app.command()
def fences(
    file: Annotated[Path, typer.Argument(help="A GeoJSON FeatureCollection.")],
    config: ConfigPath = None,
) -> None:
    """Put the fences of a file in force, ten seconds from now; rules stay as they are."""
    dsn = _dsn(read_config(config))
    changed = put_in_force(dsn, Clock(), fences=read_fences(file), rules=None)
    sys.stdout.write("in force in 10 s\n" if changed else "these fences are in force already\n")


@app.command()
def rules(
    file: Annotated[Path, typer.Argument(help="A JSON object of rules by name.")],
    config: ConfigPath = None,
) -> None:
    """Put the rules of a file in force, ten seconds from now; fences stay as they are."""
    dsn = _dsn(read_config(config))
    changed = put_in_force(dsn, Clock(), fences=None, rules=read_rules(file))
    sys.stdout.write("in force in 10 s\n" if changed else "these rules are in force already\n")


@app.command()
def check(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Verify the database: nothing stored twice, nothing missing that is not accounted for."""
    if not check_database(_dsn(read_config(config)), as_json=as_json):
        sys.exit(EXIT_UNSOUND)


@app.command()
def export(
    config: ConfigPath = None,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    begin: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="TIME", help="From this GPS time on."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", parser=moment, metavar="TIME", help="Until before this GPS time."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="Kind of file.")] = Form.CSV,
) -> None:
    """Write stored fixes: every number as comma-separated text, or lines for maps."""
    write_fixes(_dsn(read_config(config)), Chosen(device, begin, end), form)


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="NMEA logs, GPX or CSV; plain or gzip.", metavar="FILE...")
    ],
    config: ConfigPath = None,
    device: Annotated[str | None, typer.Option(help="Whose the fixes are.")] = None,
    device_from_track: Annotated[
        bool, typer.Option(help="Each track's name is its device's id, `_` for other characters.")
    ] = False,
    shard: Annotated[
        int | None, typer.Option(min=0, max=SHARDS - 1, help="Of new devices; else 0.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(help="Only this track: its name or number; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Store recorded drives: once, however often they are imported."""
    if (device is None) != device_from_track:
        raise _WrongError("import: give either --device ID or --device-from-track")
    settings = read_config(config)
    _dsn(settings)
    options = ImportOptions(files, device, shard, track or (), as_json)
    if not import_files(settings, options):
        sys.exit(EXIT_WRONG)


def _dsn(settings: CollectorConfig) -> str:
    return database_dsn(settings)


def _run_until_signal(work: Coroutine[None, None, None]) -> None:
    async def run() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
