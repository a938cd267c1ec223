"""The export: what each format says of the same fixes."""

import csv
import io
import json
from xml.etree import ElementTree as ET

from milepost_agent.export import FORMATS
from milepost_schemas.fix import Fix, FixKind, KeptFix

STREAM = bytes(range(8))
FIXES = [
    KeptFix(
        1, Fix(1_700_000_000_000, 47_000_001, 8_000_000, 4321, 139, 275, 9, 12, FixKind.THREE_D)
    ),
    KeptFix(3, Fix(1_700_000_001_250, 47_000_100, -8_000_000), stands_for=2),
    KeptFix(4, Fix(1_700_000_090_000, 47_000_200, 8_000_000, error_dm=21), hole=True),
]
GPX = "{http://www.topografix.com/GPX/1/1}"


def exported(name: str) -> str:
    """Return the file of a format."""
    return "".join(FORMATS[name]([(STREAM, FIXES)]))


def test_csv_holds_every_number_as_it_travels() -> None:
    """Each column is at the resolution of the wire, and unknown is empty."""
    rows = list(csv.DictReader(io.StringIO(exported("csv"))))
    assert [row["seq"] for row in rows] == ["1", "3", "4"]
    assert rows[0]["time"] == "2023-11-14T22:13:20.000Z"
    assert (rows[0]["altitude_dm"], rows[1]["altitude_dm"], rows[2]["error_dm"]) == (
        "4321",
        "",
        "21",
    )
    assert [row["hole"] for row in rows] == ["0", "0", "1"]
    assert {row["stream"] for row in rows} == {STREAM.hex()}


def test_gpx_breaks_the_track_at_a_hole() -> None:
    """A GPX reader finds two segments, with what GPX has words for."""
    root = ET.fromstring(exported("gpx"))
    segments = root.findall(f"{GPX}trk/{GPX}trkseg")
    assert [len(segment) for segment in segments] == [2, 1]
    first = segments[0][0]
    assert (first.get("lat"), first.get("lon")) == ("47.000001", "8.000000")
    said = {each.tag.removeprefix(GPX): each.text for each in first}
    assert said == {
        "ele": "432.1",
        "time": "2023-11-14T22:13:20.000Z",
        "fix": "3d",
        "sat": "12",
        "hdop": "0.9",
        "extensions": None,
    }
    motion = first[-1][0]
    assert [(each.tag.partition("}")[2], each.text) for each in motion] == [
        ("speed", "13.9"),
        ("course", "275"),
    ]


def test_geojson_breaks_the_track_at_a_hole() -> None:
    """A line is a segment, a lone fix a point, and each position has its instant."""
    features = json.loads(exported("geojson"))["features"]
    assert [feature["geometry"]["type"] for feature in features] == ["LineString", "Point"]
    assert features[0]["geometry"]["coordinates"] == [[8.0, 47.000001, 432.1], [-8.0, 47.0001]]
    assert features[0]["properties"]["coordTimes"][1] == "2023-11-14T22:13:21.250Z"


def test_export_of_nothing_is_a_whole_document() -> None:
    """An empty buffer gives a head, a track without points, and an empty collection."""
    assert "".join(FORMATS["csv"]([])).count("\n") == 1
    assert ET.fromstring("".join(FORMATS["gpx"]([]))).find(f"{GPX}trk") is not None
    assert json.loads("".join(FORMATS["geojson"]([])))["features"] == []
