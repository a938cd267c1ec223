"""The words of a plan. Times are UTC milliseconds since 1970, lengths metres, durations seconds."""

from dataclasses import dataclass
from datetime import date

USUAL_RADIUS_M = 50.0
USUAL_SERVICE_S = 120.0
USUAL_PRIORITY = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is.

    Attributes:
        lat_deg: WGS 84, -90 to 90; likewise `lon_deg`, -180 to 180. None: only the address is
            known, and somebody has to find it.
        address: As people write it; None: unknown.
    """

    lat_deg: float | None = None
    lon_deg: float | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """When somebody expects a delivery.

    Attributes:
        from_ms: Not before.
        to_ms: Not after; later than `from_ms`.
    """

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Who waits for an order, and how to tell them. All of it is personal: erased on demand.

    Attributes:
        name: As it stands at the door.
        phone: E.164, `+` and up to 15 digits.
        email: An address with one `@`.
        locale: BCP 47, as `en` or `de-AT`; None: the fleet's.
        note: What the driver should know.
    """

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    locale: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody ordered.

    Attributes:
        id: Unique in the fleet.
        parcels: What is to be scanned when the vehicle is loaded; each unique in the fleet.
        contact: Who waits for it.
    """

    id: str
    parcels: tuple[str, ...] = ()
    contact: Contact = Contact()


@dataclass(frozen=True, slots=True)
class Stop:
    """A place to go to.

    Attributes:
        id: Unique in its plan.
        place: Where it is.
        radius_m: Who is within it is there; 10 to 1,000.
        window: When it is expected; None: at any time.
        service_s: How long it takes there; 0 to 86,400.
        priority: More is more important; -100 to 100.
        orders: What is brought or fetched there.
    """

    id: str
    place: Place
    radius_m: float = USUAL_RADIUS_M
    window: Window | None = None
    service_s: float = USUAL_SERVICE_S
    priority: int = USUAL_PRIORITY
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Depot:
    """Where the vehicle is loaded, and where it returns to.

    Attributes:
        place: Where it is.
        radius_m: Who is within it is there.
        departs_ms: When it should leave; None: unknown.
    """

    place: Place
    radius_m: float = USUAL_RADIUS_M
    departs_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A vehicle's route of a day.

    Attributes:
        id: Unique in the fleet.
        vehicle: Who drives it.
        date: The day, where the vehicle is.
        time_zone: IANA name of the zone there.
        stops: In the order in which they are to be made.
        depot: Where it begins; None: anywhere.
        path: The way that it should take, (latitude, longitude) in degrees; empty: any.
    """

    id: str
    vehicle: str
    date: date
    stops: tuple[Stop, ...]
    time_zone: str = "UTC"
    depot: Depot | None = None
    path: tuple[tuple[float, float], ...] = ()
