"""The words of proofs: what shows that a stop was served."""

from dataclasses import dataclass

Point = tuple[float, float]
Stroke = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What somebody wrote with a finger or a pen.

    Attributes:
        width_px: Of the field that was written in.
        height_px: As that.
        strokes: Lines from where the finger went down to where it left; x to the right, y down,
            in pixels from the upper left corner. A finger may leave the field meanwhile.
    """

    width_px: float
    height_px: float
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the phone was, by what it says.

    Attributes:
        lat_deg: WGS 84.
        lon_deg: WGS 84.
        accuracy_m: Radius of 95 % confidence (W3C Geolocation, 4.2); None: not told.
    """

    lat_deg: float
    lon_deg: float
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is stored and shown.

    Attributes:
        media_type: `image/jpeg`.
        width_px: As it is to be seen.
        height_px: As that.
        content: The file.
    """

    media_type: str
    width_px: int
    height_px: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What a phone tells of a delivery, but for its photo.

    Attributes:
        told_at_ms: When it was, by the clock of the phone; UTC since 1970.
        orders: Which were handed over, or not; None: all of the stop.
        name: Who took them.
        note: What the driver wrote.
        place: Where the phone was.
        signature: Of who took them.
    """

    told_at_ms: int
    orders: tuple[str, ...] | None = None
    name: str | None = None
    note: str | None = None
    place: Spot | None = None
    signature: Signature | None = None
