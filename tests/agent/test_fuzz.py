"""The reader under lines as no receiver should send them: no exception, nothing invented."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_schemas.dating import RecordedDating
from milepost_schemas.nmea.decoder import NmeaDecoder
from tests.agent.line import gga, rmc, sentence
from tests.fuzz.lines import check, places_in, read

PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"$", b"*", b"\r\n", b"$GPRMC,", b"\xb5b", b"$" * 300, b"," * 300]),
    st.builds(sentence, st.sampled_from([rmc(), gga(), rmc("121501.00"), "GPZDA,1,,,,,"])),
    st.builds(
        lambda head, fields: sentence(f"{head},{','.join(fields)}"),
        st.sampled_from(["GPRMC", "GNGGA", "GNGNS", "GPGLL", "GPGSA", "GPVTG", "GPGST", "GPZDA"]),
        st.lists(st.text(st.characters(codec="latin-1"), max_size=9), max_size=18),
    ),
)


@given(st.lists(st.tuples(PIECES, st.floats(0, 2))), st.booleans())
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_without_an_exception(
    pieces: list[tuple[bytes, float]], live: bool
) -> None:
    """Whatever comes, however it is cut and paused, every fix is legal and stands in the bytes."""
    decoder = NmeaDecoder(RecordedDating(), live=live)
    now_s = 0.0
    made = []
    for data, pause_s in pieces:
        now_s += pause_s
        made += decoder.quiet(now_s) + decoder.feed(data, now_s)
    made += decoder.close()
    places = places_in(b"".join(data for data, _ in pieces))
    for each in made:
        check(each)
        assert (each.fix.lat_e6, each.fix.lon_e6) in places


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(("share", "fixes"), [(0.02, 1500), (0.2, 1500), (0.8, 1500)])
def test_damaged_drive_invents_nothing(share: float, fixes: int, live: bool) -> None:
    """Cut, glued, flipped, interleaved, of the wrong baud: fixes come of sound sentences only."""
    outcome = read(10_000, 7, share, live=live)
    assert outcome.invented == 0
    assert outcome.fixes > fixes
    assert outcome.counts["reject checksum"] > 500 * share
    assert outcome.counts["reject cut"] > 500 * share


def test_damage_is_the_same_for_the_same_seed() -> None:
    """A seed that fails can be run again."""
    assert read(500, 3, 0.5) == read(500, 3, 0.5)
