"""Opening the database, and telling a passing fault from a wrong address."""

from psycopg import (
    AsyncConnection,
    Connection,
    InterfaceError,
    InternalError,
    OperationalError,
    conninfo,
)
from psycopg import Error as DatabaseError
from psycopg.errors import UndefinedTable
from psycopg.rows import TupleRow

__all__ = [
    "LOST",
    "UNMADE",
    "AsyncDatabase",
    "Database",
    "DatabaseError",
    "DsnError",
    "check_dsn",
    "connect",
    "connect_async",
]

Database = Connection[TupleRow]
AsyncDatabase = AsyncConnection[TupleRow]

# What is raised when the server cannot be reached, goes away, is too busy, or has ended a session
# that did nothing inside a transaction (an InternalError to psycopg): try again.
LOST = (OperationalError, InterfaceError, InternalError)

# What is raised where `migrate` has not been run yet: somebody may run it.
UNMADE = UndefinedTable

# A transaction holds the rows of devices: nobody may sit on them, and nobody waits long for them.
# A device's fixes lie in the order of time, so the index reads them in the order of the table; with
# the server's default for random pages, made for disks that seek, it would sort them instead.
OPTIONS = (
    "-c lock_timeout=2s -c idle_in_transaction_session_timeout=5s -c timezone=UTC "
    "-c random_page_cost=1.1"
)

_CONNECT_TIMEOUT_S = 5


class DsnError(ValueError):
    """The address of the database cannot be read."""


def check_dsn(dsn: str) -> None:
    """Check the form of a database's address.

    Raises:
        DsnError: It is no libpq connection string or URI.
    """
    try:
        conninfo.conninfo_to_dict(dsn)
    except DatabaseError as error:
        raise DsnError(" ".join(str(error).split())) from None


def connect(dsn: str) -> Database:
    """Open a connection for commands that wait.

    Raises:
        OperationalError: The server cannot be reached.
    """
    return Connection.connect(dsn, connect_timeout=_CONNECT_TIMEOUT_S, options=OPTIONS)


async def connect_async(
    dsn: str, *, autocommit: bool = False, session: str = "milepost"
) -> AsyncDatabase:
    """Open a connection for the event loop.

    Args:
        dsn: The database.
        autocommit: Whether a statement outside a transaction commits by itself.
        session: The name under which the server shows it.

    Raises:
        OperationalError: The server cannot be reached.
    """
    return await AsyncConnection.connect(
        dsn,
        autocommit=autocommit,
        connect_timeout=_CONNECT_TIMEOUT_S,
        options=OPTIONS,
        application_name=session,
    )
