"""Photos: what comes out is what was to be seen, and nothing else."""

import io
import random
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageOps, PngImagePlugin

from milepost_collector.delivery.proof.proof import Signature
from milepost_collector.proof.pictures import (
    LONGEST_PX,
    MOST_BYTES,
    MOST_KEPT_BYTES,
    MOST_PIXELS,
    PictureError,
    cleaned,
    signature_png,
)
from tests.collector.proofs import (
    BLUE,
    GREEN,
    RED,
    corners,
    file,
    is_near,
    photo,
    png,
    png_chunk,
    seen,
    telling,
)

# How a sensor must have seen what is upright after turning it (EXIF 2.32, 4.6.4, Orientation).
_HELD = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def segments(jpeg: bytes) -> list[int]:
    """Return the markers of a JPEG up to its pixels, and that of what follows them."""
    found, place = [], 2
    while jpeg[place + 1] != 0xDA:
        assert jpeg[place] == 0xFF
        found.append(jpeg[place + 1])
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_photo_comes_out_upright_however_it_was_held(orientation: int, form: str) -> None:
    """Who knows nothing of EXIF sees it as the photographer did."""
    held = _HELD[orientation]
    raw = corners() if held is None else corners().transpose(held)
    found = cleaned(file(raw, form, exif=telling(orientation)))
    assert (found.width_px, found.height_px) == (400, 300)
    image = seen(found.content)
    assert image.size == (400, 300)
    assert is_near(image, 0.25, 0.25, RED)
    assert is_near(image, 0.75, 0.25, GREEN)
    assert is_near(image, 0.25, 0.75, BLUE)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_that_was_written_beside_the_pixels_comes_out(form: str) -> None:
    """Place, time, maker, serial number, comments, profiles, XMP: none of it is in the file."""
    more: dict[str, object] = {"exif": telling(), "icc_profile": b"SecretProfile" * 20}
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">SecretPlace</x:xmpmeta>'
    if form == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Author", "SecretAuthor")
        notes.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        more["pnginfo"] = notes
    else:
        more["xmp"] = xmp
    if form == "JPEG":
        more["comment"] = b"SecretComment"
    raw = file(corners(), form, **more)
    assert b"Secret" in raw
    found = cleaned(raw)
    assert found.media_type == "image/jpeg"
    assert b"Secret" not in found.content
    assert b"Exif" not in found.content
    assert dict(seen(found.content).getexif()) == {}
    # JFIF and what the pixels need, no other application's segment and no comment.
    assert {each for each in segments(found.content) if each >= 0xE0} == {0xE0}
    assert set(seen(found.content).info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_orientation_that_only_xmp_tells_is_applied() -> None:
    """Some editors write it there alone."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    raw = file(corners().transpose(Image.Transpose.ROTATE_90), xmp=xmp)
    assert is_near(seen(cleaned(raw).content), 0.25, 0.25, RED)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00garbage that is no TIFF",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x01\x12\x00\x03\x00\x00\xff\xff" * 9,
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x63\x00\x00\x00",
    ],
)
def test_exif_that_nobody_can_read_does_no_harm(exif: bytes) -> None:
    """The photo is taken as it lies."""
    assert is_near(seen(cleaned(file(corners(), exif=exif)).content), 0.25, 0.25, RED)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_large_photo_comes_out_small_in_pixels_and_bytes(form: str) -> None:
    """Also one of noise, which hardly gets smaller in bytes."""
    noise = Image.merge("RGB", [Image.effect_noise((2000, 1500), 150) for _ in range(3)])
    found = cleaned(file(noise, form))
    assert max(found.width_px, found.height_px) <= LONGEST_PX
    assert len(found.content) <= MOST_KEPT_BYTES
    plain = cleaned(file(corners(4032, 3024), form))
    assert (plain.width_px, plain.height_px) == (LONGEST_PX, LONGEST_PX * 3 // 4)


def test_small_photo_is_not_made_larger() -> None:
    """What is not there is not made up."""
    found = cleaned(photo(40, 30))
    assert (found.width_px, found.height_px) == (40, 30)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("1", (60, 60), 1),
        Image.new("L", (60, 60), 255),
        Image.new("LA", (60, 60), (0, 0)),
        Image.new("P", (60, 60), 0),
        Image.new("RGBA", (60, 60), (0, 0, 0, 0)),
        Image.new("I;16", (60, 60), 65_535),
    ],
    ids=lambda image: image.mode,
)
def test_every_kind_of_png_is_read_and_what_is_clear_is_white(image: Image.Image) -> None:
    """Screens and scanners make many kinds."""
    if image.mode == "P":
        image.putpalette([255, 255, 255] * 256)
    found = seen(cleaned(file(image, "PNG")).content)
    assert found.mode == "RGB"
    assert is_near(found, 0.5, 0.5, (255, 255, 255))


def test_jpeg_of_a_printer_is_read() -> None:
    """Four inks are three lights."""
    found = seen(cleaned(file(Image.new("CMYK", (60, 60), (0, 0, 0, 0)))).content)
    assert is_near(found, 0.5, 0.5, (255, 255, 255))


def test_only_the_first_picture_of_several_is_taken() -> None:
    """A phone hides a second view, a film has many."""
    red, blue = Image.new("RGB", (60, 60), RED), Image.new("RGB", (60, 60), BLUE)
    for form in ("MPO", "WEBP", "PNG"):
        many = file(red, form, save_all=True, append_images=[blue])
        found = cleaned(many)
        assert is_near(seen(found.content), 0.5, 0.5, RED), form
        assert len(found.content) < 2_000


@pytest.mark.parametrize("width_px", [50_000, 12_000, 4_001])
def test_bomb_is_refused_by_what_its_header_says(width_px: int) -> None:
    """A few bytes that say they are a huge picture cost a few milliseconds."""
    begin_s = time.perf_counter()
    with pytest.raises(PictureError, match="pixels"):
        cleaned(png(width_px, width_px, pixels=bytes(1000)))
    assert time.perf_counter() - begin_s < 2


def test_bomb_that_is_packed_tight_is_refused() -> None:
    """Pixels that are all there, and pack to a thousandth."""
    side = 5_000
    raw = png(side, side, pixels=bytes((side * 3 + 1) * side))
    assert len(raw) < 100_000
    with pytest.raises(PictureError, match="5000 x 5000 pixels; 16 million are the most"):
        cleaned(raw)


@pytest.mark.parametrize("kind", [b"VP8X", b"VP8L"])
def test_webp_bomb_is_refused(kind: bytes) -> None:
    """Its decoder would make room as soon as it is opened."""
    side = 16_000
    if kind == b"VP8X":
        body = struct.pack("<I", 10) + bytes(4) + (side - 1).to_bytes(3, "little") * 2
    else:
        body = struct.pack("<IB", 90, 0x2F) + struct.pack("<I", (side - 1) | (side - 1) << 14)
    body = b"WEBP" + kind + body + bytes(90)
    with pytest.raises(PictureError):
        cleaned(b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_bomb_in_a_note_of_a_png_is_refused_or_left_packed(kind: bytes) -> None:
    """Notes that unpack to hundreds of megabytes are not unpacked."""
    packed = b"Comment\x00\x00" + zlib.compress(bytes(200_000_000))
    raw = png(9, 9, png_chunk(kind, packed), pixels=bytes(9 * 28))
    try:
        found = cleaned(raw)
    except PictureError:
        return
    assert len(found.content) < 2_000


def test_jpeg_of_endless_scans_is_refused() -> None:
    """Each scan of a progressive JPEG asks for the work of a whole picture."""
    raw = file(corners(), progressive=True)
    cleaned(raw)
    scan = raw[raw.rindex(b"\xff\xda") : -2]
    with pytest.raises(PictureError, match="scans"):
        cleaned(raw[:-2] + scan * 200 + b"\xff\xd9")


def test_big_progressive_jpeg_is_refused_where_a_plain_one_is_taken() -> None:
    """One is read at an eighth of its size, the other is held as a whole."""
    big = Image.new("RGB", (5_000, 4_000), BLUE)
    assert MOST_PIXELS < 5_000 * 4_000
    assert cleaned(file(big)).width_px == LONGEST_PX
    with pytest.raises(PictureError, match="16 million"):
        cleaned(file(big, progressive=True))


def test_too_many_bytes_are_refused_unread() -> None:
    """Whatever they are."""
    with pytest.raises(PictureError, match=f"{MOST_BYTES} are the most"):
        cleaned(photo() + bytes(MOST_BYTES))


@pytest.mark.parametrize("size", [(15_000, 1), (1, 15_000)])
def test_thread_of_pixels_is_refused(size: tuple[int, int]) -> None:
    """Made smaller it would be nothing."""
    with pytest.raises(PictureError, match="no photo has"):
        cleaned(file(Image.new("RGB", size), "PNG"))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_photo_that_is_cut_off_is_refused(form: str) -> None:
    """Half a photo proves nothing, and the phone still has the whole one."""
    raw = file(ImageOps.contain(Image.effect_noise((800, 600), 90), (400, 300)), form)
    for kept in (0, 1, 10, 100, len(raw) // 2, len(raw) * 9 // 10):
        with pytest.raises(PictureError):
            cleaned(raw[:kept])


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "AVIF", "ICO", "PPM", "EPS", "PDF"])
def test_other_formats_are_refused(form: str) -> None:
    """Fewer decoders, fewer faults."""
    with pytest.raises(PictureError, match="JPEG, PNG and WebP are read"):
        cleaned(file(corners(), form))


@pytest.mark.parametrize(
    "raw",
    [b"", b"\xff", b"<html><script>", b"%PDF-1.7", b"PK\x03\x04", b"<svg onload=alert(1)/>"],
)
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    """Whatever name it has."""
    with pytest.raises(PictureError):
        cleaned(raw)
    if raw:
        with pytest.raises(PictureError):
            cleaned(raw + photo())


def test_heic_is_refused_with_what_is_read_instead() -> None:
    """Pillow has no decoder for it without more."""
    with pytest.raises(PictureError, match="JPEG, PNG and WebP are read"):
        cleaned(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100))


def test_file_that_is_two_things_comes_out_as_one() -> None:
    """A photo that is also an archive, a page or a program is a photo alone afterwards."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("SecretFile.txt", "SecretText")
    for more in (packed.getvalue(), b"<script>Secret()</script>", b"<?php Secret(); ?>"):
        for form in ("JPEG", "PNG", "WEBP"):
            raw = file(corners(), form) + more
            found = cleaned(raw)
            assert b"Secret" not in found.content
            assert b"PK\x03\x04" not in found.content
            assert not zipfile.is_zipfile(io.BytesIO(found.content))
            assert found.content.endswith(b"\xff\xd9")
        hidden = file(corners(), comment=more)
        assert b"Secret" not in cleaned(hidden).content


def test_same_photo_gives_the_same_file() -> None:
    """Nothing of time or chance is in it."""
    assert cleaned(photo()).content == cleaned(photo()).content


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damaged_photo_is_read_or_refused_and_nothing_else(form: str) -> None:
    """Bytes changed at random, as a bad memory card or an enemy does."""
    chance = random.Random(5)
    whole = file(corners(64, 48), form, exif=telling(6))
    for _ in range(300):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            found = cleaned(bytes(raw))
        except PictureError:
            continue
        assert len(found.content) <= MOST_KEPT_BYTES


def test_signature_is_drawn_black_on_white() -> None:
    """A line where the finger went, and a dot where it only touched."""
    written = Signature(300, 100, (((10.0, 50.0), (150.0, 50.0)), ((250.0, 50.0),), ((900, -50),)))
    image = seen(signature_png(written))
    assert image.size == (600, 200)
    assert is_near(image, 0.25, 0.5, (0, 0, 0))
    assert is_near(image, 250 / 300, 0.5, (0, 0, 0))
    assert is_near(image, 0.25, 0.2, (255, 255, 255))


def test_only_one_module_imports_pillow() -> None:
    """What decodes the pictures of strangers is in one place."""
    source = Path(__file__).parents[2] / "collector/src"
    found = [path.name for path in source.rglob("*.py") if "from PIL" in path.read_text()]
    assert found == ["pictures.py"]
