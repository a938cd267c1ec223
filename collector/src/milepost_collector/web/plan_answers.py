"""What answers about plans and orders look like."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from milepost_collector.store.plans.reading import PlanRow

_State = Annotated[
    str,
    Meta(
        description="`pending`, `en_route`, `arrived`, `completed`, `incident`, `returned` or "
        "`skipped`."
    ),
]


@dataclass(frozen=True, slots=True)
class IncidentTold:
    """What went wrong at a stop, the newest time."""

    kind: Annotated[
        str,
        Meta(
            description="`late`, `damaged`, `lost`, `refused`, `not_home`, `wrong_address` or "
            "`other`."
        ),
    ]
    note: str | None
    photo: str | None


@dataclass(frozen=True, slots=True)
class StopTold:
    """How a stop stands."""

    id: str
    state: _State
    since: Annotated[datetime | None, Meta(description="Null: since it was planned.")]
    attempts: Annotated[int, Meta(description="The one that is due, or was made, included.")]
    incident: IncidentTold | None


@dataclass(frozen=True, slots=True)
class PlanTold:
    """A plan, and how its stops stand."""

    plan: Annotated[
        dict[str, Any],
        Meta(description="As `PUT` takes it, with the stops in force: without skipped ones."),
    ]
    version: int
    effective_at: Annotated[datetime, Meta(description="From when that version is in force.")]
    erased: Annotated[bool, Meta(description="Whether what was personal of it is gone.")]
    stops: Annotated[list[StopTold], Meta(description="In order; skipped ones too.")]


@dataclass(frozen=True, slots=True)
class PlanList:
    """Plans, the newest days first."""

    plans: list[PlanRow]


@dataclass(frozen=True, slots=True)
class ChangeTold:
    """An entry of the record. Nothing personal is in it: `said.personal` is a salted digest."""

    n: Annotated[int, Meta(description="Its place in the record of its plan or order, from 1.")]
    at: datetime
    source: Annotated[str, Meta(description="`dispatcher`, `driver`, `fence` or `import`.")]
    input: Annotated[str, Meta(description="Which request, event, tap, or line of a file.")]
    kind: str
    stop: str | None
    order: str | None
    said: dict[str, Any]
    hash: Annotated[str, Meta(description="SHA-256 of it and of the one before, in hexadecimal.")]


@dataclass(frozen=True, slots=True)
class Changed:
    """What a request changed; no changes: it stood so already."""

    plan: str
    version: int
    effective_at: datetime
    changes: list[ChangeTold]


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit changed: of the plan, and of the other one where a stop was moved."""

    plans: list[Changed]


@dataclass(frozen=True, slots=True)
class Record:
    """Changes of a plan, the oldest first."""

    plan: str
    changes: list[ChangeTold]
    next: Annotated[int, Meta(description="What to give as `after` to read on.")]


@dataclass(frozen=True, slots=True)
class Expected:
    """When a vehicle is expected at a stop."""

    at: datetime
    earliest: Annotated[datetime, Meta(description="Hardly before.")]
    latest: Annotated[datetime, Meta(description="Hardly after.")]
    told_at: Annotated[datetime, Meta(description="When that was forecast.")]


@dataclass(frozen=True, slots=True)
class LastSeen:
    """Where a vehicle was last."""

    time: Annotated[datetime, Meta(description="GPS time.")]
    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True)
class StopOfOrder:
    """Where an order is to be brought, or was last."""

    plan: str
    vehicle: str
    date: Annotated[str, Meta(description="The day there.")]
    stop: str
    state: _State
    since: Annotated[datetime | None, Meta(description="Null: since it was planned.")]
    attempts: int
    stops_before: Annotated[
        int | None,
        Meta(description="Stops to be made before it; null: nobody is to come there any more."),
    ]
    window: Annotated[
        dict[str, datetime] | None, Meta(description="`from` and `to`; null: at any time.")
    ]
    expected: Annotated[Expected | None, Meta(description="Null: nobody can tell.")]
    is_late: Annotated[
        bool | None,
        Meta(
            description="Whether it is expected after its window, or that is over; null: it has "
            "none, or nobody is to come there any more."
        ),
    ]
    vehicle_at: LastSeen | None


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order, and where it is."""

    order: Annotated[dict[str, Any], Meta(description="As `PUT` takes it.")]
    state: Annotated[
        str,
        Meta(
            description="`ordered`, `packed`, `loaded`, `out_for_delivery`, `delivered` or "
            "`returned`."
        ),
    ]
    since: datetime
    erased: Annotated[bool, Meta(description="Whether what was personal of it is gone.")]
    at: Annotated[StopOfOrder | None, Meta(description="Null: no plan has it.")]


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """What a request changed of an order; no changes: it stood so already."""

    order: str
    changes: list[ChangeTold]
