"""CSV files, read as tracks."""

import pytest

from milepost_schemas.tracks.table import is_table, read_table
from milepost_schemas.tracks.table_times import read_times
from milepost_schemas.tracks.track import Timing, TrackError

_EIGHT = 1_767_600_000.0  # 2026-01-05T08:00:00Z


def _table(header: str, *rows: str) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


@pytest.mark.parametrize(
    "header",
    [
        "time,lat,lon,alt,speed,course",
        "Timestamp,Latitude,Longitude,Altitude (m),Speed (m/s),Heading",
        "gps_time,gpsLat,gpsLon,ele,speed_mps,bearing_deg",
        "date time,lat_deg,lng,Elevation,vehicleSpeed,cog",
        "\ufeffutc,LATITUDE,LONG,height,sog,Azimuth",
        "when\tlat\tlon\talt\tspeed\tcourse",
        "time;lat;lon;alt;speed;course",
    ],
)
def test_read_table_columns_are_found_by_their_usual_names(header: str) -> None:
    """Names in any case, with prefixes and units, between commas, semicolons or tabs."""
    delimiter = next(one for one in "\t;," if one in header)
    row = delimiter.join(["2026-01-05T08:00:00Z", "51.5", "-10.25", "12", "7.5", "361"])
    data = _table(header, row)
    assert is_table(data)
    [track] = read_table(data)
    [point] = track.points
    assert (point.time_s, point.lat_deg, point.lon_deg) == (_EIGHT, 51.5, -10.25)
    assert (point.altitude_m, point.speed_mps, point.course_deg) == (12.0, 7.5, 1.0)


@pytest.mark.parametrize(
    ("header", "mps"),
    [
        ("speed", 36.0),
        ("speed_kmh", 10.0),
        ("Speed (km/h)", 10.0),
        ("speed [kph]", 10.0),
        ("speed_knots", 18.52),
        ("speedKn", 18.52),
        ("speed mph", 16.09344),
    ],
)
def test_read_table_speed_units_are_those_of_the_header(header: str, mps: float) -> None:
    """A speed is in metres a second unless its header says otherwise."""
    [track] = read_table(_table(f"lat,lon,{header}", "51,10,36"))
    assert track.points[0].speed_mps == pytest.approx(mps)


def test_read_table_other_columns_mean_nothing() -> None:
    """Columns whose names only sound like a field are not taken for it."""
    header = "lat,lon,speed_accuracy,vertical speed,altitude_error,heading_ok,time_to_fix"
    [track] = read_table(_table(header, "51,10,1,2,3,4,5"))
    point = track.points[0]
    assert (point.speed_mps, point.altitude_m, point.course_deg) == (None, None, None)
    assert track.timing is Timing.NONE


def test_read_table_rows_of_several_are_told_apart() -> None:
    """Columns that name vehicle and trip make a track each, in the order of their first rows."""
    rows = [f"2026-01-05T08:00:{n:02}Z,51,10,{n % 2},{7 + n % 2}" for n in range(8)]
    tracks = read_table(_table("time,lat,lon,vehicle,trip_id", *rows))
    assert [(track.name, len(track.points)) for track in tracks] == [("0/7", 4), ("1/8", 4)]


def test_read_table_row_numbers_name_nothing() -> None:
    """A column `id` that is different in each row is no name of a track."""
    [track] = read_table(_table("id,lat,lon", *(f"{n},51,10.{n}" for n in range(9))))
    assert len(track.points) == 9


def test_read_table_track_is_a_course_where_it_turns() -> None:
    """A column `track` holds names, or, with fractions or changing all the time, courses."""
    names = read_table(_table("lat,lon,track", *(f"51,10.{n},{n // 5}" for n in range(20))))
    assert [track.name for track in names] == ["0", "1", "2", "3"]
    for turns in ([f"{n}.5" for n in range(20)], [str(n * 3) for n in range(100)]):
        [course] = read_table(_table("lat,lon,track", *(f"51,10,{turn}" for turn in turns)))
        assert course.points[1].course_deg == float(turns[1])


def test_read_table_decimal_commas_and_quotes_are_read() -> None:
    """Between semicolons a comma is a decimal one; quoted fields may hold the delimiter."""
    [track] = read_table(_table('time;lat;lon;"a;b"', '0;51,5;-10,25;"x;y"'))
    assert (track.points[0].lat_deg, track.points[0].lon_deg) == (51.5, -10.25)


def test_read_table_unbelievable_rows_are_counted() -> None:
    """Rows without a place or time that can be are left out, and the rest is read."""
    rows = ["1,51,10", "2,91,10", "3,,", "4", "x,51,10", "5,0,0", "6,51,nan", "7,51,11"]
    [track] = read_table(_table("time,lat,lon", *rows))
    assert [point.time_s for point in track.points] == [1.0, 7.0]
    assert track.left_out == 6


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (_table("time,lat", "1,51"), "column for lon"),
        (_table("lat,lon", "x,y"), "none with a position"),
        (_table("time,lat,lon", "soon,51,10"), "'soon'"),
    ],
)
def test_read_table_without_positions_is_told(data: bytes, told: str) -> None:
    """A table that holds no track says what it lacks."""
    with pytest.raises(TrackError, match=told):
        read_table(data)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T08:00:00Z",
        "2026-01-05T09:00:00+01:00",
        "2026-01-05 08:00:00",
        "2026-01-05 08:00:00 UTC",
        "2026/01/05 08:00:00.000",
        "1767600000",
        "1767600000.0",
        "1767600000000",
        "1767600000000000",
        "1.7676e9",
    ],
)
def test_read_times_instants_in_any_form(text: str) -> None:
    """RFC 3339 and what is near it, and Unix numbers of any unit, are the same instant."""
    assert read_times([text, ""]) == ([_EIGHT, None], Timing.DATED)


def test_read_times_without_a_date_are_seconds() -> None:
    """Times of day go on over midnight; small numbers are seconds, or the unit of their header."""
    assert read_times(["23:59:58.5", "", "00:00:01"]) == (
        [86_398.5, None, 86_401.0],
        Timing.UNDATED,
    )
    assert read_times(["0", "500", "1500"], scale=0.001) == ([0.0, 0.5, 1.5], Timing.UNDATED)
    assert read_times(["2026-01-05", "2026-01-05"]) == ([None, None], Timing.NONE)


def test_read_table_date_and_time_columns_belong_together() -> None:
    """A date and a time of day in two columns are one instant."""
    [track] = read_table(_table("Date,Time,lat,lon", "2026-01-05,08:00:00,51,10"))
    assert (track.points[0].time_s, track.timing) == (_EIGHT, Timing.DATED)
