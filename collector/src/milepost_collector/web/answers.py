"""What answers look like: they are written from these, and described by these."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from milepost_collector.store.vehicles import TrackPoint, Vehicle

_Instant = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
_Id = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        extra_json_schema={"format": "uuid"},
    ),
]


class CloudEvent(TypedDict):
    """What happened to a vehicle: CloudEvents 1.0; `json/event.schema.json` describes its data."""

    specversion: Literal["1.0"]
    id: Annotated[_Id, Meta(description="The same for the same cause: take the first of an id.")]
    source: Annotated[
        str,
        Meta(
            pattern="^milepost/[A-Za-z0-9_-]{1,32}$",
            description="The unit whose fixes decided it.",
        ),
    ]
    type: Annotated[
        str, Meta(pattern=r"^org\.milepost\.[a-z_]+(\.[a-z_]+)+$", description="What happened.")
    ]
    subject: Annotated[str, Meta(min_length=1, description="The vehicle.")]
    time: Annotated[_Instant, Meta(description="When it happened, in GPS time.")]
    recordedat: Annotated[_Instant, Meta(description="When it was stored, in our time.")]
    cursor: Annotated[
        str, Meta(min_length=1, description="Its place in the feed: what to give as `after`.")
    ]
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, and where to read on."""

    events: list[CloudEvent]
    next: Annotated[
        str, Meta(min_length=1, description="The cursor to give as `after` to read on.")
    ]


@dataclass(frozen=True, slots=True)
class Vehicles:
    """All vehicles, and our time to tell ages by."""

    now: datetime
    vehicles: list[Vehicle]


@dataclass(frozen=True, slots=True)
class Track:
    """Where a vehicle has been, oldest first."""

    vehicle: str
    points: list[TrackPoint]


@dataclass(frozen=True, slots=True)
class Fences:
    """The newest fences: a GeoJSON FeatureCollection (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Alive:
    """The program runs."""

    alive: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer."""

    error: Annotated[str, Meta(description="One sentence for people.")]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong with what a request brought."""

    where: Annotated[str, Meta(description="As `stops[3].window.to`; empty: the whole.")]
    what: Annotated[str, Meta(description="What is wrong, with the value.")]


@dataclass(frozen=True, slots=True)
class Problems:
    """Why a request cannot be understood: all that is wrong with its body."""

    error: Annotated[str, Meta(description="One sentence for people.")]
    problems: list[Wrong] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why something cannot be done as things stand."""

    error: Annotated[str, Meta(description="One sentence for people.")]
    allowed: Annotated[list[str], Meta(description="The states that can follow.")] = field(
        default_factory=list
    )


@dataclass(frozen=True, slots=True)
class Gone:
    """A cursor that this feed does not know, or does not know any more."""

    error: Annotated[str, Meta(description="One sentence for people.")]
    resume_from: Annotated[
        datetime, Meta(description="What to give as `after`: nothing that is not known is skipped.")
    ]
