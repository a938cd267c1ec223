"""The messages that every reader refuses, each with its reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from milepost_schemas.ack import LAST_SEQ_ORDER, MAX_TIME_MIN, TIME_ORDER, Ack, encode_ack
from milepost_schemas.batch import (
    MAX_GAPS,
    NUMBER_ORDER,
    STORED_ORDER,
    Batch,
    Envelope,
    encode_batch,
)
from milepost_schemas.bits import fold, golomb, packed, plain, run
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.layout import MAX_TIME_MS, STANDS_MAX, TIME_ORDERS
from milepost_schemas.message import MAX_COUNT, MAX_MESSAGE_BYTES, MAX_VERSION, seal_message
from tests.schemas.bitwise import STREAM, fix_bits, head_bits, sealed

Pieces = list[tuple[bytes, int]]

TO = (STREAM, 7)
T0 = 1_700_000_000_000
FIX = Fix(T0, 47_123_456, 8_654_321)
ONE = encode_batch(Batch(Envelope(STREAM, 7, 0, 1, 1), (KeptFix(1, FIX),)))
STORED = encode_ack(Ack(STREAM, 7, 613, T0 // 60_000))

# What msgpack allows at most behind the head of an `ext 16` in one message.
_ROOM = MAX_MESSAGE_BYTES - 4 - len(STREAM)


@dataclass(frozen=True, slots=True)
class Bad:
    """One message.

    Attributes:
        name: Of the case.
        what: `batch` or `ack`.
        reason: With which it is refused.
        pieces: Its bytes: pieces and how often each is repeated.
        addressed: Stream and number that the answer names, if there can be one.
    """

    name: str
    what: str
    reason: str
    pieces: Pieces
    addressed: tuple[bytes, int] | None = None


def _batch(
    name: str, bits: str, reason: str = "malformed", to: tuple[bytes, int] | None = TO
) -> Bad:
    return Bad(f"batch_{name}", "batch", reason, [(sealed(bits), 1)], to)


def _bytes(name: str, data: bytes, to: tuple[bytes, int] | None = None) -> Bad:
    return Bad(f"batch_{name}", "batch", "malformed", [(data, 1)], to)


def _wrappers() -> Iterator[Bad]:
    """Yield what is no extension value of a stream and bits."""
    content = STREAM + packed([head_bits() + fix_bits(FIX) + "00"])
    yield _bytes("empty", b"")
    for size in (1, 2, 5, len(ONE) - 1):
        yield _bytes(f"truncated_at_{size}", ONE[:size])
    yield _bytes("trailing_byte", ONE + b"\x00")
    yield _bytes("twice", ONE + ONE)
    yield _bytes("shorter_than_it_says", b"\xc7" + bytes([len(content) + 1, 1]) + content)
    yield _bytes("longer_than_it_says", b"\xc7" + bytes([len(content) - 1, 1]) + content)
    for name, text in [
        *(("never_used_byte", "c1"), ("nil", "c0"), ("true", "c3"), ("number", "07")),
        *(("float", "cb3ff0000000000000"), ("text", "a3616263"), ("bytes", "c403616263")),
        *(("map", "810001"), ("empty_map", "80"), ("array", "9101"), ("empty_array", "90")),
        *(("ext_empty", "c70001"), ("ext_1", "d40100"), ("ext_4", "d50100000000")),
        *(("ext_7_bytes", "c70701" + "00" * 7), ("timestamp_32", "d6ff00000000")),
        *(("timestamp_64", "d7ff" + "00" * 8), ("timestamp_96", "c70cff" + "00" * 12)),
    ]:
        yield _bytes(name, bytes.fromhex(text))
    yield _bytes("array_of_it", b"\x91" + ONE)
    yield _bytes("map_of_it", b"\x81" + ONE + ONE)
    for version in (0, -2, -128):
        wrapped = b"\xc7" + bytes([len(content), version & 0xFF]) + content
        yield _bytes(f"version_{version}", wrapped)
    later = seal_message(MAX_VERSION, STREAM, packed([golomb(6, NUMBER_ORDER)]) + b"anything")
    yield Bad("batch_version_127", "batch", "version", [(later, 1)], TO)
    bare = seal_message(MAX_VERSION, STREAM, b"")
    yield Bad("batch_version_127_without_number", "batch", "version", [(bare, 1)], None)


def _heads() -> Iterator[Bad]:
    """Yield what is wrong before the columns."""
    body = fix_bits(FIX) + "00"
    yield _batch("without_number", "", to=None)
    yield _batch("number_cut", golomb(70_000, NUMBER_ORDER)[:-9], to=None)
    yield _batch("number_above_2_53", golomb(MAX_COUNT, NUMBER_ORDER) + body, "range", None)
    yield _batch("number_of_57_bits", "0" * 47 + "1" * 64 + body, to=None)
    head = golomb(6, NUMBER_ORDER)
    yield _batch("nothing_behind_number", head)
    yield _batch("after_negative", head_bits(after=-1) + body, "range")
    yield _batch("after_above_2_53", head_bits(after=MAX_COUNT + 1) + body, "range")
    yield _batch("fixes_4097", head_bits(count=4097) + body, "range")
    yield _batch("upto_above_2_53", head_bits(after=MAX_COUNT) + body, "range")
    yield _batch("skipped_above_2_53", head_bits(skipped=MAX_COUNT) + body, "range")
    yield _batch("newest_above_2_53", head_bits(unsent=MAX_COUNT) + body, "range")
    yield _batch("newest_cut", head_bits()[:-1])
    yield _batch("fixes_none_behind_count", head_bits(count=4096))
    yield _batch("fixes_cut", head_bits() + fix_bits(FIX)[:-20])


def _firsts() -> Iterator[Bad]:
    """Yield single fixes of which one value is out of range."""
    usual = {
        "time": "1" + golomb(T0 // 1000, TIME_ORDERS[0]),
        "lat": plain(137_123_456, 28),
        "lon": plain(188_654_321, 29),
        "altitude": "0",
        "speed": "0",
        "course": "0",
        "hdop": "0",
        "satellites": "0",
        "kind": golomb(0, 0),
        "rare": "0",
    }

    def with_(**said: str) -> str:
        return head_bits() + "".join({**usual, **said}.values()) + "0"

    late_ms = MAX_TIME_MS + 1
    yield _batch("time_s_late", with_(time="1" + golomb(late_ms // 1000 + 1, 31)), "range")
    yield _batch("time_100_ms_late", with_(time="01" + golomb(late_ms // 100 + 1, 34)), "range")
    yield _batch("time_10_ms_late", with_(time="001" + golomb(late_ms // 10 + 1, 38)), "range")
    yield _batch("time_ms_late", with_(time="000" + golomb(late_ms, 41)), "range")
    yield _batch("lat_north_of_pole", with_(lat=plain(180_000_001, 28)), "range")
    yield _batch("lat_all_ones", with_(lat="1" * 28), "range")
    yield _batch("lon_too_far_east", with_(lon=plain(360_000_001, 29)), "range")
    for name, value in (("low", -20_001), ("high", 1_000_001)):
        off = "1" + golomb(fold(value), 12)
        yield _batch(f"altitude_too_{name}", with_(altitude=off), "range")
    yield _batch("speed_10001", with_(speed="1" + golomb(10_001, 7)), "range")
    yield _batch("course_360", with_(course="1" + plain(360, 9)), "range")
    yield _batch("course_511", with_(course="1" * 10), "range")
    yield _batch("hdop_1000", with_(hdop="1" + golomb(1000, 4)), "range")
    yield _batch("satellites_256", with_(satellites="1" + golomb(256, 3)), "range")
    yield _batch("kind_6", with_(kind=golomb(fold(4), 0)), "range")
    yield _batch("kind_negative", with_(kind=golomb(fold(-3), 0)), "range")
    yield _batch("stands_for_2_31", with_(rare="11" + golomb(STANDS_MAX, 2) + "000"), "range")
    yield _batch("hole_2", with_(rare="101" + plain(1, 4) + run([2], 0) + "00"), "range")
    yield _batch("error_65536", with_(rare="1001" + golomb(65_536, 6) + "0"), "range")
    yield _batch("date_repaired_2", with_(rare="10001" + plain(1, 4) + run([2], 0)), "range")


_LATER = {
    "time": plain(1, 4) + run([2, 0], 0),
    "lat": plain(0, 4),
    "lon": plain(0, 4),
    "hdop": plain(0, 4),
    "kind": plain(0, 4),
    "rare": "0",
}


def _three(*, begin: int = T0 // 1000, skipped: int = 0, **said: str) -> str:
    """Write three fixes of which something behind a first value is as said."""
    parts = {**_LATER, **said}
    return "".join(
        [
            head_bits(count=3, skipped=skipped),
            "1" + golomb(begin, TIME_ORDERS[0]) + parts["time"],
            plain(90_000_000, 28) + parts["lat"],
            plain(180_000_000, 29) + parts["lon"],
            "000" + "1" + golomb(9, 4) + parts["hdop"] + "0",
            golomb(0, 0) + parts["kind"],
            parts.get("seq", "") + parts["rare"] + "0",
        ]
    )


def _dense(*offs: int, order: int = 3) -> str:
    """Write signed differences densely."""
    return plain(1 + order, 4) + run([fold(off) for off in offs], order)


def _laters() -> Iterator[Bad]:
    """Yield later values that leave their range."""
    yield _batch("lat_leaves_the_pole", _three(lat=_dense(50_000_000, 0)), "range")
    yield _batch("lon_goes_on_east", _three(lon=_dense(100_000_000, 0)), "range")
    yield _batch("hdop_below_0", _three(hdop=_dense(-5, -5)), "range")
    yield _batch("hdop_above_999", _three(hdop=_dense(991, 0)), "range")
    yield _batch("kind_rises_to_6", _three(kind=_dense(3, 1)), "range")
    yield _batch("time_before_1970", _three(begin=5, time=_dense(-3, 0)), "range")
    yield _batch("time_runs_out", _three(begin=MAX_TIME_MS // 1000), "range")


def _shapes() -> Iterator[Bad]:
    """Yield shapes that say what no list of rows has."""
    gone = plain(15, 4) + "0" + golomb(0, 3) + plain(0, 4)
    yield _batch("time_missing", _three(time=gone))
    yield _batch("lat_missing", _three(lat=gone))
    yield _batch("kind_missing", _three(kind=gone))
    yield _batch("missing_in_all_rows", _three(hdop=plain(15, 4) + "1" + golomb(0, 3)))
    yield _batch("missing_twice", _three(hdop=plain(15, 4) + "0" + golomb(0, 3) + plain(15, 4)))
    yield _batch("missing_turns_3_times", _three(hdop=plain(15, 4) + "0" + golomb(3, 3) + "0" * 40))
    turn = "0" + golomb(1, 3) + plain(0, 4)
    yield _batch("missing_beyond_rows", _three(hdop=plain(15, 4) + turn + run([2], 0)))
    yield _batch("sparse_of_3", _three(lat=plain(14, 4) + golomb(3, 3) + "0" * 40))
    beyond = golomb(1, 3) + plain(0, 4) + run([2], 0) + plain(0, 4) + run([0], 0)
    yield _batch("sparse_beyond_rows", _three(lat=plain(14, 4) + beyond))
    twice = golomb(2, 3) + plain(0, 4) + run([1, 0], 0) + plain(0, 4) + run([0, 0], 0)
    yield _batch("sparse_second_beyond_rows", _three(lat=plain(14, 4) + twice))
    huge = golomb(2**50, 3) + "1" * 100
    yield _batch("sparse_of_2_50", _three(lat=plain(14, 4) + huge))
    yield _batch("order_12_and_45_zeros", _three(lat=plain(13, 4) + "0" * 45 + "1" * 120))
    yield _batch("order_0_and_57_zeros", _three(lat=plain(1, 4) + "0" * 57 + "1" * 120))


def _rares() -> Iterator[Bad]:
    """Yield numbers and rare columns that cannot be."""
    yield _batch("seq_above_upto", _three(skipped=2, seq=plain(1, 4) + run([1, 1, 1], 0)), "range")
    standing = "11" + golomb(0, 2)
    yield _batch("period_0", _three(rare=standing + "0" + golomb(0, 8) + "0000000"), "range")
    hour = standing + "0" + golomb(3_600_001, 8) + "0000000"
    yield _batch("period_above_an_hour", _three(rare=hour), "range")
    none = standing + "1" + _dense(-1, 0) + "000"
    yield _batch("stands_for_0", _three(rare=none), "range")
    yield _batch("hole_of_2", _three(rare="101" + plain(1, 4) + run([0, 2, 0], 0) + "00"), "range")


def _more() -> Iterator[Bad]:
    """Yield what is wrong behind the columns."""
    fix = head_bits() + fix_bits(FIX) + "0"
    two = head_bits(count=2, skipped=8)
    two += "1" + golomb(T0 // 1000, 31) + plain(0, 4) + plain(0, 28) + plain(0, 4)
    two += plain(0, 29) + plain(0, 4) + "00000" + golomb(0, 0) + plain(0, 4)
    two += plain(1, 4) + run([0, 4], 0) + "0"  # seqs 1 and 6, upto 10
    none = head_bits(count=0, skipped=100)
    previous = "1" + plain(int.from_bytes(STREAM, "big"), 64)

    def gaps(*said: tuple[int, int, int]) -> str:
        each = [golomb(a, 2) + golomb(b, 3) + plain(c, 3) for a, b, c in said]
        return "1000" + golomb(len(said), 0) + "".join(each)

    yield _batch("trailing_zero_byte", fix + "0" + "0" * (8 - len(fix + "0") % 8) + "0" * 8)
    yield _batch("trailing_one", fix + "0" + "1")
    yield _batch("live_cut", head_bits(count=0) + "101" + "1" + "0" * 20)
    live = "1" + golomb(T0 // 1000, 31) + "1" * 28 + plain(0, 29) + "00000" + golomb(0, 0) + "0"
    yield _batch("live_out_of_range", head_bits(count=0) + "101" + live + "01", "range")
    beside = head_bits(after=3) + fix_bits(FIX) + "0"
    yield _batch("previous_beside_after", beside + "100" + previous + golomb(5, STORED_ORDER) + "1")
    yield _batch("previous_cut", fix + "100" + previous[:40])
    stored = golomb(MAX_COUNT + 1, STORED_ORDER)
    yield _batch("previous_stored_above_2_53", fix + "100" + previous + stored + "1", "range")
    yield _batch("gaps_65", none + gaps(*[(0, 0, 0)] * (MAX_GAPS + 1)), "range")
    yield _batch("gaps_2_50", none + "1000" + golomb(2**50, 0), "range")
    yield _batch("gap_above_upto", none + gaps((0, 100, 0)))
    yield _batch("gap_far_above_upto", none + gaps((2**53, 2**53, 0)))
    yield _batch("second_gap_above_upto", none + gaps((0, 50, 0), (0, 50, 0)))
    yield _batch("gap_of_nothing", head_bits(count=0) + gaps((0, 0, 0)))
    yield _batch("gap_reason_5", none + gaps((0, 0, 4)), "range")
    yield _batch("gap_cut", _whole_bytes(none + gaps((0, 50, 0), (0, 4, 0))))
    yield _batch("fix_in_gap", two + gaps((3, 3, 0)))
    yield _batch("fix_begins_gap", two + gaps((5, 0, 0)))
    yield _batch("fix_in_second_gap", two + gaps((1, 0, 0), (0, 4, 1)))


def _acks() -> Iterator[Bad]:
    head = golomb(6, NUMBER_ORDER) + golomb(T0 // 60_000, TIME_ORDER)

    def ack(name: str, data: bytes, reason: str = "malformed") -> Bad:
        return Bad(f"ack_{name}", "ack", reason, [(data, 1)])

    yield ack("empty", b"")
    yield ack("truncated", STORED[:-1])
    yield ack("trailing_byte", STORED + b"\x00")
    yield ack("array", bytes.fromhex("9501c408000102030405060707cd0265cf0000018bcfe56800"))
    yield ack("without_number", seal_message(1, STREAM, b""))
    yield ack("version_127", seal_message(MAX_VERSION, STREAM, b"anything"), "version")
    yield ack("number_above_2_53", sealed(golomb(MAX_COUNT, NUMBER_ORDER) + head), "range")
    late = golomb(MAX_TIME_MIN + 1, TIME_ORDER)
    yield ack("time_late", sealed(golomb(6, NUMBER_ORDER) + late + "00"), "range")
    above = golomb(MAX_COUNT + 1, LAST_SEQ_ORDER)
    yield ack("last_seq_above_2_53", sealed(head + "1" + above), "range")
    yield ack("time_cut", sealed(_whole_bytes(head)))
    yield ack("last_seq_cut", sealed(head + "1" + "0" * 3))
    yield ack("refused_cut", sealed(head + "01" + plain(63, 6) + plain(65, 8)))
    yield ack("refused_no_utf_8", sealed(head + "01" + plain(0, 6) + plain(0xFF, 8)))
    yield ack("trailing_zero_byte", sealed(head + "00" + "0" * 16))
    yield ack("trailing_one", sealed(head + "00" + "1"))


def _whole_bytes(bits: str) -> str:
    """Cut at least a byte away, so that no zero that fills up stands for what is lost."""
    return bits[: len(bits) // 8 * 8 - 8]


def _bombs() -> Iterator[Bad]:
    """Yield what is short, or costs little to send, and claims much."""

    def of(name: str, reason: str, *pieces: tuple[bytes, int]) -> Bad:
        return Bad(f"bomb_{name}", "batch", reason, list(pieces))

    yield of("65537_bytes", "size", (b"\xc8\xff\xfd\x01", 1), (b"\x00", 65_533))
    yield of("1_mb_of_empty_arrays", "size", (b"\x90", 1_000_000))
    yield of("1_mb_of_empty_maps", "size", (b"\x80", 1_000_000))
    yield of("nested_100000", "size", (b"\x91", 100_000), (b"\xc0", 1))
    yield of("nested_65535", "malformed", (b"\x91", 65_535), (b"\xc0", 1))
    yield of("nested_maps", "malformed", (b"\x81\xc0", 32_767), (b"\xc0", 1))
    yield of("64_kib_of_empty_arrays", "malformed", (b"\x90", 65_536))
    yield of("64_kib_of_nothing", "malformed", (b"\x00", 65_536))
    for name, head in [
        *(("ext_32", "c9ffffffff01"), ("ext_16", "c8ffff01"), ("str_32", "dbffffffff")),
        *(("bin_32", "c6ffffffff"), ("array_32", "ddffffffff"), ("map_32", "dfffffffff")),
    ]:
        yield of(f"{name}_claims_all", "malformed", (bytes.fromhex(head), 1), (b"\x00", 64))
        filled = (bytes.fromhex(head), 1), (b"\x00", MAX_MESSAGE_BYTES - len(head) // 2)
        yield of(f"{name}_claims_more_than_64_kib", "malformed", *filled)
    whole = b"\xc8" + (len(STREAM) + _ROOM).to_bytes(2, "big") + b"\x01" + STREAM
    yield of("64_kib_of_zero_bits", "malformed", (whole, 1), (b"\x00", _ROOM))
    ones = Bad("bomb_64_kib_of_one_bits", "batch", "malformed", [(whole, 1), (b"\xff", _ROOM)])
    yield replace(ones, addressed=(STREAM, 1024))
    begun = packed([head_bits(count=4096)])
    for name, byte in (("zeros", b"\x00"), ("ones", b"\xff")):
        pieces = [(whole + begun, 1), (byte, _ROOM - len(begun))]
        yield Bad(f"bomb_4096_fixes_of_{name}", "batch", "malformed", pieces, TO)
    equal = tuple(KeptFix(seq, FIX) for seq in range(1, 4097))
    sound = encode_batch(Batch(Envelope(STREAM, 7, 0, 4096, 4096), equal))
    again = seal_message(1, STREAM, sound[3 + len(STREAM) :] + b"\x01")
    yield Bad("bomb_4096_equal_fixes_and_a_bit", "batch", "malformed", [(again, 1)], TO)
    ended = packed([head_bits(count=0) + "0"])
    behind = [(whole + ended, 1), (b"\x00", _ROOM - len(ended))]
    yield Bad("bomb_zeros_behind_the_end", "batch", "malformed", behind, TO)


_PARTS: tuple[Callable[[], Iterator[Bad]], ...] = (
    *(_wrappers, _heads, _firsts, _laters, _shapes, _rares, _more, _acks, _bombs),
)
REFUSED = [bad for part in _PARTS for bad in part()]
