"""Proofs for tests: pictures as phones and enemies make them, plans to prove, tampering."""

import asyncio
import io
import struct
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from milepost_collector.delivery.chain import Walked
from milepost_collector.delivery.proof.reading import read_proof
from milepost_collector.delivery.source import Source
from milepost_collector.proof.darkroom import Darkroom
from milepost_collector.proof.taking import Taken, take_proof
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.writing import put_plan
from milepost_collector.store.proofs.verifying import verify
from milepost_schemas.plan import Order, Place, Plan, Stop
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NAME = "Żaneta Müller"
NOTE = "behind the blue door"
WHERE = {"lat_deg": 48.137154, "lon_deg": 11.576124, "accuracy_m": 8.5}
WRITTEN = {
    "width_px": 300,
    "height_px": 100,
    "strokes": [[[10, 50], [60, 20], [110, 80]], [[200, 50]]],
}
TOLD = {
    "time": "2026-11-20T09:28:41.500Z",
    "name": NAME,
    "note": NOTE,
    "place": WHERE,
    "signature": WRITTEN,
}

RED, GREEN, BLUE = (220, 30, 30), (30, 180, 30), (30, 30, 220)


def corners(width_px: int = 400, height_px: int = 300) -> Image.Image:
    """A picture that is red above at the left, green above at the right, else blue."""
    image = Image.new("RGB", (width_px, height_px), BLUE)
    image.paste(RED, (0, 0, width_px // 2, height_px // 2))
    image.paste(GREEN, (width_px // 2, 0, width_px, height_px // 2))
    return image


def file(image: Image.Image, form: str = "JPEG", **more: Any) -> bytes:
    """A picture as a file."""
    written = io.BytesIO()
    image.save(written, form, **more)
    return written.getvalue()


def telling(orientation: int = 1) -> Image.Exif:
    """What a phone writes beside a picture: who, when, where, and a preview."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110], exif[0x0131] = "SecretMaker", "SecretModel", "SecretSoftware"
    exif[0x9C9B] = "SecretTitle".encode("utf-16-le")
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (IFDRational(48), IFDRational(8), IFDRational(13))
    gps[3], gps[4] = "E", (IFDRational(11), IFDRational(34), IFDRational(34))
    detail = exif.get_ifd(0x8769)
    detail[0x9003], detail[0xA431] = "2026:11:20 09:28:41", "SecretSerial"
    return exif


def photo(width_px: int = 400, height_px: int = 300) -> bytes:
    """A photo as a phone takes it."""
    return file(corners(width_px, height_px), exif=telling(), comment=b"SecretComment")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width_px: int, height_px: int, *more: bytes, pixels: bytes = b"") -> bytes:
    """A PNG that says it is so big, whatever is in it."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *more,
            png_chunk(b"IDAT", zlib.compress(pixels)),
            png_chunk(b"IEND", b""),
        )
    )


def seen(content: bytes) -> Image.Image:
    """A file as it is seen by who knows nothing of EXIF."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def is_near(image: Image.Image, x: float, y: float, colour: tuple[int, int, int]) -> bool:
    """Whether a picture has a colour at a place, told in parts of its sides."""
    found = image.convert("RGB").getpixel((int(image.width * x), int(image.height * y)))
    assert isinstance(found, tuple)
    return all(abs(a - b) < 40 for a, b in zip(found, colour, strict=True))


def tour(name: str = "tour-1", vehicle: str = "van-1") -> Plan:
    """A plan of two stops, the first with two orders."""
    stops = (
        Stop("s1", Place(48.137, 11.576), 50.0, orders=(Order("o1"), Order("o2"))),
        Stop("s2", Place(48.147, 11.586), 50.0),
    )
    return Plan(name, vehicle, date(2026, 11, 20), stops)


def in_database(database: FreshDatabase, work: Callable[[AsyncDatabase], Awaitable[T]]) -> T:
    """Do some work on a connection."""

    async def once() -> T:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await work(connection)

    return asyncio.run(once())


def planned(database: FreshDatabase, *plans: Plan) -> None:
    """Put plans in force."""

    async def work(connection: AsyncDatabase) -> None:
        for name, plan in enumerate(plans or (tour(),)):
            orders = tuple(
                Stop(s.id, s.place, s.radius_m, orders=s.orders if name == 0 else ())
                for s in plan.stops
            )
            by = By(Source.DISPATCHER, "a test", AT)
            await put_plan(connection, Plan(plan.id, plan.vehicle, plan.date, orders), by)

    in_database(database, work)


async def taken(
    connection: AsyncDatabase,
    key: str = "k1",
    *,
    plan: str = "tour-1",
    stop: str = "s1",
    told: dict[str, Any] | None = None,
    picture: bytes | None = None,
) -> Taken:
    """Take a proof as an endpoint does."""
    proof = read_proof(TOLD if told is None else told, has_photo=picture is not None)
    darkroom = Darkroom()
    try:
        by = By(Source.DRIVER, key, AT)
        return await take_proof(connection, darkroom, (plan, stop), proof, picture, by)
    finally:
        darkroom.close()


def took(database: FreshDatabase, key: str = "k1", **more: Any) -> Taken:
    """Take a proof, alone."""
    return in_database(database, lambda connection: taken(connection, key, **more))


def walked(database: FreshDatabase, plan: str | None = None) -> list[Walked]:
    """Walk along chains."""

    async def work(connection: AsyncDatabase) -> list[Walked]:
        return [each async for each in verify(connection, plan)]

    return in_database(database, work)
