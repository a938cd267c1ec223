"""The NMEA reader as a target for atheris (coverage-guided fuzzing); not part of the suite.

atheris is no dependency: install it into a separate environment that sees this tree, and run

    PYTHONPATH=agent/src:schemas/src:. python -m tests.fuzz.nmea CORPUS -max_total_time=600

Input: the first byte chooses how it is read; the rest are bytes of the line, in which every `~` is
a pause, and `*??` is given the right checksum, so that the fields behind it are reached as well.
"""

import re
import sys

import atheris  # type: ignore[import-untyped]  # installed beside, see above

with atheris.instrument_imports():
    from milepost_schemas.dating import RecordedDating
    from milepost_schemas.nmea.decoder import NmeaDecoder

from tests.agent.line import checksum
from tests.fuzz.lines import check, places_in

_UNCHECKED = re.compile(rb"\$([^$*]{4,250})\*\?\?")


def one(data: bytes) -> None:
    """Read one input; an exception or an illegal or invented fix is a finding."""
    how, line = data[:1], _UNCHECKED.sub(_checked, data[1:])
    step = 1 + (how[0] & 0x3F) if how else 64
    decoder = NmeaDecoder(RecordedDating(), live=not how or how[0] < 0x80)
    made = []
    now_s = 0.0
    for part in line.split(b"~"):
        for at in range(0, len(part), step):
            made += decoder.feed(part[at : at + step], now_s)
        now_s += 0.3
        made += decoder.quiet(now_s)
    made += decoder.close()
    if made:
        places = places_in(line.replace(b"~", b""))
        for each in made:
            check(each)
            assert (each.fix.lat_e6, each.fix.lon_e6) in places, each


def _checked(match: re.Match[bytes]) -> bytes:
    body = match[1].replace(b"~", b"")
    return b"$%b*%02X" % (body, checksum(body))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
