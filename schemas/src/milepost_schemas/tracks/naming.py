"""Which track of a file is meant: pure, from the tracks' names and the words of a command."""

from collections.abc import Sequence

from milepost_schemas.tracks.track import TrackError

# More are not named in one line.
_MOST_NAMED = 8


def place_named(names: Sequence[str], wish: str) -> int:
    """Return the place of the track that was asked for.

    Args:
        names: Of the tracks, in their order.
        wish: A name (or the only part of one, such as the trip in `vehicle/trip`), or a number
            from 1.

    Raises:
        TrackError: There is no such track, or several are meant.
    """
    found = [place for place, name in enumerate(names) if name == wish]
    found = found or [place for place, name in enumerate(names) if wish in name.split("/")]
    if not found and wish.isdecimal() and 1 <= int(wish) <= len(names):
        found = [int(wish) - 1]
    if len(found) == 1:
        return found[0]
    what = "no such track" if not found else f"{len(found)} tracks of that name; give the number"
    raise TrackError(f"--track {wish}: {what}; there are {told(names)}")


def told(names: Sequence[str]) -> str:
    """Name the tracks in one line."""
    numbered = [f"{number} ({name!r})" for number, name in enumerate(names, 1)]
    more = len(numbered) - _MOST_NAMED
    return ", ".join(numbered[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
