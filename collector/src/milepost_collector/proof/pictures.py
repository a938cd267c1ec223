"""Photos as phones send them go in; the same sight, in a file of our own making, comes out.

Nothing of the file that came is kept but its pixels: what stands in the new file is what we wrote,
so no metadata, no preview, no second picture and nothing appended can be in it.

What can be too much is looked at before it is done: bytes, then pixels as the header tells them,
then the scans of a progressive JPEG, each of which may ask for the work of a whole picture.
"""

import io
import struct
import warnings

from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from milepost_collector.delivery.proof.drawing import pen_px
from milepost_collector.delivery.proof.proof import Picture, Signature

MOST_BYTES = 12 * 1024 * 1024

# A JPEG that is not progressive is read at the size that we need; all else as a whole.
MOST_PIXELS_JPEG = 64_000_000
MOST_PIXELS = 16_000_000
_MOST_SCANS = 100

# A panorama is some ten times as long as it is high.
_MOST_LONG = 50

LONGEST_PX = 1600
MOST_KEPT_BYTES = 512 * 1024

# From good to small: most photos are done with the first one, noise with the last.
_TRIES = tuple((longest, quality) for longest in (LONGEST_PX, 1200, 800) for quality in (80, 60))

# HEIC needs a decoder beside Pillow, and phones' browsers send JPEG where they are asked to.
_FORMATS = ("JPEG", "PNG", "WEBP")
_READ = "JPEG, PNG and WebP are read"

_JPEG = "image/jpeg"
_SHOWN = 100
_WHITE = (255, 255, 255)

# What Pillow raises of files that are not what they say: found by feeding it such files.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AssertionError,
    AttributeError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)


class PictureError(ValueError):
    """A picture is not taken; the message says why."""


def cleaned(photo: bytes) -> Picture:
    """Return a photo upright, small, and without anything that was not to be seen in it.

    Not in two threads at a time: it turns off warnings meanwhile.

    Args:
        photo: A JPEG, PNG or WebP file.

    Raises:
        PictureError: It is none of these, is cut off, or is too big.
    """
    if len(photo) > MOST_BYTES:
        raise PictureError(f"the picture has {len(photo)} bytes; {MOST_BYTES} are the most")
    # What Pillow would say on standard error of odd files is nobody's matter.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(photo), formats=_FORMATS) as image:
                _refuse_big(image, photo)
                seen = _seen(image)
        except PictureError:
            raise
        except UnidentifiedImageError:
            raise PictureError(f"the file is no picture that we can read: {_READ}") from None
        except _UNREADABLE as error:
            told = " ".join(str(error).split())[:_SHOWN]
            raise PictureError(f"the picture cannot be read: {told}") from None
    return _encoded(seen)


def signature_png(signature: Signature, longest_px: int = 600) -> bytes:
    """Draw a signature as a PNG file, black on white.

    Args:
        signature: What was written.
        longest_px: The longer side of the drawing.
    """
    # Drawn larger and made smaller: Pillow draws lines with steps.
    finer = 3
    scale = longest_px / max(signature.width_px, signature.height_px)
    width_px = max(1, round(signature.width_px * scale))
    height_px = max(1, round(signature.height_px * scale))
    large = Image.new("L", (width_px * finer, height_px * finer), 255)
    draw = ImageDraw.Draw(large)
    pen = max(1, round(pen_px(signature) * scale * finer))
    for stroke in signature.strokes:
        points = [(x * scale * finer, y * scale * finer) for x, y in stroke]
        draw.line(points, 0, pen, "curve")
        for x, y in points:
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), 0)
    written = io.BytesIO()
    large.resize((width_px, height_px), Image.Resampling.LANCZOS).save(written, "PNG")
    return written.getvalue()


def _refuse_big(image: Image.Image, photo: bytes) -> None:
    is_small_read = image.format in ("JPEG", "MPO") and not image.info.get("progressive")
    _refuse_pixels(*image.size, MOST_PIXELS_JPEG if is_small_read else MOST_PIXELS)
    if max(image.size) > _MOST_LONG * min(image.size):
        raise PictureError(f"the picture has {image.width} x {image.height} pixels: no photo has")
    if photo[:2] == b"\xff\xd8" and photo.count(b"\xff\xda") > _MOST_SCANS:
        raise PictureError(f"the picture has more than {_MOST_SCANS} scans")


def _refuse_pixels(width_px: int, height_px: int, most: int) -> None:
    if width_px * height_px > most:
        raise PictureError(
            f"the picture has {width_px} x {height_px} pixels; {most / 1e6:g} million are the most"
        )


def _seen(image: Image.Image) -> Image.Image:
    """Return what is to be seen, and no more than we keep."""
    shrink = min(1.0, LONGEST_PX / max(image.size))
    image.draft("RGB", (round(image.width * shrink) or 1, round(image.height * shrink) or 1))
    image.load()
    if image.mode == "I;16":  # PNG with 16 bits of grey
        plain = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.has_transparency_data:
        plain = image.convert("RGBA")
    else:
        plain = image.convert("RGB")
    upright = _upright(_smaller(plain, LONGEST_PX))
    if upright.mode == "RGBA":
        on_white = Image.new("RGB", upright.size, _WHITE)
        on_white.paste(upright, mask=upright.getchannel("A"))
        return on_white
    return upright.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Return a picture as it was held; where nobody can read how that was, as it is."""
    try:
        return ImageOps.exif_transpose(image)
    except _UNREADABLE:
        return image


def _smaller(image: Image.Image, longest_px: int) -> Image.Image:
    if max(image.size) <= longest_px:
        return image
    return ImageOps.contain(image, (longest_px, longest_px), Image.Resampling.LANCZOS)


def _encoded(seen: Image.Image) -> Picture:
    for longest_px, quality in _TRIES:
        image = _smaller(seen, longest_px)
        content = _jpeg(image, quality)
        if len(content) <= MOST_KEPT_BYTES:
            return Picture(_JPEG, image.width, image.height, content)
    raise PictureError("the picture does not get small enough")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    # Of a picture's notes Pillow would write some again: a new one has none.
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=quality)
    return written.getvalue()
