"""The web program: uvicorn around the application."""

import resource
import sys

import uvicorn

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.ingest.process import READY
from milepost_collector.web.app import make_app

# Open streams are cut after this when the program is told to stop.
_FAREWELL_S = 1

# Where the system sets no limit.
_ENOUGH_FILES = 65_536

# What the program opens itself beside connections of readers: database, sinks, webhooks, pages.
_OWN_FILES = 200


def run_web(config: CollectorConfig, fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: Where to listen and where the database is.
        fd: A socket that listens already, or None to listen as configured.
    """
    app = make_app(config, Clock(), _tell_ready)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files == resource.RLIM_INFINITY:
        most_files = _ENOUGH_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    uvicorn.run(
        app,
        fd=fd,
        host=config.web.host,
        port=config.web.port,
        log_level="warning",
        timeout_graceful_shutdown=_FAREWELL_S,
        # Who comes beyond that is told to try again; sinks and webhooks go on.
        limit_concurrency=max(100, most_files - _OWN_FILES),
    )


def _tell_ready() -> None:
    sys.stdout.write(READY)
    sys.stdout.flush()
