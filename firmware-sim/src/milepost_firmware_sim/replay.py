"""The command `replay`: a recording into a port, from the options to the summary.

In flow the options as they were typed, out flow two JSON lines: the port as soon as it is open, and
the counts at the end.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.playback import Interrupt, Playback
from milepost_firmware_sim.player import Player, Start, start_at, start_recorded
from milepost_firmware_sim.port import Port, PortError
from milepost_firmware_sim.pseudo_terminal import PseudoTerminal
from milepost_firmware_sim.recording import Recording, load
from milepost_firmware_sim.tcp_server import TcpServer, parse_address

START_NOW = "now"
START_RECORDED = "recorded"


class ReplayError(ValueError):
    """An option of the replay has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What was asked for.

    Attributes:
        file: The log, plain or gzip.
        speed: Times the clock's pace; above 0.
        loop: Begin again at the end.
        link: Where to put a symbolic link to the pseudo-terminal, or None.
        tcp: `host:port` to serve instead of a pseudo-terminal, or None.
        start: `now`, `recorded`, or an RFC 3339 time with an offset.
        wait: Wait for a reader before the first byte.
    """

    file: Path
    speed: float = 1.0
    loop: bool = False
    link: Path | None = None
    tcp: str | None = None
    start: str = START_NOW
    wait: bool = True


def run_replay(options: ReplayOptions, write_line: Callable[[str], None]) -> None:
    """Play a recording until its end or a signal.

    Raises:
        ReplayError: An option has a wrong value.
        RecordingError: The file cannot be played.
        PortError: The port cannot be opened.
        TimescaleError: MILEPOST_CLOCK is wrong.
    """
    with Interrupt() as interrupt:
        instant_s = parse_start(options.start)
        clock = Clock()
        recording = load(options.file)
        port = _open_port(options)
        try:
            playback = Playback(port, clock, interrupt, clock_factor=clock.timescale.factor)
            write_line(json.dumps({"port": port.address}))
            if options.wait:
                playback.await_reader()
            start = _start(options, recording, instant_s, clock.now_s())
            playback.play(Player(recording, start, speed=options.speed, loop=options.loop))
            playback.drain()
        finally:
            port.close()
    counts = {
        "lines": playback.lines,
        "bytes": port.sent_bytes + port.dropped_bytes,
        "dropped_bytes": port.dropped_bytes,
    }
    write_line(json.dumps(counts))


def parse_speed(text: str) -> float:
    """Read `--speed`.

    Raises:
        ReplayError: It is not a number above 0.
    """
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.0 < speed < math.inf:
        raise ReplayError(f"--speed {text}: not a number above 0")
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


def _start(
    options: ReplayOptions, recording: Recording, instant_s: float | None, now_s: float
) -> Start:
    if options.start == START_RECORDED:
        return start_recorded(now_s)
    return start_at(recording, now_s if instant_s is None else instant_s, now_s)


def _open_port(options: ReplayOptions) -> Port:
    if options.tcp is None:
        return PseudoTerminal(options.link)
    if options.link is not None:
        raise PortError(f"--link {options.link}: links to a terminal, and --tcp opens none")
    return TcpServer(*parse_address(options.tcp))
