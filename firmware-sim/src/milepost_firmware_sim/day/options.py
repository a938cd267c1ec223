"""What a user asks of delivery days, and what of it cannot be had."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from zoneinfo import ZoneInfo

from milepost_firmware_sim.day.fate import FEWEST_STOPS
from milepost_firmware_sim.day.mishaps import Mishap, Wish
from milepost_firmware_sim.day.planning import TIME_ZONE

MOST_VANS, MOST_STOPS, MOST_DAYS = 100, 100, 1000
# A date of a sentence has two digits for its year.
_YEARS = range(2000, 2100)
_EVERY_S = (0.1, 60.0)
_DEPARTS = re.compile(r"([0-9]{2}:[0-9]{2})(?:-([0-9]{2}:[0-9]{2}))?")


class DayError(ValueError):
    """A wish for delivery days that cannot be had."""


class TrackKind(Enum):
    """What tracks are written as; the value is the ending of their names."""

    NMEA = "nmea"
    CSV = "csv"


_USUAL_EVERY_S = {TrackKind.NMEA: 1.0, TrackKind.CSV: 5.0}


@dataclass(frozen=True, slots=True)
class DayOptions:
    """What was asked for.

    Attributes:
        seed: The same seed makes the same days.
        town: GeoJSON of a town; None: the one drawn from the seed.
        vans: How many.
        stops: Of each van and day.
        days: How many, one after the other.
        first: The first of them.
        departs: When the first van leaves its depot, and when the last one does, local time.
        tracks: What they are written as.
        every_s: Seconds between two fixes.
        wishes: What goes wrong.
        events: How many more things go wrong, by chance.
        out: The folder; new or empty.
    """

    seed: int
    town: Path | None
    vans: int
    stops: int
    days: int
    first: date
    departs: tuple[time, time]
    tracks: TrackKind
    every_s: float
    wishes: tuple[Wish, ...]
    events: int
    out: Path

    @property
    def van_names(self) -> tuple[str, ...]:
        """Return the ids of all vans."""
        digits = len(str(self.vans))
        return tuple(f"van-{number:0{digits}}" for number in range(1, self.vans + 1))

    @property
    def dates(self) -> tuple[date, ...]:
        """Return all days."""
        return tuple(self.first + timedelta(days=number) for number in range(self.days))

    def departs_ms(self, van: int, day: date) -> int:
        """Return when a van, counted from 0, leaves on a day, Unix milliseconds, whole minutes."""
        zone = ZoneInfo(TIME_ZONE)
        first, last = (datetime.combine(day, one, zone) for one in self.departs)
        share = van / (self.vans - 1) if self.vans > 1 else 0.0
        minutes = round((last.timestamp() - first.timestamp()) * share / 60.0)
        return (round(first.timestamp()) + 60 * minutes) * 1000

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            DayError: Naming the option and its value.
        """
        _within("--vans", self.vans, 1, MOST_VANS)
        _within("--stops", self.stops, FEWEST_STOPS, MOST_STOPS)
        _within("--days", self.days, 1, MOST_DAYS)
        _within("--every", self.every_s, *_EVERY_S)
        if self.events < 0:
            raise DayError(f"--events {self.events}: must be 0 or more")
        if not {self.first.year, (self.first + timedelta(days=self.days)).year} <= set(_YEARS):
            raise DayError(f"--date {self.first}: a day is not between 2000 and 2099")
        for wish in self.wishes:
            option = option_of(wish.mishap)
            if wish.van not in self.van_names:
                known = f"{self.van_names[0]} to {self.van_names[-1]}"
                raise DayError(f"{option} {wish.van}: no such van; there are {known}")
            if wish.day is not None and wish.day not in self.dates:
                raise DayError(f"{option} {wish.van}@{wish.day}: none of the days")


def option_of(mishap: Mishap) -> str:
    """Return the option that asks for a mishap."""
    return "--silent" if mishap is Mishap.UNSENT else "--" + mishap.value.replace("_", "-")


def parse_wishes(asked: Iterable[tuple[Mishap, Sequence[str] | None]]) -> tuple[Wish, ...]:
    """Read `VAN` or `VAN@YYYY-MM-DD` of each option.

    Raises:
        DayError: The part behind the `@` is no date.
    """
    wishes = []
    for mishap, texts in asked:
        for text in texts or ():
            van, at, day = text.partition("@")
            told = f"{option_of(mishap)} {text}"
            wishes.append(Wish(mishap, van, _date(told, day) if at else None))
    return tuple(wishes)


def parse_date(text: str) -> date:
    """Read `--date`.

    Raises:
        DayError: It is none.
    """
    return _date(f"--date {text}", text)


def parse_departs(text: str) -> tuple[time, time]:
    """Read `--depart`: `HH:MM`, or `HH:MM-HH:MM` of the first van and the last.

    Raises:
        DayError: It is something else, or runs backward.
    """
    match = _DEPARTS.fullmatch(text)
    try:
        begin, end = (time.fromisoformat(one) for one in (match[1], match[2] or match[1]))  # type: ignore[index]
    except (TypeError, ValueError):
        raise DayError(f"--depart {text}: not HH:MM or HH:MM-HH:MM") from None
    if end < begin:
        raise DayError(f"--depart {text}: ends before it begins")
    return begin, end


def usual_every_s(tracks: TrackKind) -> float:
    """Return how often is measured where nobody says it."""
    return _USUAL_EVERY_S[tracks]


def _date(told: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DayError(f"{told}: {text!r} is no date such as 2026-01-05") from None


def _within(option: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise DayError(f"{option} {value:g}: must be {low:g} to {high:g}")
