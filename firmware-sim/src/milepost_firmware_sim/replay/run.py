"""The command `replay`: a file into a port, from the options to the summary.

In flow the options as they were read, out flow JSON lines: the port as soon as it is open, and
again each time that it comes back, and the counts at the end. They go to standard output, or to
standard error where the recording itself has that.
"""

import json
import math
import sys
from collections.abc import Callable

from milepost_firmware_sim.clock import Clock
from milepost_firmware_sim.faults.chain import FaultChain
from milepost_firmware_sim.faults.stage import PlayTimes
from milepost_firmware_sim.ports.address import parse_address
from milepost_firmware_sim.ports.port import Port, PortError
from milepost_firmware_sim.ports.pseudo_terminal import PseudoTerminal
from milepost_firmware_sim.ports.standard_output import StandardOutput
from milepost_firmware_sim.ports.tcp_server import TcpServer
from milepost_firmware_sim.ports.udp_sender import UdpSender
from milepost_firmware_sim.replay.console import Console
from milepost_firmware_sim.replay.options import (
    START_RECORDED,
    Outlet,
    ReplayError,
    ReplayOptions,
    parse_start,
)
from milepost_firmware_sim.replay.playback import Interrupt, Manner, Playback
from milepost_firmware_sim.replay.player import (
    LinePlayer,
    Player,
    Start,
    start_at,
    start_recorded,
)
from milepost_firmware_sim.replay.recording import Recording
from milepost_firmware_sim.replay.source import STANDARD_INPUT, Source, load_source
from milepost_firmware_sim.tracks.choice import told

# Of a frame of a serial line: a start bit, eight data bits, a stop bit.
_FRAME_BITS = 10


def run_replay(
    options: ReplayOptions, write_line: Callable[[str], None], note: Callable[[str], None]
) -> None:
    """Play a recording until its end or a signal.

    Args:
        options: What was asked for.
        write_line: Takes the JSON lines.
        note: Takes what a person should know.

    Raises:
        ReplayError: An option has a wrong value.
        RecordingError: The file cannot be played.
        PortError: The port cannot be opened, or nobody reads it in time.
        TimescaleError: MILEPOST_CLOCK is wrong.
    """
    with Interrupt() as interrupt:
        instant_s = parse_start(options.start)
        clock = Clock()
        source = load_source(options.file, options.wishes)
        recording = source.recording
        _check(options, recording)
        _note_source(source, options, note)
        port = _open_port(options.outlet)
        try:
            playback = Playback(
                port,
                clock,
                interrupt,
                manner=_manner(options, clock.timescale.factor),
                console=_console(options, recording),
                plugged=lambda address: write_line(json.dumps({"port": address})),
            )
            write_line(json.dumps({"port": port.address}))
            if options.outlet.wait:
                playback.await_reader()
            start = _start(options, recording, instant_s, clock.now_s())
            faults = _faults(options, recording, start)
            playback.play(_player(options, recording, start, faults))
            playback.drain()
        finally:
            port.close()
    write_line(json.dumps(_counted(playback, port) | _struck(faults, note)))


def _counted(playback: Playback, port: Port) -> dict[str, object]:
    """Return how much was played."""
    return {
        "lines": playback.lines,
        "bytes": port.sent_bytes + port.dropped_bytes,
        "dropped_bytes": port.dropped_bytes,
    }


def _struck(faults: FaultChain | None, note: Callable[[str], None]) -> dict[str, object]:
    """Return how often each fault came, and note those that never did."""
    if faults is None:
        return {}
    for one in faults.hits():
        if not one.count:
            note(f"fault never came: {one.fault}")
    return {"faults": [{"fault": one.fault, "hits": one.count} for one in faults.hits()]}


def _check(options: ReplayOptions, recording: Recording) -> None:
    if options.start == START_RECORDED and not recording.dated:
        raise ReplayError(f"--start-at recorded: {options.file} holds no dates")
    if options.watching.stepping and options.file == STANDARD_INPUT:
        raise ReplayError("--step: standard input is the recording already")
    if options.every_s is not None and options.speed != 1.0:
        raise ReplayError("--every: has a pace of its own, so --speed says nothing")


def _note_source(source: Source, options: ReplayOptions, note: Callable[[str], None]) -> None:
    """Say what was chosen for the caller, and what was left out."""
    names = [track.name for track in source.tracks]
    if len(names) > 1 and options.wishes.track is None:
        note(f"{options.file}: {len(names)} tracks, --track chooses: {told(source.tracks)}")
    if len(names) > 1 and source.chosen in names:
        note(f"{options.file}: playing {names.index(source.chosen) + 1} ({source.chosen!r})")
    left_out = sum(track.left_out for track in source.tracks if track.name == source.chosen)
    if left_out:
        note(f"{options.file}: {left_out} points left out, without a place or time of their own")


def _manner(options: ReplayOptions, clock_factor: float) -> Manner:
    baud, endless = options.outlet.baud, math.isinf(options.speed)
    pace = options.speed * clock_factor
    return Manner(
        clock_factor=clock_factor,
        line_bytes_per_s=None if baud is None or endless else baud / _FRAME_BITS * pace,
        patience_s=options.outlet.patience_s,
        awaits_again=options.outlet.wait and endless,
    )


def _console(options: ReplayOptions, recording: Recording) -> Console:
    def write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    total_s = None if options.loop else recording.span_s
    return Console(options.watching, write, is_terminal=sys.stderr.isatty(), total_s=total_s)


def _player(
    options: ReplayOptions, recording: Recording, start: Start, faults: FaultChain | None
) -> Player | LinePlayer:
    every_s = 0.0 if options.watching.stepping else options.every_s
    if every_s is not None:
        return LinePlayer(recording, start, every_s=every_s, loop=options.loop, faults=faults)
    return Player(recording, start, speed=options.speed, loop=options.loop, faults=faults)


def _faults(options: ReplayOptions, recording: Recording, start: Start) -> FaultChain | None:
    if not options.faults:
        return None
    first_fix_s = recording.pace.origin_s + start.offset_s
    return FaultChain(options.faults, options.seed, PlayTimes(first_fix_s, recording.span_s))


def _start(
    options: ReplayOptions, recording: Recording, instant_s: float | None, now_s: float
) -> Start:
    if options.start == START_RECORDED:
        return start_recorded(now_s)
    return start_at(recording, now_s if instant_s is None else instant_s, now_s)


def _open_port(outlet: Outlet) -> Port:
    asked = {"--tcp": outlet.tcp, "--udp": outlet.udp, "--stdout": outlet.stdout or None}
    others = [option for option, value in asked.items() if value is not None]
    if len(others) > 1:
        raise PortError(f"{' and '.join(others)}: one outlet at a time")
    if others and outlet.link is not None:
        raise PortError(f"--link {outlet.link}: links to a terminal, and {others[0]} opens none")
    if outlet.tcp is not None:
        return TcpServer(*parse_address(outlet.tcp, "--tcp"))
    if outlet.udp is not None:
        return UdpSender(*parse_address(outlet.udp, "--udp"))
    if outlet.stdout:
        return StandardOutput(sys.stdout.fileno())
    return PseudoTerminal(outlet.link, outlet.baud)
