"""Addresses to coordinates, by a Nominatim or a Photon that the configuration names (geopy).

What is not sure is refused: a van that goes to another street of the same name is worse than a line
that somebody has to mend.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from geopy.adapters import URLLibAdapter
from geopy.distance import great_circle
from geopy.exc import GeopyError
from geopy.extra.rate_limiter import RateLimiter
from geopy.geocoders import Nominatim, Photon

from milepost_collector.planning.locating import AddressError

# Nominatim's ranks: 26 and 27 are streets and ways, 30 houses and what stands for one.
_HOUSE_RANK = 28

# Entrances of one house, or its outline and its door.
_SAME_PLACE_M = 200.0

_CANDIDATES = 5
_TRIES_MORE = 2


class GeocoderSettings(Protocol):
    """What is configured (`config.GeocoderConfig`)."""

    @property
    def kind(self) -> str:
        """`nominatim` or `photon`; empty: nobody is asked."""

    @property
    def url(self) -> str:
        """Where it is."""

    @property
    def user_agent(self) -> str:
        """What we call ourselves there."""

    @property
    def rate_per_s(self) -> float:
        """How many addresses it is asked for in a second at the most."""

    @property
    def timeout_s(self) -> float:
        """Seconds that it has for an answer."""


class Geocoder:
    """Asks a service for addresses, not more often than is agreed; may be used by many threads.

    Args:
        settings: Which service, how it is asked, and how often.
    """

    def __init__(self, settings: GeocoderSettings) -> None:
        parts = urlsplit(settings.url)
        service: Any = {"nominatim": Nominatim, "photon": Photon}[settings.kind](
            domain=f"{parts.netloc}{parts.path}".rstrip("/"),
            scheme=parts.scheme,
            user_agent=settings.user_agent,
            timeout=settings.timeout_s,
            adapter_factory=URLLibAdapter,
        )
        more: dict[str, Any] = {"addressdetails": True} if settings.kind == "nominatim" else {}
        pause_s = 1 / settings.rate_per_s
        self._is_house: Callable[[Any], bool] = {
            "nominatim": _is_house_of_nominatim,
            "photon": _is_house_of_photon,
        }[settings.kind]
        self._more = {"exactly_one": False, "limit": _CANDIDATES, **more}
        self._ask = RateLimiter(
            service.geocode,
            min_delay_seconds=pause_s,
            max_retries=_TRIES_MORE,
            error_wait_seconds=max(1.0, pause_s),
            swallow_exceptions=False,
        )

    def find(self, address: str) -> tuple[float, float]:
        """Return latitude and longitude in degrees; waits for the service.

        Raises:
            AddressError: It is not found, not sure, or the service does not answer.
        """
        try:
            found = self._ask(address, **self._more)
        except GeopyError as error:
            raise AddressError(f"the geocoder does not answer: {error}") from None
        except (LookupError, TypeError, ValueError) as error:
            raise AddressError(f"the geocoder says what nobody understands: {error!r}") from None
        return self._sure(found or [])

    def _sure(self, found: Sequence[Any]) -> tuple[float, float]:
        if not found:
            raise AddressError("the geocoder knows no such address")
        houses = [each for each in found if self._is_house(each.raw)]
        if not houses:
            raise AddressError(
                f"the geocoder is unsure: it knows no house there, only {found[0].address!r}"
            )
        first = houses[0]
        for other in houses[1:]:
            if great_circle(first.point, other.point).meters > _SAME_PLACE_M:
                raise AddressError(
                    f"the geocoder is unsure: {first.address!r} or {other.address!r}"
                )
        return round(first.latitude, 7), round(first.longitude, 7)


def geocoder_of(settings: GeocoderSettings) -> Geocoder | None:
    """Return what finds addresses; None: none is configured."""
    return Geocoder(settings) if settings.kind else None


def _is_house_of_nominatim(raw: Any) -> bool:
    return int(raw.get("place_rank", 0)) >= _HOUSE_RANK or "house_number" in raw.get("address", {})


def _is_house_of_photon(raw: Any) -> bool:
    told = raw.get("properties", {})
    return told.get("type") == "house" or "housenumber" in told
