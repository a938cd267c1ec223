"""What /proc says of processes that are not our own children."""

from pathlib import Path

_PROC = Path("/proc")


def _stat(pid: int) -> tuple[str, int] | None:
    """Return state and parent of process `pid`, None when there is none (proc(5))."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = text.rpartition(")")[2].split()[:2]  # the name before may hold anything
    return state, int(parent)


def running(pid: int) -> bool:
    """Return whether `pid` runs; a zombie does not."""
    found = _stat(pid)
    return found is not None and found[0] not in "ZX"


def children_of(pid: int) -> list[int]:
    """Return the process ids of the direct children of `pid`."""
    everyone = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]
    return [one for one in everyone if (found := _stat(one)) is not None and found[1] == pid]


def works_in(pid: int, folder: Path) -> bool:
    """Return whether `pid` runs in the folder `folder`; False where we may not look."""
    try:
        return (_PROC / str(pid) / "cwd").samefile(folder)
    except OSError:
        return False
