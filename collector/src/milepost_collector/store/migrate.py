"""Bringing the database up to date: ordered `.sql` files, each run once in its own transaction."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from psycopg.errors import InsufficientPrivilege

from milepost_collector.store.connection import AsyncDatabase, Database, DatabaseError, connect
from milepost_collector.store.leases import SESSIONS

_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    name        text PRIMARY KEY,
    digest      bytea NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)
"""

_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE %s
"""

# Two programs that start together must not both migrate.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('milepost.migrate'))"


class MigrationError(Exception):
    """The database cannot be brought up to date; the message names the migration."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; its name begins with its number."""

    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text: a step that has been applied must never change."""
        return hashlib.sha256(self.sql.encode()).digest()


def known_migrations() -> list[Migration]:
    """Return all steps, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in files]


def migrate(
    dsn: str, *, plain: bool = False, steps: Sequence[Migration] | None = None
) -> list[str]:
    """Apply the steps that the database lacks; return their names.

    Args:
        dsn: The database.
        plain: Use native partitions although the server has TimescaleDB.
        steps: What this program knows, in order; an older release knows fewer. All when None.

    Raises:
        MigrationError: A step fails, has changed since it was applied, or the database has steps
            that this version does not know.
        OperationalError: The server cannot be reached.
    """
    steps = known_migrations() if steps is None else steps
    applied = []
    with connect(dsn) as connection:
        if plain:
            # In a transaction of its own: an open one would hold all the steps together.
            with connection.transaction():
                connection.execute("SET milepost.plain = 'on'")
        for step in steps:
            with connection.transaction():
                # Extensions are made and tables rewritten here; nobody else waits for us yet.
                connection.execute("SET LOCAL lock_timeout = '60s'")
                connection.execute(_LOCK)
                _make_table(connection)
                if _apply(connection, step):
                    applied.append(step.name)
        _refuse_unknown(connection, steps)
        if applied:
            # A collector of an older release would go on as before: it looks when it comes back.
            connection.execute(_END_SESSIONS, (f"{SESSIONS}%",))
            connection.commit()
    return applied


async def refuse_newer(connection: AsyncDatabase) -> None:
    """Check that the database has no step that this program does not know.

    Raises:
        MigrationError: It has; a newer release is in charge of it.
        UndefinedTable: It has never been migrated (`connection.UNMADE`).
    """
    cursor = await connection.execute("SELECT name FROM migration ORDER BY name")
    _refuse(row[0] for row in await cursor.fetchall())


def _make_table(connection: Database) -> None:
    try:
        connection.execute(_TABLE)
    except InsufficientPrivilege as error:
        raise MigrationError(f"the database's user may not make tables: {error}") from error


def _apply(connection: Database, step: Migration) -> bool:
    row = connection.execute(
        "SELECT digest FROM migration WHERE name = %s", (step.name,)
    ).fetchone()
    if row is not None:
        if row[0] != step.digest:
            raise MigrationError(
                f"migration {step.name} was applied to this database with another text"
            )
        return False
    try:
        connection.execute(step.sql.encode())
    except DatabaseError as error:
        raise MigrationError(f"migration {step.name}: {error}") from error
    connection.execute(
        "INSERT INTO migration (name, digest) VALUES (%s, %s)", (step.name, step.digest)
    )
    return True


def _refuse_unknown(connection: Database, steps: Sequence[Migration]) -> None:
    rows = connection.execute("SELECT name FROM migration ORDER BY name").fetchall()
    _refuse((row[0] for row in rows), steps)


def _refuse(names: Iterable[str], steps: Sequence[Migration] | None = None) -> None:
    known = {step.name for step in steps or known_migrations()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise MigrationError(
            f"the database is newer than this program: it has migration {unknown[-1]}"
        )
