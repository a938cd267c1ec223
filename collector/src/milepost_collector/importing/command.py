"""`milepost-collector import`: files into the database, and what became of each.

A file that cannot be imported is told in one line, and the others are imported all the same.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.importing.drives import Drive, by_device, chosen, read_drives
from milepost_collector.importing.feeding import Feeder, FeedError
from milepost_collector.importing.files import FileError, unpacked
from milepost_collector.progress import progress
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.imports import expired_of, shard_of
from milepost_collector.store.maintenance import oldest_kept
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import milliseconds
from milepost_schemas.topics import Address, TopicError
from milepost_schemas.tracks.track import TrackError

_SESSION = "milepost-import"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What is asked for.

    Attributes:
        files: NMEA logs, GPX, CSV; plain or gzip.
        device: Whose the fixes are; None: as the file calls each track.
        shard: Of devices that are made; None: 0. That of a known device is known.
        tracks: Names or numbers; none: all.
        as_json: The summary is for machines.
    """

    files: Sequence[Path]
    device: str | None
    shard: int | None
    tracks: Sequence[str]
    as_json: bool


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a track.

    Attributes:
        file: Where it is from.
        track: As the file calls it.
        device: Whose it is.
        stream: As which stream it is stored, in hexadecimal digits.
        fixes: How many it has.
        added: Stored now.
        quarantined: Put aside now, because their times cannot be.
        expired: Stored once, and dropped for their age since.
        left_out: Points of the file that are no fixes.
        first_time: GPS time of its first fix, as RFC 3339.
        last_time: GPS time of its last fix.
    """

    file: str
    track: str
    device: str
    stream: str
    fixes: int
    added: int
    quarantined: int
    expired: int
    left_out: int
    first_time: str
    last_time: str


def import_files(config: CollectorConfig, options: ImportOptions) -> bool:
    """Import files and tell what became of them; return whether all could be imported.

    Raises:
        OperationalError, InterfaceError: The database is lost (`connection.LOST`).
    """
    return asyncio.run(_import(config, options))


async def _import(config: CollectorConfig, options: ImportOptions) -> bool:
    dsn = config.database.dsn
    async with await connect_async(dsn, autocommit=True, session=_SESSION) as database:
        importer = _Importer(database, config, options)
        for path in options.files:
            await importer.take(path)
    if options.as_json:
        summary = {"imports": importer.imports, "failures": importer.failures}
        sys.stdout.write(json.dumps(summary) + "\n")
    return not importer.failures


class _Importer:
    """Takes files.

    Attributes:
        imports: What became of tracks.
        failures: Files that could not be imported, or not wholly, and why.
    """

    def __init__(
        self, database: AsyncDatabase, config: CollectorConfig, options: ImportOptions
    ) -> None:
        self.imports: list[dict[str, object]] = []
        self.failures: list[dict[str, str]] = []
        self._database = database
        self._clock = Clock()
        self._feeder = Feeder(database, self._clock, events=config.events.make)
        self._keep_days = config.storage.keep_days
        self._options = options

    async def take(self, path: Path) -> None:
        """Import a file, and tell what became of it."""
        told: list[Imported] = []
        try:
            drives = chosen(read_drives(unpacked(path)), self._options.tracks)
            placed = by_device(drives, self._options.device)
            with progress(path.name, sum(len(drive.fixes) for drive in drives)) as step:
                for device, drive in placed:
                    told.append(await self._imported(path, device, drive, step))
        except (FeedError, TopicError, TrackError, FileError) as error:
            cause = str(error)
            self.failures.append({"file": str(path), "cause": cause})
            _warn(f"{path}: {cause}")
        self.imports += [asdict(each) for each in told]
        if not self._options.as_json:
            sys.stdout.writelines(map(_sentence, told))
        self._warn_of_age(path, told)

    async def _imported(
        self, path: Path, device: str, drive: Drive, step: Callable[[int], None]
    ) -> Imported:
        address = Address(await self._shard(device), device)
        fed = await self._feeder.feed(address, drive, step)
        times = [kept.fix.time_ms for kept in drive.fixes]
        return Imported(
            file=str(path),
            track=drive.name,
            device=device,
            stream=drive.stream.hex(),
            fixes=len(drive.fixes),
            added=fed.added,
            quarantined=fed.quarantined,
            expired=await expired_of(self._database, device, drive.stream),
            left_out=drive.left_out,
            first_time=rfc3339(min(times)),
            last_time=rfc3339(max(times)),
        )

    async def _shard(self, device: str) -> int:
        known, asked = await shard_of(self._database, device), self._options.shard
        if known is not None and asked is not None and known != asked:
            raise FileError(f"device {device} is on shard {known}, not {asked}")
        return known if known is not None else asked or 0

    def _warn_of_age(self, path: Path, told: Sequence[Imported]) -> None:
        limit = rfc3339(milliseconds(oldest_kept(self._clock.now(), self._keep_days)))
        if self._keep_days and any(each.first_time < limit for each in told):
            _warn(
                f"{path}: fixes from before {limit[:10]} are older than [storage] keep_days = "
                f"{self._keep_days}; a running collector drops them"
            )


def _sentence(imported: Imported) -> str:
    more = {
        "quarantined for their times": imported.quarantined,
        "dropped for their age since they were stored": imported.expired,
        "points left out": imported.left_out,
    }
    parts = [f"{imported.added} of {imported.fixes} fixes added"]
    parts += [f"{count} {what}" for what, count in more.items() if count]
    track = f" {imported.track}:" if imported.track else ""
    return (
        f"{imported.file}:{track} {', '.join(parts)}; device {imported.device}, "
        f"stream {imported.stream}, {imported.first_time} to {imported.last_time}\n"
    )


def _warn(text: str) -> None:
    sys.stderr.write(f"milepost-collector: {' '.join(text.split())}\n")
