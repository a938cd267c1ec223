"""What a desk knows of a stop: facts, in whatever order they came, and what was told of them.

Facts are visits, as the engine saw them, and marks, what people, plans and movement wanted the stop
to become. How it stands follows from them in the order of their own times (`story`), so a late fact
takes the place that it should have had.
"""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, NamedTuple


class Mark(NamedTuple):
    """Somebody or something wants a stop to become something.

    Attributes:
        time_ms: When.
        number: Of the input.
        to: A `StopState`.
        source: A `Source`.
        kind: An `IncidentKind`, where it is an incident.
        note: The id of what was said of it; likewise of its `photo` and the `proof`.
        distance_m: How far from the edge of the stop the proof was made; None: it has no place.
        is_edit: A plan did it: what people did before it, and is known later, undoes it.
        is_quiet: Another plan has the stop now.
    """

    time_ms: int
    number: int
    to: str
    source: str
    kind: str | None = None
    note: str | None = None
    photo: str | None = None
    proof: str | None = None
    distance_m: int | None = None
    is_edit: bool = False
    is_quiet: bool = False


class Visit(NamedTuple):
    """The vehicle was at a stop.

    Attributes:
        number: Of the input that told that it arrived, and when that was; likewise `departed_*`,
            None while it is there.
        known_ms: When it became known that it left.
    """

    number: int
    arrived_ms: int
    departed_number: int | None = None
    departed_ms: int | None = None
    known_ms: int = 0


class Span(NamedTuple):
    """Something lasted: numbers of the inputs that told it, and when; None: it lasts."""

    number: int
    from_ms: int
    to_number: int | None = None
    to_ms: int | None = None


class Said(NamedTuple):
    """An event that was told.

    Attributes:
        type: Its type.
        number: What it was told for: the number of an input, or an instant.
        cause: The stop, order or parcel.
        ordinal: How many of this cause were told before it.
        time_ms: When it happened.
        subject: The vehicle.
        digest: Of its time and data.
        is_withdrawn: It does not stand any more.
    """

    type: str
    number: int
    cause: str
    ordinal: int
    time_ms: int
    subject: str
    digest: bytes
    is_withdrawn: bool = False


class KnownOrder(NamedTuple):
    """An order of a stop: its parcels, and since when it is in the plan."""

    id: str
    parcels: tuple[str, ...]
    since_ms: int


class Silence(NamedTuple):
    """A unit that is silent: since when, when that was noticed, by which input, and why."""

    device: str
    since_ms: int
    noticed_ms: int
    number: int
    reason: str | None


@dataclass(slots=True)
class StopDesk:
    """What is known of a stop.

    Attributes:
        id: Unique in its plan.
        place: Latitude and longitude.
        radius_m: Who is within it is there.
        window: When it is expected, from and to.
        service_s: How long it should take.
        arrives_ms: When the vehicle should come.
        orders: What is brought there.
        visits: When the vehicle was there, in the order of the log.
        marks: What the stop was to become, likewise.
        said: What was told of it.
        promised: The ETA that was told last, when, and for which attempt; None: none was.
        approached: For which attempt it was told that the vehicle approaches; 0: for none.
        due_ms: When something follows from nothing but time.
    """

    id: str
    place: tuple[float, float] | None
    radius_m: float
    window: tuple[int, int] | None
    service_s: float
    arrives_ms: int | None
    orders: list[KnownOrder] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    promised: tuple[int, int, int] | None = None
    approached: int = 0
    due_ms: int | None = None

    def packed(self) -> Any:
        """Return all of it as plain values."""
        return _FIELDS(self)

    @classmethod
    def unpacked(cls, packed: list[Any]) -> "StopDesk":
        """Return the stop of such values."""
        stop_id, place, radius_m, window, service_s, arrives_ms, *facts, promised, near, due = (
            packed
        )
        orders, visits, marks, said = facts
        return cls(
            stop_id,
            tuple(place) if place else None,
            radius_m,
            tuple(window) if window else None,
            service_s,
            arrives_ms,
            [KnownOrder(order, tuple(parcels), since) for order, parcels, since in orders],
            [Visit(*each) for each in visits],
            [Mark(*each) for each in marks],
            [Said(*each) for each in said],
            tuple(promised) if promised else None,
            near,
            due,
        )


_FIELDS = attrgetter(*(each.name for each in fields(StopDesk)))
