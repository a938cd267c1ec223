"""Under which account a server runs: never as root.

PostgreSQL refuses to run as root, and a broker has no need to. Started by an ordinary user, a
server is that user. Started by root there are two ways, in this order:

1. User and group 65534 ("nobody"), who then owns the server's data. Safe, but needs the folder and
   the programs where that user can reach them.
2. A user namespace: the kernel's user stays root but without a single capability, the server sees
   65534. It reaches what root's files' modes give to root (a checkout under /root), but a broken
   server could write root's files; so it is the second choice. Containers often forbid it.

The owner of data that exists decides: a cluster of user N is run as N, one of root's in a
namespace. So the same folder works again and nothing changes its owner. We create no users and
change no rights of folders that we did not make.
"""

import os
import pwd
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from milepost_collector.embedded.errors import EmbeddedError
from milepost_collector.embedded.launch import NO_NAMESPACE

NOBODY = 65534
_PROBE_S = 30.0
_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Account:
    """Who a server is.

    Attributes:
        uid: The kernel's user id, owner of the files.
        gid: The kernel's group id.
        seen_id: User and group id inside a user namespace; None without one.
    """

    uid: int
    gid: int
    seen_id: int | None = None

    def command(self, command: list[str], death_signal: signal.Signals) -> list[str]:
        """Return `command` wrapped so that it runs as this account and dies with this process."""
        seen_id = NO_NAMESPACE if self.seen_id is None else self.seen_id
        numbers = [os.getpid(), int(death_signal), self.uid, self.gid, seen_id]
        return [sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, numbers), *command]

    def give_folder(self, folder: Path) -> None:
        """Make `folder` where it is missing: mode 0700, owned by this account.

        Raises:
            EmbeddedError: It exists and is a stranger's.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat().st_uid
        if owner not in (self.uid, os.geteuid()):
            raise EmbeddedError(f"{folder} belongs to user id {owner}, not to {self.uid}")
        if owner != self.uid:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)


def choose_account(folder: Path, data: Path, program: Path) -> Account:
    """Return the first account that can pass through `folder` and run `program`.

    Args:
        folder: The server's folder; exists.
        data: The server's data within; its owner decides when it exists.
        program: The server's binary.

    Raises:
        EmbeddedError: None can; the text says what to do.
    """
    owner = data.stat() if data.is_dir() else None
    complaints = []
    for account in _candidates(owner):
        complaint = _complaint(account, folder, program)
        if complaint is None:
            return account
        complaints.append(f"as {account.uid}/{account.seen_id}: {complaint}")
    raise EmbeddedError(
        f"no account that is not root can run {program} in {folder} ({'; '.join(complaints)}): "
        "start as an ordinary user, or move both to where every user may pass (chmod o+x)"
    )


def _candidates(owner: os.stat_result | None) -> list[Account]:
    """Return the accounts to try, best first."""
    ourselves = Account(os.geteuid(), os.getegid())
    namespaced = Account(ourselves.uid, ourselves.gid, _known_id())
    if ourselves.uid != 0:
        # initdb refuses a user that has no name, as `docker run --user 12345` gives.
        return [ourselves] if _has_name(ourselves.uid) else [namespaced, ourselves]
    if owner is None:
        return [Account(NOBODY, NOBODY), namespaced]
    return [namespaced if owner.st_uid == 0 else Account(owner.st_uid, owner.st_gid)]


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _known_id() -> int:
    """Return a user id other than 0 that has a name, 65534 where it does."""
    others = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    return NOBODY if NOBODY in others or not others else others[0]


def _complaint(account: Account, folder: Path, program: Path) -> str | None:
    """Try it; return None when `account` can, else what hinders it."""
    test = 'cd "$1" && test -x "$2" || { echo "cannot reach $1 or $2"; exit 1; }'
    command = ["/bin/sh", "-c", test, "sh", str(folder), str(program)]
    tried = subprocess.run(
        account.command(command, signal.SIGKILL),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_PROBE_S,
        check=False,
        cwd="/",
    )
    if tried.returncode == 0:
        return None
    return " ".join(tried.stdout.decode(errors="replace").split())
