"""Lines as no receiver should send them: seeded damage to sentences of our own drawing.

`python -m tests.fuzz.lines 1000000` reads so many of them and prints what became of them. Every
fix must be legal on the wire, and stand in sentences whose checksum is right, which another, slow
reader finds in the same bytes.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from milepost_schemas.dating import RecordedDating
from milepost_schemas.fix import FixKind
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix
from tests.agent.line import checksum, gga, rmc, sentence

NASTY = [
    *("", " ", "nan", "-nan", "inf", "-inf", "Infinity", "1e400", "1e3", "1_0", "+1", "-0", "-"),
    *(".", "0", "0.0", "9" * 200, "-1", "360.0", "361", "4860.0000", "9000.0001", "18000.0001"),
    *("235960", "240000", "000000.9999", "310226", "2208-1", "00000000", "A", "V", "N", "X", "E"),
    *("0000.0000", "00000.0000", "99.99", "-99999", "\u0661\u0662", "\uff11", "\x00", "0x10"),
]
UBX = b"\xb5\x62\x01\x07\x5c\x00" + bytes(range(92)) + b"\x24\x2a"
RTCM = b"\xd3\x00\x13\x3e\xd0" + b"$GNRMC,\xd3\x00*" + b"\x8a\x0e"


def drawn(rng: random.Random, talker: str = "GN") -> Iterator[str]:
    """Yield the bodies of sentences of a drive without end, through a midnight or two."""
    second = rng.randrange(86_000, 86_400)
    lat, lon = rng.uniform(-89, 89), rng.uniform(-179, 179)
    count = 9
    while True:
        second += rng.choice((1, 1, 1, 1, 2, 7))
        lat += rng.uniform(-1e-4, 1e-4)
        lon += rng.uniform(-1e-4, 1e-4)
        time = f"{second // 3600 % 24:02}{second // 60 % 60:02}{second % 60:02}.00"
        date = f"{1 + second // 86_400 % 28:02}0126"
        north = f"{_angle(lat, 2)},{'N' if lat >= 0 else 'S'}"
        east = f"{_angle(lon, 3)},{'E' if lon >= 0 else 'W'}"
        bodies = [
            rmc(time, north, east, date, speed=f"{rng.uniform(0, 80):.2f}"),
            gga(time, north, east, altitude=f"{rng.uniform(-50, 4000):.1f}"),
            f"GPGNS,{time},{north},{east},AAN,12,0.8,{rng.uniform(0, 900):.1f},47.0,,",
            "GPGSA,A,3,05,16,18,23,26,29,31,,,,,,1.1,0.9,0.7",
            "GPGSV,3,1,12,04,16,162,46,07,84,207,48,08,34,135,45,09,17,315,38",
            f"GPVTG,{rng.uniform(0, 360):.1f},T,,M,14.6,N,27.0,K,A",
            f"GPGLL,{north},{east},{time},A,A",
            f"GPGST,{time},23.0,2.5,2.4,126,{rng.uniform(0, 9):.1f},1.0,3.1",
            f"GPZDA,{time},{date[:2]},01,2026,00,00",
        ]
        # A cycle stays the same long enough to be learned.
        count = rng.choice((1, 2, 4, 9)) if rng.random() < 0.02 else count
        for body in bodies[:count]:
            yield talker + body[2:]


def _angle(degrees: float, digits: int) -> str:
    whole, minutes = divmod(abs(degrees) * 60, 60)
    return f"{int(whole):0{digits}}{min(minutes, 59.99999):08.5f}"


class Damage:
    """Damages lines, the same way for the same seed.

    Args:
        seed: Of all that is random.
        share: Of the lines that are damaged, or come from another receiver; 0 to 1.
    """

    def __init__(self, seed: int, share: float) -> None:
        self._rng = random.Random(seed)
        self._share = share
        self._one, self._other = drawn(self._rng), drawn(self._rng, "II")
        self._last = b""

    def line(self) -> bytes:
        """Return the next line, sound or not."""
        rng = self._rng
        is_damaged = rng.random() < self._share
        source = self._other if is_damaged and rng.random() < 0.2 else self._one
        body = next(source)
        whole = sentence(body)
        kind = rng.randrange(11) if is_damaged else None
        line = whole
        if kind == 0:
            line = self._flipped(whole)
        elif kind == 1:
            line = whole[: rng.randrange(len(whole))]
        elif kind == 2:
            line = whole[rng.randrange(len(whole)) :]
        elif kind == 3:
            at = rng.randrange(len(whole))
            line = whole[:at] + self._last[rng.randrange(len(self._last) + 1) :]
        elif kind == 4:
            line = whole.rstrip() + sentence(next(source), b"\r\n\n")
        elif kind == 5:
            line = rng.choice((UBX, RTCM, rng.randbytes(40), b"\0" * 50)) + whole
        elif kind == 6:  # the same bits, read at another baud rate
            line = bytes(byte & rng.choice((0xFF, 0xF8, 0x0F, 0xC3)) for byte in whole)
        elif kind in (7, 8, 9):
            line = self._nasty(body)
        elif kind is not None:
            line = self._last + whole
        self._last = line[-200:]
        return line

    def _flipped(self, line: bytes) -> bytes:
        damaged = bytearray(line)
        for _ in range(self._rng.randint(1, 4)):
            damaged[self._rng.randrange(len(damaged))] ^= 1 << self._rng.randrange(8)
        return bytes(damaged)

    def _nasty(self, body: str) -> bytes:
        """Put nasty values into fields, and a right checksum behind them."""
        fields = body.split(",")
        for _ in range(self._rng.randint(1, 3)):
            at = self._rng.randrange(len(fields))
            fields[at] = self._rng.choice(NASTY)
        return sentence(",".join(fields[: self._rng.randint(1, len(fields) + 3)]))


# Slow on purpose, and nothing like the reader's own way.
_RUN = re.compile(rb"\$([^$*]{4,251})\*([0-9A-Fa-f]{2})")


def places_in(data: bytes) -> set[tuple[int, int]]:
    """Return what could be the places of all sentences in bytes whose checksum is right."""
    places: set[tuple[int, int]] = set()
    for body, written in _RUN.findall(data):
        if checksum(body) != int(written, 16):
            continue
        texts = re.findall(rb"([\d.]+) *, *([NS]) *, *([\d.]+) *, *([EW])", body)
        for lat, north, lon, east in texts:
            try:
                places.update(product(_e6(lat, 2, north), _e6(lon, 3, east)))
            except ValueError:
                continue
    return places


def _e6(text: bytes, digits: int, hemisphere: bytes) -> set[int]:
    """Return millionths of a degree; both, where two are as near."""
    degrees = int(text[:digits]) + float(text[digits:]) / 60
    signed = degrees * 1e6 * (-1 if hemisphere in b"SW" else 1)
    return {round(signed - 0.001), round(signed + 0.001)}


def check(made: MadeFix) -> None:
    """Assert that a fix is legal on the wire."""
    fix = made.fix
    for value, low, high in [
        (fix.time_ms, 0, 2**47),
        (fix.lat_e6, -90_000_000, 90_000_000),
        (fix.lon_e6, -180_000_000, 180_000_000),
        (fix.altitude_dm, -20_000, 1_000_000),
        (fix.speed_dmps, 0, 10_000),
        (fix.course_deg, 0, 359),
        (fix.hdop_tenths, 0, 999),
        (fix.satellites, 0, 255),
        (fix.error_dm, 0, 65_535),
    ]:
        assert value is None or (type(value) is int and low <= value <= high), fix
    assert fix.time_ms is not None
    assert fix.kind in FixKind
    assert fix.kind is not FixKind.NONE
    assert (fix.lat_e6, fix.lon_e6) != (0, 0)


@dataclass
class Outcome:
    """What became of damaged lines."""

    lines: int = 0
    fixes: int = 0
    invented: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def read(lines: int, seed: int, share: float, *, live: bool = True) -> Outcome:
    """Read damaged lines, in pieces, with pauses; check every fix."""
    rng = random.Random(seed)
    damage = Damage(seed, share)
    decoder = NmeaDecoder(RecordedDating(), live=live)
    outcome = Outcome(lines)
    data, now_s = b"", 0.0
    # Bytes that a fix can still stem from: those since the instant before was open.
    recent: list[set[tuple[int, int]]] = []
    for _ in range(lines):
        data += damage.line()
        if rng.random() < 0.3:
            continue
        at = rng.randrange(len(data) + 1)
        piece, data = data[:at], data[at:]
        now_s += 1.0 if rng.random() < 0.01 else rng.choice((0.0, 0.01, 0.1))
        recent = [*recent[-40:], places_in(piece + data)]
        made = decoder.quiet(now_s) + decoder.feed(piece, now_s)
        for each in made:
            check(each)
            outcome.fixes += 1
            place = (each.fix.lat_e6, each.fix.lon_e6)
            outcome.invented += not any(place in places for places in recent)
    outcome.counts.update({f"reject {kind}": n for kind, n in decoder.rejects.items()})
    outcome.counts.update({f"unfixed {reason}": n for reason, n in decoder.unfixed.items()})
    outcome.counts.update(sentences=decoder.sentences, late=decoder.late, again=decoder.again)
    return outcome


if __name__ == "__main__":
    for part in (0.02, 0.2, 0.7, 1.0):
        sys.stdout.write(f"{part:.0%} damaged: {read(int(sys.argv[1]) // 4, 1, part)}\n")
