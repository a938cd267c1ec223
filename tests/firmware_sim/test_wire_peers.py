"""The formats beside ours: golden bytes, and read back by readers written from the descriptions."""

import json
from collections.abc import Sequence
from decimal import Decimal

import msgpack
import pytest

from milepost_firmware_sim.wire.peers import (
    msgpacked,
    owntracks,
    protobuf,
    queclink,
    senml,
    teltonika,
)
from milepost_firmware_sim.wire.peers.entropy import ResidualModel
from milepost_firmware_sim.wire.peers.rows import COLUMNS, rows_of
from milepost_schemas.batch import Batch, Envelope
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.firmware_sim import peer_readers

_STREAM = bytes(range(8))
_NOON_MS = 1_767_614_400_000  # 2026-01-05T12:00:00Z
_PLAIN = Fix(_NOON_MS, 51_500_000, -10_250_000, 123, 75, 90, 9, 8, FixKind.THREE_D)


def _batch(fixes: Sequence[KeptFix], after: int = 0) -> Batch:
    upto = fixes[-1].seq
    return Batch(Envelope(_STREAM, 1, after, upto, upto), tuple(fixes))


def _drive() -> Batch:
    """Return fixes with everything that is seldom: unknown values, a hole, steps of all sizes."""
    fixes = [KeptFix(1, _PLAIN)]
    steps = [(1000, 5, -7), (1000, 1024, 0), (1000, -1024, 2047), (12_000, 3, 3), (200, 1, 1)]
    for seq, (ms, north, east) in enumerate(steps, 2):
        last = fixes[-1].fix
        fix = Fix(
            last.time_ms + ms,
            last.lat_e6 + north,
            last.lon_e6 + east,
            altitude_dm=None if seq == 3 else -15,
            speed_dmps=200 if seq == 4 else None,
            course_deg=(350, None)[seq % 2],
            hdop_tenths=None if seq == 2 else 12,
            satellites=None if seq == 5 else 12,
            kind=FixKind.DIFFERENTIAL,
            error_dm=20 if seq == 6 else None,
            date_repaired=seq == 5,
        )
        fixes.append(KeptFix(seq, fix, stands_for=seq, hole=seq == 5))
    return _batch(fixes)


_LETTERS = "".join(column.letter for column in COLUMNS)


def test_msgpack_maps_and_arrays_hold_every_value() -> None:
    """Both give the rows back when what was left out is its default; the header is in front."""
    batch = _drive()
    header, rows = [_STREAM, 1, 0, 6, 0], rows_of(batch)
    *told, maps = msgpack.unpackb(msgpacked.maps(batch)[0])
    assert told == header
    filled = [tuple(one.get(column.letter, column.default) for column in COLUMNS) for one in maps]
    assert filled == rows
    *told, arrays = msgpack.unpackb(msgpacked.arrays(batch)[0])
    assert told == header
    defaults = [column.default for column in COLUMNS]
    assert [tuple(one + defaults[len(one) :]) for one in arrays] == rows


def test_msgpack_map_of_one_fix_is_these_bytes() -> None:
    """Written by hand from the specification."""
    expected = (
        "96 c408 0001020304050607 01 00 01 00"
        "91 89 a174 cf 0000019b8e074600 a179 ce 0311d3e0 a178 d2 ff6398f0"
        "a161 7b a176 4b a163 5a a164 09 a173 08 a16b 02"
    )
    [message] = msgpacked.maps(_batch([KeptFix(1, _PLAIN)]))
    assert message == bytes.fromhex(expected)


def test_msgpack_delta_columns_are_differences() -> None:
    """Each column begins with its first value and goes on with steps; a missing value is nil."""
    *_, columns = msgpack.unpackb(msgpacked.delta_columns(_drive())[0])
    assert columns[_LETTERS.index("t")] == [_NOON_MS, 1000, 1000, 1000, 12_000, 200]
    assert columns[_LETTERS.index("a")] == [123, -138, None, 0, 0, 0]
    assert columns[_LETTERS.index("q")] is None


