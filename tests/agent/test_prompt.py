"""Fixes are there when they are complete: the order of a receiver's sentences is learned."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.decoder import NmeaDecoder
from milepost_schemas.nmea.epoch import MadeFix
from milepost_schemas.nmea.order import SentenceOrder
from tests.agent.line import RECORDED, gga, needs_recorded, replayed, rmc, sentence
from tests.agent.paced import Burst, as_recorded, played

GSA = "GNGSA,A,3,05,16,18,23,26,29,31,,,,,,1.1,0.7,0.7"
GSV = "GPGSV,3,1,12,04,16,162,46,07,84,207,48,08,34,135,45,09,17,315,38"
VTG = "GNVTG,90.0,T,,M,10.0,N,18.5,K,A"
NOON_MS = 43_200_000
PROMPT_S = 0.2

Cycle = Callable[[int, str], list[str]]


def gll(time: str) -> str:
    """Return the body of a GLL."""
    return f"GNGLL,4717.1143,N,00833.9152,E,{time},A,A"


def u_blox(_n: int, time: str) -> list[str]:
    """RMC first, GLL last, the satellites in view between."""
    return [rmc(time), VTG, gga(time), GSA, GSA, *[GSV] * 3, gll(time)]


def satellites_last(_n: int, time: str) -> list[str]:
    """All that is needed first, then half a second of satellites in view at 4800 baud."""
    return [gga(time), GSA, rmc(time), *[GSV] * 4]


def untimed_first(_n: int, time: str) -> list[str]:
    """GSA and VTG before the first sentence that says the time."""
    return [GSA, VTG, rmc(time, speed="", course=""), gga(time)]


def minimum(_n: int, time: str) -> list[str]:
    """One sentence only."""
    return [rmc(time)]


def sirf(n: int, time: str) -> list[str]:
    """GGA first, each fourth second only."""
    return [*([gga(time)] if n % 4 == 0 else []), GSA, rmc(time)]


def gga_last_of_four(n: int, time: str) -> list[str]:
    """GGA last, each fourth second only."""
    return [rmc(time), GSA, *([gga(time)] if n % 4 == 0 else [])]


def gga_last_of_five(n: int, time: str) -> list[str]:
    """GGA last, each fifth second only, with satellites behind it."""
    return [rmc(time), *([gga(time), GSA, GSV, GSV] if n % 5 == 0 else [])]


def changing(n: int, time: str) -> list[str]:
    """Another order from the twentieth second on, and one more satellite system."""
    return u_blox(n, time) if n < 20 else [gga(time), rmc(time), GSA, GSA, GSA]


CYCLES = (
    u_blox,
    satellites_last,
    untimed_first,
    minimum,
    sirf,
    gga_last_of_four,
    gga_last_of_five,
    changing,
)


def sent(cycle: Cycle, count: int = 60, hz: int = 1) -> list[Burst]:
    """Return what a receiver sends from noon on."""
    bursts = []
    for n in range(count):
        seconds = n / hz
        time = f"12{int(seconds) // 60:02}{seconds % 60:05.2f}"
        lines = [sentence(body) for body in cycle(n, time)]
        bursts.append(Burst(seconds, lines, NOON_MS + round(seconds * 1000)))
    return bursts


@pytest.mark.parametrize("baud", [4800, 9600, 115_200])
@pytest.mark.parametrize("cycle", CYCLES)
def test_every_instant_is_one_prompt_fix(cycle: Cycle, baud: int) -> None:
    """At 1 Hz each instant is one fix, within 0.2 s of its last sentence, from the first on."""
    decoder = NmeaDecoder(RecordedDating())
    prompt = played(sent(cycle), baud, decoder)
    assert [each.made.fix.time_ms % 60_000 for each in prompt] == [n * 1000 for n in range(60)]
    assert max(each.late_s for each in prompt) <= PROMPT_S
    assert decoder.unfixed == {}
    # A change of the order, and the fifth cycle that is unlike the four before, cost one each.
    assert decoder.late <= 2


@pytest.mark.parametrize("baud", [4800, 115_200])
@pytest.mark.parametrize("cycle", [u_blox, satellites_last, untimed_first, minimum, sirf])
def test_fix_is_there_with_its_last_sentence_once_the_order_is_learned(
    cycle: Cycle, baud: int
) -> None:
    """After a few cycles a fix waits for nothing: it comes with the last sentence it needs."""
    prompt = played(sent(cycle), baud, NmeaDecoder(RecordedDating()))
    assert max(each.late_s for each in prompt[10:]) <= 0.001


def test_fix_does_not_wait_for_sentences_that_it_does_not_need() -> None:
    """On a slow line, satellites in view trickle for half a second after the fix is complete."""
    prompt = played(sent(satellites_last), 4800, NmeaDecoder(RecordedDating()))
    assert max(each.late_s for each in prompt[10:]) < -0.5


@pytest.mark.parametrize("cycle", [u_blox, untimed_first, sirf, changing])
def test_fix_at_10_hz_is_prompt(cycle: Cycle) -> None:
    """At 10 Hz, where the line is never quiet, each tenth is one prompt fix."""
    decoder = NmeaDecoder(RecordedDating())
    prompt = played(sent(cycle, 100, hz=10), 115_200, decoder)
    assert [each.made.fix.time_ms % 60_000 for each in prompt] == [n * 100 for n in range(100)]
    assert max(each.late_s for each in prompt) <= PROMPT_S
    assert decoder.late <= 2


@pytest.mark.parametrize("cycle", CYCLES)
def test_prompt_fix_is_complete(cycle: Cycle) -> None:
    """What the sentences of an instant say is in its fix, and each has an altitude."""
    made = [each for each, _ in played(sent(cycle), 9600, NmeaDecoder(RecordedDating()))]
    assert all(each.fix.speed_dmps == 51 for each in made)
    if cycle is minimum:
        return
    assert [n for n, each in enumerate(made) if each.fix.altitude_dm is None] == []
    of_its_own = {n for n, each in enumerate(made) if not each.measured.altitude_carried}
    stated = {n for n in range(60) if any("GGA" in body for body in cycle(n, "120000.00"))}
    # One cycle, unlike those that were learned from, is believed complete before its GGA.
    assert len(stated - of_its_own) <= 1
    assert of_its_own <= stated


def test_late_sentence_makes_no_second_fix_and_is_not_lost() -> None:
    """A GGA behind the end that was learned is counted, and its altitude is carried on."""

    def cycle(n: int, time: str) -> list[str]:
        return [rmc(time), *([gga(time, altitude="512.0")] if n == 9 else [])]

    decoder = NmeaDecoder(RecordedDating())
    made = [each for each, _ in played(sent(cycle, 16), 9600, decoder)]
    assert len(made) == 16
    assert decoder.late == 1
    assert [each.fix.altitude_dm for each in made[8:16]] == [None, None, *[5120] * 5, None]
    assert all(each.measured.altitude_carried for each in made[10:15])


def test_receiver_that_pauses_within_an_instant_is_waited_for() -> None:
    """After some fixes that a pause divided, pauses of that length divide none."""
    bursts = []
    for begin_s, lines, time_of_day_ms in sent(u_blox):
        bursts.append(Burst(begin_s, lines[:2], time_of_day_ms))
        bursts.append(Burst(begin_s + 0.4, lines[2:], time_of_day_ms))
    prompt = played(bursts, 115_200, NmeaDecoder(RecordedDating()))
    assert len(prompt) == 60
    for made, late_s in prompt[10:]:
        assert (made.fix.altitude_dm, made.measured.altitude_carried) == (4080, False)
        assert late_s <= PROMPT_S


def test_lost_sentence_costs_no_fix_and_no_time() -> None:
    """Where the last sentence is lost, the instant is over when the line is quiet."""
    bursts = sent(u_blox)
    for burst in bursts[20::7]:
        burst.lines.pop()
    prompt = played(bursts, 9600, NmeaDecoder(RecordedDating()))
    assert len(prompt) == 60
    assert max(each.late_s for each in prompt) <= PROMPT_S


def test_order_is_believed_after_cycles_alike_and_doubted_after_a_late_one() -> None:
    """Each sentence that came too late doubles how many cycles alike are asked for."""
    order = SentenceOrder()
    for needed in (4, 8, 16, 16):
        for _ in range(needed - 1):
            order.learn(["RMC", "GSA"], ("GSA", 2))
            assert order.end is None
        order.learn(["RMC", "GSA"], ("GSA", 2))
        assert order.end == ("GSA", 2)
        order.was_late(after_quiet=False)
        assert order.end is None


@needs_recorded
@pytest.mark.parametrize("baud", [4800, 38_400])
@pytest.mark.parametrize("path", sorted(RECORDED.glob("drives/*.gz")), ids=lambda path: path.name)
def test_recorded_drive_is_prompt_and_the_same_live(path: Path, baud: int) -> None:
    """A drive in its own time makes the fixes that its recording makes, within 0.2 s.

    The last line of an instant is the one before the next that says another time. Where a line of
    4800 baud is never quiet and sentences are lost, a few wait for the whole RMC of the next.
    """
    data = gzip.decompress(path.read_bytes())
    prompt = played(as_recorded(data), baud, NmeaDecoder(RecordedDating()))
    assert [_place(each.made) for each in prompt] == [_place(made) for made in replayed(data)]
    slow = [each.late_s for each in prompt if each.late_s > PROMPT_S]
    assert len(slow) <= (0.01 * len(prompt) if baud == 4800 else 0)
    assert max(slow, default=0.0) <= PROMPT_S + 0.15


def _place(made: MadeFix) -> tuple[int, int, int]:
    return made.fix.time_ms, made.fix.lat_e6, made.fix.lon_e6
