"""`milepost-collector check`: the proof that what is stored is what came."""

import dataclasses
import json
import sys

from milepost_collector.progress import progress
from milepost_collector.store.audit import survey
from milepost_collector.store.connection import connect


def check_database(dsn: str, *, as_json: bool) -> bool:
    """Audit a database and tell what was found; return whether it is sound.

    Raises:
        OperationalError, InterfaceError: The database is lost (`connection.LOST`).
    """
    with connect(dsn) as database:
        seen = survey(database)
        with progress("check", seen.steps) as step:
            found = seen.audit(step)
    figures = dataclasses.asdict(found)
    if as_json:
        sys.stdout.write(json.dumps({**figures, "sound": found.is_sound}) + "\n")
        return found.is_sound
    faults = figures.pop("faults")
    sys.stdout.writelines(f"{name:12} {value}\n" for name, value in figures.items())
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return found.is_sound