def test_protobuf_columns_hold_every_value() -> None:
    """The differences of the known values and the empty rows give the columns back."""
    batch = _drive()
    fields = peer_readers.protobuf_fields(protobuf.columns(batch)[0])
    assert (fields[1], fields[2], fields[4]) == (_STREAM, 1, 6)
    assert not {3, 5} & fields.keys()
    for place, column in enumerate(COLUMNS):
        expected = [row[place] for row in rows_of(batch)]
        packed, missing = fields.get(6 + place, b""), fields.get(22 + place, b"")
        assert isinstance(packed, bytes)
        assert isinstance(missing, bytes)
        if not packed:
            assert set(expected) == {column.default}
            continue
        steps = iter(map(peer_readers.unzigzag, peer_readers.protobuf_packed(packed)))
        empty, row = set(), 0
        for step in peer_readers.protobuf_packed(missing):
            row += step
            empty.add(row)
        value, values = 0, []
        for row in range(len(expected)):
            value += 0 if row in empty else next(steps)
            values.append(None if row in empty else value)
        assert values == expected


def test_protobuf_numbers_are_those_of_its_description() -> None:
    """150 and the folded numbers of the page on encodings."""
    assert protobuf.varint(150) == bytes.fromhex("9601")
    assert [protobuf.zigzag(value) for value in (0, -1, 1, -2, 2**31 - 1)] == [
        0,
        1,
        2,
        3,
        2**32 - 2,
    ]


def test_owntracks_message_is_this_json() -> None:
    """One message a fix, with what it knows; what is unknown is left out."""
    first, second, *_ = owntracks.messages(_drive())
    assert json.loads(first) == {
        "_type": "location", "tid": "v1", "tst": _NOON_MS // 1000, "lat": 51.5, "lon": -10.25,
        "alt": 12, "vel": 27, "cog": 90,
    }  # fmt: skip
    assert b" " not in first
    assert "vel" not in json.loads(second)


def test_codec8_packet_of_one_fix_is_these_bytes() -> None:
    """Written by hand from the wiki; the checksum is that of the catalogue's check value."""
    content = bytes.fromhex(
        "08 01 0000019b8e074600 00 f9e3f960 1eb246c0 000c 005a 08 001b00 01 00 01 b6 0009 00 00 01"
    )
    [packet] = teltonika.packets(_batch([KeptFix(1, _PLAIN)]))
    assert teltonika.crc16(b"123456789") == 0xBB3D
    checksum = teltonika.crc16(content).to_bytes(4, "big")
    assert packet == bytes(4) + len(content).to_bytes(4, "big") + content + checksum


def test_codec8_records_hold_what_they_can() -> None:
    """Place, whole metres and km/h, course, satellites and HDOP come back; 0 where unknown."""
    batch = _drive()
    [packet] = teltonika.packets(batch)
    for record, kept in zip(peer_readers.codec8_records(packet), batch.fixes, strict=True):
        fix = kept.fix
        assert (record["ms"], record["lat"]) == (fix.time_ms, fix.lat_e6 * 10)
        assert (record["lon"], record["alt"]) == (fix.lon_e6 * 10, round(fix.altitude_m or 0))
        assert (record["angle"], record["satellites"]) == (fix.course_deg or 0, fix.satellites or 0)
        assert record["kmh"] == round((fix.speed_mps or 0) * 3.6)
        assert record.get("io182") == fix.hdop_tenths


def test_codec8_packets_hold_255_records() -> None:
    """What is more goes into a further packet."""
    fixes = [KeptFix(seq, _PLAIN) for seq in range(1, 301)]
    counts = [
        len(list(peer_readers.codec8_records(one))) for one in teltonika.packets(_batch(fixes))
    ]
    assert counts == [255, 45]


def test_queclink_points_come_back() -> None:
    """Near and absolute points, and empty seconds between them; parts of a second pass as one."""
    batch = _drive()
    [frame] = queclink.frames(batch)
    points = peer_readers.queclink_points(frame)
    begin_s = _NOON_MS // 1000
    assert [point[0] - begin_s for point in points] == [0, 1, 2, 3, 15, 16]
    for (_, speed, course, lon, lat), kept in zip(points, batch.fixes, strict=True):
        fix = kept.fix
        assert (lon, lat, course) == (fix.lon_e6, fix.lat_e6, fix.course_deg or 0)
        assert speed == round((fix.speed_mps or 0) * 36)
    assert queclink.crc16(b"123456789") == 0x29B1
    assert int.from_bytes(frame[-4:-2], "big") == queclink.crc16(frame[4:-4])


