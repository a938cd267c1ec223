"""Become a program that ends when its parent does: `python -m ...bound PARENT COMMAND...`.

It needs nothing but the kernel (prctl PR_SET_PDEATHSIG), so a demo that is killed outright leaves
no van on the road.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, *command: str) -> None:
    """Ask for SIGTERM at the parent's death, then be the command."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - a command of ours, by its path


if __name__ == "__main__":
    main(*sys.argv[1:])
