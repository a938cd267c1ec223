"""A file of positions as streams of fixes: pure.

In flow the bytes of a file, out flow its tracks, each as one stream that is named by the digest of
what the file holds: the same file again is the same streams again, of which all is stored.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from milepost_schemas.exported.rows import is_exported, read_exported
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import STREAM_BYTES
from milepost_schemas.tracks.fixes import read_fixes
from milepost_schemas.tracks.naming import place_named, told
from milepost_schemas.tracks.track import TrackError

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Drive:
    """A track of a file as a stream.

    Attributes:
        name: As the file names it; empty for an NMEA log, which is one track.
        owner: Whose it is, as far as the file says.
        stream: 8 bytes.
        fixes: Numbered from 1; at least one.
        left_out: Points of the file that became no fix.
        is_owned: The file says that the owner is a device of ours: it is an export.
    """

    name: str
    owner: str
    stream: bytes
    fixes: tuple[KeptFix, ...]
    left_out: int
    is_owned: bool = False


def read_drives(data: bytes) -> list[Drive]:
    """Read all tracks that have fixes: of NMEA logs, GPX, CSV, and of what Milepost exports as CSV.

    The only track is named by the first 8 bytes of the SHA-256 of `data`, one of several by those
    of the SHA-256 of that digest and its name.

    Args:
        data: The whole file, unpacked.

    Raises:
        TrackError: The file is of no such kind, is damaged, or holds no fix.
    """
    tracks = list(_exported(data) if is_exported(data) else _recorded(data))
    digest = hashlib.sha256(data).digest()
    if len(tracks) == 1:
        return [replace(tracks[0], stream=digest[:STREAM_BYTES])]
    drives = []
    seen: Counter[str] = Counter()
    for track in tracks:
        told_apart = f"{track.name}\0{seen[track.name]}" if seen[track.name] else track.name
        seen[track.name] += 1
        named = hashlib.sha256(digest + told_apart.encode("utf-8", "surrogateescape")).digest()
        drives.append(replace(track, stream=named[:STREAM_BYTES]))
    return drives


def chosen(drives: Sequence[Drive], wishes: Sequence[str]) -> list[Drive]:
    """Return the drives that are asked for by name or number, in their order; all without a wish.

    Raises:
        TrackError: There is no such track, or several are meant by one wish.
    """
    names = [drive.name for drive in drives]
    places = {place_named(names, wish) for wish in wishes} or range(len(drives))
    return [drives[place] for place in sorted(places)]


def by_device(drives: Sequence[Drive], device: str | None) -> list[tuple[str, Drive]]:
    """Return each drive with the id of its device.

    Args:
        drives: At least one.
        device: Of all of them; None: what the file calls each, with `_` for what ids cannot hold.

    Raises:
        TrackError: The file does not say whose a drive is, or two owners would have one id.
    """
    if device is not None:
        return [(device, drive) for drive in drives]
    owners = {drive.owner: _NOT_IN_IDS.sub("_", drive.owner) for drive in drives}
    if "" in owners:
        raise TrackError("the file does not say whose the fixes are; give --device")
    twice = [owner for owner, made in owners.items() if list(owners.values()).count(made) > 1]
    if twice:
        raise TrackError(f"{told(twice)} would be one device; give --device and --track")
    return [(owners[drive.owner], drive) for drive in drives]


def _recorded(data: bytes) -> Iterator[Drive]:
    for track in read_fixes(data):
        if track.fixes:
            pairs = zip(track.fixes, track.holes, strict=True)
            kept = (KeptFix(n, fix, hole=hole) for n, (fix, hole) in enumerate(pairs, 1))
            yield Drive(track.name, track.name, b"", tuple(kept), track.left_out)


def _exported(data: bytes) -> Iterator[Drive]:
    for each in read_exported(data):
        if each.fixes:
            kept = (replace(fix, seq=number) for number, fix in enumerate(each.fixes, 1))
            name = f"{each.device}/{each.stream}".removeprefix("/")
            owned = bool(each.device)
            yield Drive(name, each.device, b"", tuple(kept), each.left_out, owned)