@pytest.mark.parametrize(
    ("step", "size"),
    [((1000, 10, 10), 5), ((1000, 1024, 0), 11), ((1000, 0, -2049), 11), ((3000, 1, 1), 7)],
)
def test_queclink_point_takes_its_bytes(step: tuple[int, int, int], size: int) -> None:
    """A near point is 5 bytes, one out of reach 11, an empty second 1; 11 + 4 the first."""
    ms, north, east = step
    near = Fix(_NOON_MS + ms, 51_500_000 + north, -10_250_000 + east, 123, 75, 90, 9, 8)
    alone = len(queclink.frames(_batch([KeptFix(1, _PLAIN)]))[0])
    both = len(queclink.frames(_batch([KeptFix(1, _PLAIN), KeptFix(2, near)]))[0])
    assert (alone, both - alone) == (4 + 27 + 15 + 6, size)


def test_queclink_time_that_it_cannot_say_begins_a_frame() -> None:
    """A step back, or one of more than 40 s, is said by a new first point."""
    times_ms = [0, 40_000, 81_000, 80_000]
    fixes = [
        KeptFix(seq, Fix(_NOON_MS + ms, 51_000_000, 10_000_000))
        for seq, ms in enumerate(times_ms, 1)
    ]
    frames = queclink.frames(_batch(fixes))
    points = [peer_readers.queclink_points(frame) for frame in frames]
    seconds = [[second - _NOON_MS // 1000 for second, *_ in one] for one in points]
    assert seconds == [[0, 40], [81], [80]]


def test_senml_pack_of_one_fix_is_these_bytes() -> None:
    """Written by hand from RFC 8428 and RFC 8949; values are exact decimal fractions."""
    name = "0001020304050607:1:"
    expected = (
        "88 a4 22 1a695ba7c0 21 73" + name.encode().hex() + "00 6179 02 c48220190203"
        "a2 00 6178 02 c48221390400 a2 00 6161 02 c48220187b a2 00 6176 02 c48220184b"
        "a2 00 6163 02 185a a2 00 6164 02 c4822009 a2 00 6173 02 08 a2 00 616b 02 02"
    )
    assert senml.pack(_batch([KeptFix(1, _PLAIN)])) == [bytes.fromhex(expected)]


def test_senml_records_hold_every_value() -> None:
    """Resolved records give time and value of all that is known and not default."""
    batch = _drive()
    exponents = {"y": -6, "x": -6, "a": -1, "v": -1, "d": -1, "e": -1}
    base_name, base_time, found = "", Decimal(0), []
    for record in peer_readers.cbor(senml.pack(batch)[0]):
        base_name = record.get(-2, base_name)
        base_time = Decimal(record.get(-3, base_time))
        found.append((base_time * 1000, base_name + record[0], Decimal(record[2])))
    expected = [
        (
            Decimal(row[0] or 0),
            f"{_STREAM.hex()}:1:{column.letter}",
            Decimal(value).scaleb(exponent),
        )
        for row in rows_of(batch)
        for column, value in list(zip(COLUMNS, row, strict=True))[1:]
        if value is not None and value != column.default
        for exponent in [exponents.get(column.letter, 0)]
    ]
    assert found == expected


def _altitudes(*altitudes_dm: int | None) -> ResidualModel:
    fixes = [
        KeptFix(seq, Fix(_NOON_MS + seq * 1000, 0, 0, altitude_dm))
        for seq, altitude_dm in enumerate(altitudes_dm, 1)
    ]
    return ResidualModel.of([_batch(fixes)])


def test_entropy_of_its_own_model_is_shannons() -> None:
    """Four residuals of which two are alike cost 6 bits; a column that never changes nothing."""
    told = _altitudes(5, 6, 7, None)
    # Altitude: 5, +1, +1, missing. Time: the first, the first step, twice the same pace.
    assert told.bits_of(told) == pytest.approx(6.0 + 6.0)


def test_entropy_of_other_files_charges_for_what_they_never_saw() -> None:
    """A residual that the model knows costs its share; an unknown one an escape and its size."""
    model, same, strange = _altitudes(5, 6, 7), _altitudes(5, 6, 7), _altitudes(5, 6, 9_000)
    assert model.bits_of(model) <= model.bits_of(same) < model.bits_of(strange)


def test_entropy_leaves_the_file_itself_out() -> None:
    """What is left of all files without one is the model of the others."""
    one, other = _altitudes(5, 6, 7), _altitudes(1, 1, 1)
    everything = ResidualModel.together([one, other])
    assert everything.without(one).bits_of(one) == other.bits_of(one)
    assert everything.without(one).bits_of(one) > one.bits_of(one)
