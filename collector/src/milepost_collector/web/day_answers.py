"""What the answer about a vehicle's day looks like."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class DayQuality:
    """How good the data of a day are."""

    fixes: int
    measured: Annotated[int, Meta(description="Raw fixes that the stored ones stand for.")]
    holes: Annotated[int, Meta(description="Before so many nothing was measured.")]
    doubted: Annotated[dict[str, int], Meta(description="Fixes not believed, by the reason.")]
    late: Annotated[
        int | None, Meta(description="Stored over two minutes after their time, by whole hours.")
    ]
    completeness: Annotated[
        float | None, Meta(description="Share of the time from first to last that is known.")
    ]
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class DayGap:
    """A time of which nothing is known."""

    begin: datetime
    end: datetime
    distance_m: float


@dataclass(frozen=True, slots=True)
class DayVisit:
    """A time at a stop."""

    arrived: datetime
    departed: datetime | None


@dataclass(frozen=True, slots=True)
class DayStopTold:
    """A stop as planned and as it was."""

    plan: str
    stop: str
    lat_deg: float | None
    lon_deg: float | None
    window: Annotated[dict[str, datetime] | None, Meta(description="`from` and `to`.")]
    service_s: float
    state: str
    attempts: int
    incident: str | None
    visits: list[DayVisit]


@dataclass(frozen=True, slots=True)
class DayTrack:
    """Stored fixes in the order of time: columns of one length, and before which a hole is."""

    time: list[datetime]
    lat_deg: list[float]
    lon_deg: list[float]
    speed_mps: list[float | None]
    holes: list[int]


@dataclass(frozen=True, slots=True)
class Day:
    """A vehicle's day: what was planned, what happened, and how good the data are."""

    vehicle: str
    date: Annotated[str, Meta(description="YYYY-MM-DD, where the vehicle was.")]
    time_zone: str
    begin: datetime
    end: datetime
    distance_m: Annotated[float, Meta(description="Standing not counted.")]
    moving_s: float
    standing_s: float
    idling_s: float
    trips: int
    quality: DayQuality
    gaps: list[DayGap]
    stops: list[DayStopTold]
    events: Annotated[
        list[dict[str, Any]], Meta(description="`id`, `type`, `time` and `data` of each.")
    ]
    track: DayTrack
    sha256: Annotated[
        str, Meta(description="Of all else as canonical JSON: keys sorted, no spaces.")
    ]


@dataclass(frozen=True, slots=True)
class DayMap:
    """A day as GeoJSON: the track in lines, stops and events as points."""

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]]
