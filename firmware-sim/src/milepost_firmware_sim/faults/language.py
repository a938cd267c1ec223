"""The fault language: one line a fault, read into `Fault`s.

    [at WHEN] [for LENGTH] [every PERIOD]: FAULT [DETAILS]

    at 30s for 10s: cut 20%
    every 10m for 40s: outage
    at 2026-01-05T08:30:00Z: leap-second
    drop 5% of GSV,GSA

WHEN counts from the first fix, or is an RFC 3339 time on the receiver's clock as played. Without
`at` a fault is there from the first byte (and LENGTH counts from the first fix), without `for` to
the last one. `#` begins a comment.

Pure. Unknown words, and details that a fault does not take, are errors that name them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from milepost_firmware_sim.faults.window import Window
from milepost_firmware_sim.faults.words import FAULT_WORDS, Detail, FaultWord
from milepost_firmware_sim.receiver_makes import ReceiverSet

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LENGTH_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%\Z")
_DISTANCE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|km)\Z")
_DEGREES = re.compile(r"([0-9]+(?:\.[0-9]+)?)deg\Z")
_FORMATTER = re.compile(r"[A-Z0-9]{3,8}\Z")
_POINTS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
# The colon of the language has a blank behind it; that of a time has not.
_COLON = re.compile(r":(?:\s+|$)")
_UNPLUGGED_S = 5.0
_MOST_WEEKS = 10_000


class FaultError(ValueError):
    """A fault is not written as the language wants it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was asked for.

    Attributes:
        word: Which fault.
        text: As it was written, for people.
        window: When it is there.
        share: Which part of the lines, epochs or bytes it hits, 0 to 1.
        only: Formatters of the sentences that it hits; empty: all.
        distance_m: How far positions are moved; None as usual for the fault.
        direction_deg: Where to; None: the seed chooses.
        baud: Rate of the reader.
        sent_baud: Rate of the receiver.
        weeks: How many weeks dates go back.
        since: Date of the stale clock; None: that of the factory.
        name: New name of the port's link.
        receiver: Make of the second receiver.
        doubled: 00:00:00 twice instead of a 60th second.
    """

    word: FaultWord
    text: str
    window: Window
    share: float = 1.0
    only: frozenset[str] = frozenset()
    distance_m: float | None = None
    direction_deg: float | None = None
    baud: int = 0
    sent_baud: int = 9600
    weeks: int = 1024
    since: datetime | None = None
    name: str | None = None
    receiver: ReceiverSet = ReceiverSet.PLAIN
    doubled: bool = False


def read_faults(text: str, file: str) -> list[Fault]:
    """Read a file of faults.

    Raises:
        FaultError: A line is wrong; the message names file, line and word.
    """
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        told = line.partition("#")[0].strip()
        if told:
            faults.append(read_fault(told, f"faults {file}, line {number}"))
    return faults


def read_fault(text: str, where: str) -> Fault:
    """Read one fault.

    Args:
        text: In the language.
        where: Begins the message of an error.

    Raises:
        FaultError: It is wrong; the message names `where` and the word.
    """
    try:
        return _fault(text)
    except FaultError as error:
        raise FaultError(f"{where}: {error}") from None


def _fault(text: str) -> Fault:
    when, colon, what = _partition(text)
    words = what.split()
    if not words:
        raise FaultError(f"no fault in {text!r}")
    known = FAULT_WORDS.get(words[0])
    if known is None:
        raise FaultError(f"unknown word {words[0]!r}; faults are {', '.join(FAULT_WORDS)}")
    window = _window(when.split() if colon else [])
    if known.once and (window.length_s, window.every_s) != (None, None):
        raise FaultError(f"{known.word} comes once and lasts: 'at' alone goes with it")
    if known.word == "unplug" and window.length_s is None:
        window = replace(window, length_s=_UNPLUGGED_S)
    if known.word == "unplug":
        window = replace(window, begin_s=max(window.begin_s, 0.0))
    fault = Fault(known, " ".join(text.split()), window, share=known.share)
    given, fault = _detailed(fault, words[1:])
    if known.needs is not None and known.needs not in given:
        raise FaultError(f"{known.word} needs one more word, such as {known.needs.value!r}")
    return fault


def _partition(text: str) -> tuple[str, bool, str]:
    match = _COLON.search(text)
    if match is None:
        return "", False, text
    return text[: match.start()], True, text[match.end() :]


def _window(words: Sequence[str]) -> Window:
    window, begun = Window(), "at" in words
    told = iter(words)
    for word in told:
        value = next(told, None)
        if word not in ("at", "for", "every"):
            raise FaultError(f"unknown word {word!r}; before the colon: at, for, every")
        if value is None:
            raise FaultError(f"{word!r} needs a time behind it")
        match word:
            case "at" if (instant := _instant(value)) is not None:
                window = replace(window, instant_s=instant.timestamp(), begin_s=0.0)
            case "at":
                window = replace(window, begin_s=_length_s(value))
            case "for":
                window = replace(window, length_s=_length_s(value))
            case _:
                window = replace(window, every_s=_length_s(value))
    if window.every_s is not None:
        if window.length_s is None or not 0.0 < window.length_s <= window.every_s:
            raise FaultError("'every' needs a 'for' that is not longer")
        if not begun:
            window = replace(window, begin_s=window.every_s)
    return window


def _length_s(text: str) -> float:
    parts = _LENGTH_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise FaultError(f"{text!r} is no time: 30s, 1m30s, 2h, 500ms, or an RFC 3339 time")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _instant(text: str) -> datetime | None:
    if "T" not in text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise FaultError(f"{text!r} is no RFC 3339 time") from None
    if instant.tzinfo is None:
        raise FaultError(f"{text!r} has no offset from UTC, such as Z")
    return instant.astimezone(UTC)


def _detailed(fault: Fault, words: Sequence[str]) -> tuple[set[Detail], Fault]:
    """Add the details that stand behind the fault's word."""
    given: set[Detail] = set()
    told = iter(words)
    for word in told:
        detail, fault = _with_detail(fault, word, told)
        if detail not in fault.word.takes:
            takes = " ".join(f"[{one.value}]" for one in fault.word.takes) or "nothing"
            raise FaultError(f"unknown word {word!r}; {fault.word.word} takes {takes}")
        given.add(detail)
    return given, fault


