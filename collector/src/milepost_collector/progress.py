"""A bar on standard error for a person who waits, where that is a terminal; else nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def progress(label: str, total: int, *, at_once: int = 1) -> Iterator[Callable[[int], None]]:
    """Show how far some work is; give what is to be told of each so many more parts.

    Args:
        label: The work.
        total: About how many parts it has.
        at_once: The bar is drawn anew after so many.
    """
    with typer.progressbar(
        length=total,
        label=label,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        update_min_steps=at_once,
    ) as bar:
        yield bar.update
        bar.update_min_steps = 1
        bar.update(0)
