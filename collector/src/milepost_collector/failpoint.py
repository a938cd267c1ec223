"""Places where a process can be made to die, for tests: `MILEPOST_FAILPOINT=after-commit:3`.

The process kills itself with SIGKILL when it passes the named place for the given time (the first
without a number). Unset, passing a place calls a function that does nothing.
"""

import itertools
import os
import signal
from collections.abc import Callable
from enum import StrEnum

ENVIRONMENT_KEY = "MILEPOST_FAILPOINT"


class Failpoint(StrEnum):
    """The places: in the transaction that stores fixes and events, in carrying events out, and in
    telling people: notices made but not committed, `sending` committed, and called.
    """

    AFTER_INSERT = "after-insert"
    AFTER_COMMIT = "after-commit"
    BEFORE_PUBLISH = "before-publish"
    AFTER_PUBLISH = "after-publish"
    AFTER_CURSOR = "after-cursor"
    NOTICES_MADE = "notices-made"
    BEFORE_CALL = "before-call"
    AFTER_CALL = "after-call"


def passing_from(wanted: str) -> Callable[[Failpoint], None]:
    """Return what is to be called at each place.

    Args:
        wanted: `place` or `place:times`; empty: nowhere.

    Raises:
        ValueError: There is no such place, or the number is none.
    """
    if not wanted:
        return lambda _place: None
    name, _, times = wanted.partition(":")
    doomed, last = Failpoint(name), int(times or 1)
    passed = itertools.count(1)

    def die_here(place: Failpoint) -> None:
        if place is doomed and next(passed) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return die_here


passing = passing_from(os.environ.get(ENVIRONMENT_KEY, ""))
