"""Plans whose places have coordinates: those that say an address alone are found, or told."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from milepost_schemas.plan import Depot, Place, Plan, Problem, Stop

Find = Callable[[str], tuple[float, float]]

_NO_GEOCODER = "has no lat_deg and lon_deg, and no [geocoder] is configured that could find them"


class AddressError(ValueError):
    """Nobody can say for sure where an address is; the message says why."""


def addresses_of(plan: Plan) -> list[str]:
    """Return the addresses that have to be found."""
    places = [*(stop.place for stop in plan.stops), *([plan.depot.place] if plan.depot else [])]
    return [place.address for place in places if place.lat_deg is None and place.address]


def located(
    plan: Plan, known: Mapping[str, tuple[float, float]], find: Find | None
) -> tuple[Plan, list[tuple[int | None, Problem]]]:
    """Return a plan with coordinates, without the places that are not found.

    Args:
        plan: As somebody wrote it.
        known: Addresses that were found before, so that a plan that comes again stays the same.
        find: Asks for others; None: nobody can be asked.

    Returns:
        The plan, and what was not found: the stop's place in the plan as it was given, None for
        the depot; and what is wrong.
    """
    problems: list[tuple[int | None, Problem]] = []

    def placed(place: Place, number: int | None) -> Place | None:
        if place.lat_deg is not None or place.address is None:
            return place
        where = "depot" if number is None else f"stops[{number}]"
        try:
            if place.address not in known and find is None:
                raise AddressError(_NO_GEOCODER)
            lat, lon = known.get(place.address) or find(place.address)  # type: ignore[misc]
        except AddressError as error:
            problems.append((number, Problem(where, f"address {place.address!r}: {error}")))
            return None
        return replace(place, lat_deg=lat, lon_deg=lon)

    stops: list[Stop] = []
    for number, stop in enumerate(plan.stops):
        place = placed(stop.place, number)
        if place is not None:
            stops.append(replace(stop, place=place))
    depot: Depot | None = None
    if plan.depot is not None:
        place = placed(plan.depot.place, None)
        depot = None if place is None else replace(plan.depot, place=place)
    return replace(plan, stops=tuple(stops), depot=depot), problems
