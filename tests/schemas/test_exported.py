"""Fixes as files: rows that are read again as they were written, and what maps read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_schemas.exported import drawn
from milepost_schemas.exported.drawn import geojson_lines
from milepost_schemas.exported.rows import COLUMNS, is_exported, read_exported, row_of
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.tracks.naming import place_named
from milepost_schemas.tracks.track import TrackError
from tests.schemas.legal import FIXES

STREAM = b"stream-1"
GOOD = "2026-11-19T11:00:00.000Z,1,2,,,,,,2,,0,1,0"


KEPT = st.builds(
    KeptFix, st.integers(1, 2**53 - 1), FIXES, st.integers(1, 2**31 - 1), st.booleans()
)


def text(*rows: str, columns: tuple[str, ...] = COLUMNS) -> bytes:
    """A table of rows below its head."""
    return "\n".join([",".join(columns), *rows, ""]).encode()


@given(st.lists(KEPT, min_size=1, max_size=5))
def test_rows_are_read_as_the_fixes_that_were_written(fixes: list[KeptFix]) -> None:
    """Every value comes back, with a device and without."""
    rows = [",".join(row_of(STREAM, kept)) for kept in fixes]
    named = text(*(f"van-1,{row}" for row in rows))
    bare = text(*rows, columns=COLUMNS[1:])
    for data, device in ((named, "van-1"), (bare, "")):
        assert is_exported(data)
        (found,) = read_exported(data)
        assert (found.device, found.stream, found.left_out) == (device, STREAM.hex(), 0)
        assert list(found.fixes) == fixes


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ("2026-11-19T11:00:00.000Z", "yesterday"),
        ("2026-11-19T11:00:00.000Z", "2026-11-19T11:00:00"),
        ("2026-11-19T11:00:00.000Z", "1969-11-19T11:00:00Z"),
        (",1,2,", ",90000001,2,"),
        (",1,2,", ",1,,"),
        (",1,2,", ",1,two,"),
        (",2,,0,1,0", ",6,,0,1,0"),
        (",0,1,0", ",0,0,0"),
        (",0,1,0", ",yes,1,0"),
        (",0,1,0", ",0,1"),
    ],
)
def test_row_that_is_no_fix_is_counted_and_left_out(was: str, became: str) -> None:
    """Times, places and flags that cannot be spoil their own row only."""
    assert GOOD.count(was) == 1
    rows = [f"van-1,aa,{n},{GOOD}" for n in (1, 2)]
    (found,) = read_exported(text(rows[0], rows[1].replace(was, became)))
    assert [kept.seq for kept in found.fixes] == [1]
    assert found.left_out == 1


def test_table_without_a_fix_is_an_error() -> None:
    """A head alone is no drive."""
    with pytest.raises(TrackError, match="exported table of 0 rows, none of them a fix"):
        read_exported(text())
    assert not is_exported(b"lat,lon,time\n1,2,3\n")


def test_line_that_is_too_long_to_hold_goes_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next line begins where this one ends, so that nothing is missing on the map."""
    monkeypatch.setattr(drawn, "LONGEST_LINE", 3)
    fixes = [KeptFix(n, Fix(n * 1000, n, n)) for n in range(1, 6)]
    features = json.loads("".join(geojson_lines([("van-1", [(STREAM, fixes)])])))["features"]
    lines = [
        [round(lat_deg * 1e6) for _, lat_deg in each["geometry"]["coordinates"]]
        for each in features
    ]
    assert lines == [[1, 2, 3], [3, 4, 5]]


def test_track_is_named_by_its_name_a_part_of_it_or_its_number() -> None:
    """What is meant twice or not at all is an error that names what there is."""
    names = ["bus/1", "bus/2", "car/2"]
    assert [place_named(names, wish) for wish in ("bus/2", "car", "1")] == [1, 2, 0]
    with pytest.raises(TrackError, match="--track bus: 2 tracks of that name; give the number"):
        place_named(names, "bus")
    with pytest.raises(TrackError, match=r"no such track; there are 1 \('bus/1'\), 2"):
        place_named(names, "9")
