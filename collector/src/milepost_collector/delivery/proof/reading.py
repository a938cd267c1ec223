"""Reading what a phone sends: JSON goes in, a proof comes out, or all that is wrong with it.

A driver at a door cannot mend much: what cannot be read in a name or a note is left out of it, and
only what is too long, or no proof at all, is refused.
"""

import unicodedata
from collections.abc import Sequence

from milepost_collector.delivery.proof.proof import Point, Proof, Signature, Spot, Stroke
from milepost_schemas.plan.reader import ID, MOST_ORDERS, MOST_TEXT, Problem, Reader, at

MOST_STROKES = 200
MOST_POINTS = 5_000
MOST_FIELD_PX = 4_096

# A finger that leaves the field does not go far.
_OUTSIDE_PX = 4 * MOST_FIELD_PX

# Letters of Persian and Indian scripts, and emoji, are joined and parted by these.
_JOINERS = "\u200c\u200d"

_TENTHS = 10


class ProofError(ValueError):
    """A proof cannot be used.

    Attributes:
        problems: All that is wrong with it.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


def read_proof(value: object, *, has_photo: bool) -> Proof:
    """Read a proof from decoded JSON.

    Args:
        value: `{"time": RFC 3339, "orders": [ID], "name": ..., "note": ..., "place": {"lat_deg",
            "lon_deg", "accuracy_m"}, "signature": {"width_px", "height_px", "strokes": [[[x, y],
            ...], ...]}}`; only `time` is needed, and something that shows anything.
        has_photo: Whether a photo came with it.

    Raises:
        ProofError: It is none.
    """
    reader = Reader()
    given = reader.fields(value, "", "time orders name note place signature", "time")
    proof = Proof(
        reader.time_ms(given["time"], "time") if "time" in given else 0,
        _orders(reader, given["orders"]) if "orders" in given else None,
        _line(reader, given["name"], "name") if "name" in given else None,
        _line(reader, given["note"], "note") if "note" in given else None,
        _spot(reader, given["place"]) if "place" in given else None,
        _signature(reader, given["signature"]) if "signature" in given else None,
    )
    shown = (proof.name, proof.note, proof.place, proof.signature)
    if not reader.problems and not has_photo and all(each is None for each in shown):
        told = "it shows nothing: no photo, signature, name, note or place"
        reader.problems.append(Problem("", told))
    if reader.problems:
        raise ProofError(reader.problems)
    return proof


def read_key(value: object) -> str:
    """Read the key that the phone gave a proof, by which it knows it again.

    Raises:
        ProofError: It is none.
    """
    reader = Reader()
    key = reader.text(value, "key", ID, f"a key: {ID.pattern}")
    if reader.problems:
        raise ProofError(reader.problems)
    return key


def _orders(reader: Reader, value: object) -> tuple[str, ...]:
    def order(each: object, where: str) -> str:
        return reader.text(each, where, ID, f"an order: {ID.pattern}")

    return tuple(dict.fromkeys(reader.each(value, "orders", MOST_ORDERS, order)))


def _line(reader: Reader, value: object, where: str) -> str | None:
    """Return a text on one line, without what nobody sees or what turns its direction."""
    if not isinstance(value, str):
        reader.wrong(where, value, "a text")
        return None
    kept = "".join(each for each in value if _is_seen(each) or each.isspace())
    text = " ".join(unicodedata.normalize("NFC", kept).split())
    if len(text) > MOST_TEXT:
        reader.wrong(where, text, f"a text of at most {MOST_TEXT} characters")
    return text or None


def _is_seen(character: str) -> bool:
    return character.isprintable() or character in _JOINERS


def _spot(reader: Reader, value: object) -> Spot | None:
    where = "place"
    given = reader.fields(value, where, "lat_deg lon_deg accuracy_m", "lat_deg lon_deg")
    if "lat_deg" not in given or "lon_deg" not in given:
        return None
    return Spot(
        reader.number(given["lat_deg"], at(where, "lat_deg"), -90, 90),
        reader.number(given["lon_deg"], at(where, "lon_deg"), -180, 180),
        reader.number(given["accuracy_m"], at(where, "accuracy_m"), 0, 1e8)
        if "accuracy_m" in given
        else None,
    )


def _signature(reader: Reader, value: object) -> Signature | None:
    where = "signature"
    needed = "width_px height_px strokes"
    given = reader.fields(value, where, needed, needed)
    if len(given) < len(needed.split()):
        return None
    width_px, height_px = (
        reader.number(given[name], at(where, name), 1, MOST_FIELD_PX)
        for name in ("width_px", "height_px")
    )
    strokes = _strokes(reader, given["strokes"], at(where, "strokes"))
    if not any(0 <= x <= width_px and 0 <= y <= height_px for line in strokes for x, y in line):
        reader.problems.append(Problem(at(where, "strokes"), "nothing was written in the field"))
    return Signature(width_px, height_px, strokes)


def _strokes(reader: Reader, value: object, where: str) -> tuple[Stroke, ...]:
    left = MOST_POINTS

    def stroke(each: object, where: str) -> Stroke:
        nonlocal left
        points = reader.each(each, where, left, point)
        left -= len(points)
        return points

    def point(each: object, where: str) -> Point:
        if not isinstance(each, list) or len(each) != 2:
            reader.wrong(where, each, "[x, y]")
            return 0.0, 0.0
        x, y = (reader.number(number, where, -_OUTSIDE_PX, _OUTSIDE_PX) for number in each)
        return round(x * _TENTHS) / _TENTHS, round(y * _TENTHS) / _TENTHS

    return tuple(line for line in reader.each(value, where, MOST_STROKES, stroke) if line)