def _with_detail(fault: Fault, word: str, rest: Iterator[str]) -> tuple[Detail | None, Fault]:
    """Read one detail; its kind is None where the word means nothing."""
    if match := _SHARE.match(word):
        share = float(match[1]) / 100.0
        if share > 1.0:
            raise FaultError(f"{word!r} is more than all")
        return Detail.SHARE, replace(fault, share=share)
    if match := _DISTANCE.match(word):
        metres = float(match[1]) * (1000.0 if match[2] == "km" else 1.0)
        return Detail.DISTANCE, replace(fault, distance_m=metres)
    if match := _DEGREES.match(word):
        return Detail.DIRECTION, replace(fault, direction_deg=float(match[1]) % 360.0)
    if word in _POINTS:
        return Detail.DIRECTION, replace(fault, direction_deg=45.0 * _POINTS.index(word))
    if word.isdecimal():
        return Detail.BAUD, replace(fault, baud=_count(word, 50, 4_000_000))
    if word in [one.value for one in ReceiverSet]:
        return Detail.RECEIVER, replace(fault, receiver=ReceiverSet(word))
    if word == "doubled":
        return Detail.DOUBLED, replace(fault, doubled=True)
    if word not in ("of", "sent", "weeks", "from", "as"):
        return None, fault
    value = next(rest, "")
    match word:
        case "of":
            names = value.split(",")
            if not all(_FORMATTER.match(name) for name in names):
                raise FaultError(f"{value!r} is no list of sentences such as RMC,GGA")
            return Detail.ONLY, replace(fault, only=frozenset(names))
        case "sent":
            return Detail.SENT, replace(fault, sent_baud=_count(value, 50, 4_000_000))
        case "weeks":
            return Detail.WEEKS, replace(fault, weeks=_count(value, 1, _MOST_WEEKS))
        case "from":
            since = _instant(value if "T" in value else f"{value}T00:00:00Z")
            return Detail.SINCE, replace(fault, since=since)
        case _:
            if not value or "/" in value or value in (".", ".."):
                raise FaultError(f"{value!r} is no file name")
            return Detail.NAME, replace(fault, name=value)


def _count(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise FaultError(f"{text!r} is no number from {least} to {most}")
    return int(text)
