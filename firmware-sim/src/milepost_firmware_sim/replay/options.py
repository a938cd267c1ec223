"""What a replay was asked for, and the values of its options as people type them."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from milepost_firmware_sim.faults.language import Fault
from milepost_firmware_sim.ports.pseudo_terminal import BAUDS
from milepost_firmware_sim.receiver_makes import ReceiverSet
from milepost_firmware_sim.replay.console import Watching
from milepost_firmware_sim.replay.source import Wishes

START_NOW = "now"
START_RECORDED = "recorded"
SPEED_MAX = "max"
RATES_HZ = (1, 2, 5, 10)


class ReplayError(ValueError):
    """An option of the replay has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where the bytes go; a pseudo-terminal where nothing else is said.

    Attributes:
        link: Where to put a symbolic link to the pseudo-terminal, or None.
        tcp: `host:port` to serve, or None.
        udp: `host:port` to send to, or None.
        stdout: Standard output.
        baud: Rate of the line, or None: as fast as the reader takes it.
        wait: Wait for a reader before the first byte.
        patience_s: How long, and for one that takes nothing; None: for ever.
    """

    link: Path | None = None
    tcp: str | None = None
    udp: str | None = None
    stdout: bool = False
    baud: int | None = None
    wait: bool = True
    patience_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What was asked for.

    Attributes:
        file: What to play; `-` is standard input.
        wishes: How to read it.
        outlet: Where to.
        speed: Times the clock's pace; above 0, infinite for as fast as the reader takes it.
        loop: Begin again at the end.
        start: `now`, `recorded`, or an RFC 3339 time with an offset.
        every_s: Seconds from line to line instead of the recorded pace, or None.
        faults: What happens on the way.
        seed: Chooses what the faults leave to chance.
        watching: What a person sees.
    """

    file: Path
    wishes: Wishes = field(default_factory=Wishes)
    outlet: Outlet = field(default_factory=Outlet)
    speed: float = 1.0
    loop: bool = False
    start: str = START_NOW
    every_s: float | None = None
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    watching: Watching = field(default_factory=Watching)


def parse_speed(text: str) -> float:
    """Read `--speed`; infinity for `max`.

    Raises:
        ReplayError: It is neither `max` nor a number above 0.
    """
    if text == SPEED_MAX:
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.0 < speed < math.inf:
        raise ReplayError(f"--speed {text}: neither max nor a number above 0")
    return speed


def parse_start(text: str) -> float | None:
    """Read `--start-at`: Unix seconds of an RFC 3339 time; None for `now` and `recorded`.

    Raises:
        ReplayError: It is none of them, or has no offset from UTC.
    """
    if text in (START_NOW, START_RECORDED):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ReplayError(
            f"--start-at {text}: neither now, recorded, nor a time such as 2026-01-05T08:00:00Z"
        )
    return instant.timestamp()


def parse_rate(rate_hz: int | None) -> int | None:
    """Check `--rate`.

    Raises:
        ReplayError: Receivers have no such rate.
    """
    if rate_hz is not None and rate_hz not in RATES_HZ:
        raise ReplayError(f"--rate {rate_hz}: not one of {', '.join(map(str, RATES_HZ))}")
    return rate_hz


def parse_receiver(text: str | None) -> ReceiverSet | None:
    """Read `--receiver`.

    Raises:
        ReplayError: There is no such make.
    """
    makes = {one.value: one for one in ReceiverSet}
    if text is not None and text not in makes:
        raise ReplayError(f"--receiver {text}: not one of {', '.join(makes)}")
    return None if text is None else makes[text]


def parse_baud(baud: int | None) -> int | None:
    """Check `--baud`.

    Raises:
        ReplayError: No terminal has such a rate.
    """
    if baud is not None and baud not in BAUDS:
        raise ReplayError(f"--baud {baud}: not one of {', '.join(map(str, BAUDS))}")
    return baud


def parse_above_0(value: float | None, option: str) -> float | None:
    """Check a number that must be above 0 and finite.

    Raises:
        ReplayError: It is not.
    """
    if value is not None and not 0.0 < value < math.inf:
        raise ReplayError(f"{option} {value:g}: not a number above 0")
    return value
