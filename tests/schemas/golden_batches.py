"""The batches and acks of the golden bytes: what they say, and how another writer may say it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from milepost_schemas.ack import MAX_TIME_MIN, Ack
from milepost_schemas.batch import Batch, Envelope, Gap, GapReason, Previous, encode_batch
from milepost_schemas.bits import fold, golomb, plain, run
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.layout import MAX_TIME_MS, STANDS_MAX
from milepost_schemas.message import MAX_COUNT
from tests.schemas.bitwise import STREAM, fix_bits, head_bits, sealed

NEXT = bytes.fromhex("f0e1d2c3b4a59687")
T0 = 1_700_000_000_000
MIN0 = T0 // 60_000


@dataclass(frozen=True, slots=True)
class Case:
    """A batch by name, and what is special in it."""

    name: str
    note: str
    batch: Batch


def _case(
    name: str,
    note: str,
    fixes: Sequence[Fix | KeptFix] = (),
    after: int = 0,
    upto: int | None = None,
    **said: Any,
) -> Case:
    """Build a case; fixes without a number follow one another."""
    kept = tuple(
        each if isinstance(each, KeptFix) else KeptFix(seq, each)
        for seq, each in enumerate(fixes, after + 1)
    )
    last = upto if upto is not None else kept[-1].seq if kept else after
    said = {"stream": STREAM, "batch": 1, "newest": last, **said}
    return Case(name, note, Batch(Envelope(after=after, upto=last, **said), kept))


BARE = Fix(T0, 47_123_456, 8_654_321)
WHOLE = Fix(T0 + 250, 47_123_456, 8_654_321, 4321, 139, 275, 9, 12, FixKind.THREE_D, 21, True)
LIVE = Fix(T0 + 60_000, 47_200_000, 8_700_000, -1, 250, 0, 11, 7, FixKind.DIFFERENTIAL)


def _row(second: float, **said: Any) -> Fix:
    """Return a fix of a van that drives north-east."""
    time_ms, step = T0 + round(1000 * second), int(second)
    usual = Fix(time_ms, 47_000_000 + 90 * step, 8_000_000 + 120 * step, kind=FixKind.THREE_D)
    return replace(usual, **said)


def _drive(count: int, every_ms: int = 1000) -> list[Fix]:
    """Return a minute as a receiver tells it: steady, with the noise of its last digits."""
    chance = random.Random(5)
    fixes, lat, lon, course = [], 47_123_456, 8_654_321, 356
    for n in range(count):
        lat, lon = lat + 88 + chance.randint(-2, 2), lon + 61 + chance.randint(-2, 2)
        course = (course + chance.choice((0, 0, 1, -1, 2))) % 360
        speed = 139 + chance.randint(-2, 2)
        height = 4321 + n // 4 + chance.randint(-1, 1)
        fixes.append(
            Fix(T0 + every_ms * n, lat, lon, height, speed, course, 9, 12, FixKind.THREE_D)
        )
    return fixes


def _wild(count: int, spread: int) -> list[Fix]:
    """Return places that jump so far: each order of a dense run has its spread."""
    chance = random.Random(spread)
    return [
        _row(
            n,
            lat_e6=47_000_000 + chance.randint(-spread, spread),
            altitude_dm=chance.randrange(spread),
        )
        for n in range(count)
    ]


def _missing(name: str, note: str, pattern: str) -> Case:
    """Build a case in which a `-` says that the row has none of the values that may be missing."""
    rows = [
        _row(n)
        if mark == "-"
        else _row(
            n,
            altitude_dm=4000 + n * n,
            speed_dmps=100 + n,
            course_deg=(358 + n) % 360,
            hdop_tenths=9 + n % 2,
            satellites=12 - n % 3,
            error_dm=20 + n,
        )
        for n, mark in enumerate(pattern)
    ]
    return _case(name, note, rows)


def _standing(name: str, note: str, every_ms: int, stands: Sequence[int]) -> Case:
    """Build a case of a thinned drive of a receiver that speaks so often."""
    fixes, time_ms = [], T0
    for seq, count in enumerate(stands, 1):
        time_ms += every_ms * count
        fixes.append(KeptFix(seq, replace(_row(seq), time_ms=time_ms), count))
    return _case(name, note, fixes)


def _limits() -> list[Fix]:
    """Return the least and the greatest of every column, and back."""
    least = Fix(0, -90_000_000, -180_000_000, -20_000, 0, 0, 0, 0, FixKind.NONE, 0, False)
    most = Fix(
        *(MAX_TIME_MS, 90_000_000, 180_000_000, 1_000_000, 10_000, 359, 999, 255),
        *(FixKind.ESTIMATED, 65_535, True),
    )
    return [least, most, least, least, most, most]


BATCHES = [
    _case("one_fix_bare", "One fix of which only instant and position are known.", [BARE]),
    _case(
        "one_fix_whole",
        "One fix of which everything is known, kept for 5 raw ones, after a hole.",
        [KeptFix(42, WHOLE, 5, True)],
        after=41,
        newest=44,
        batch=300,
    ),
    _case("sixty_fixes", "A minute at 1 Hz; the course passes north.", _drive(60), after=3600),
    _case("sixty_fixes_10_hz", "Six seconds at 10 Hz.", _drive(60, 100)),
    _case(
        "shape_0",
        "A parked unit: every difference is 0 but the first of time.",
        [replace(LIVE, time_ms=T0 + 1000 * n) for n in range(20)],
    ),
    *[
        _case(f"dense_{spread}", "Runs of an order that suits the spread.", _wild(12, spread))
        for spread in (1, 2, 5, 12, 30, 100, 400, 2000, 9000, 30_000, 900_000)
    ],
    _case(
        "sparse",
        "Few differences that are not 0: told with the zeros before them.",
        [
            _row(n, hdop_tenths=9 + (n > 7) - 3 * (n > 30), satellites=12 - 5 * (n == 39))
            for n in range(40)
        ],
    ),
    _case(
        "sparse_steady_speed",
        "A change of course and height once in a long straight.",
        [
            _row(n, speed_dmps=222, course_deg=45 + 300 * (n > 99), altitude_dm=-5)
            for n in range(120)
        ],
    ),
    _case("time_unit_1000", "Whole seconds.", [_row(n) for n in (0, 1, 5)]),
    _case("time_unit_100", "Tenths.", [_row(n) for n in (0, 0.5, 1.2)]),
    _case("time_unit_10", "Hundredths.", [_row(n) for n in (0.05, 0.5, 1.2)]),
    _case("time_unit_1", "Milliseconds.", [_row(n) for n in (0, 1.001, 2.002)]),
    _missing("missing_first", "No values in the first rows, then all.", "--xxxx"),
    _missing("missing_middle", "No values in the middle.", "xx---xx"),
    _missing("missing_last", "No values in the last row.", "xxxx-"),
    _missing("missing_by_turns", "A value in every other row.", "x-x-x-x-"),
    _missing("missing_but_one", "One row alone has values.", "---x--"),
    *[
        _case(
            f"missing_{name}",
            f"Some rows have no {name}, and another column all.",
            [_row(n, hdop_tenths=7, **({name: low + n} if n % 3 else {})) for n in range(9)],
        )
        for name, low in (
            *(("altitude_dm", -30), ("speed_dmps", 0), ("course_deg", 350)),
            *(("satellites", 4), ("error_dm", 0)),
        )
    ],
    _case(
        "date_line",
        "Across 180 degrees and back.",
        [
            _row(0, lat_e6=-16_800_000, lon_e6=179_999_950),
            _row(1, lat_e6=-16_800_000, lon_e6=-179_999_990),
            _row(2, lat_e6=-16_800_000, lon_e6=-180_000_000),
            _row(3, lat_e6=-16_800_000, lon_e6=180_000_000),
        ],
    ),
    _case(
        "poles",
        "From one pole to the other.",
        [_row(0, lat_e6=90_000_000, lon_e6=0), _row(1, lat_e6=-90_000_000, lon_e6=180_000_000)],
    ),
    _case(
        "altitude_negative",
        "Below the sea: a shore of the Dead Sea, the lowest and the highest legal value.",
        [_row(n, altitude_dm=height) for n, height in enumerate((-4305, -20_000, 1_000_000))],
    ),
    _case(
        "time_goes_back",
        "The clock steps back by two days, and to the first and the last legal instant.",
        [_row(0, time_ms=each) for each in (T0, T0 - 172_800_000, 0, MAX_TIME_MS)],
    ),
    _case("time_stands_still", "Two fixes of one instant.", [_row(0), _row(0), _row(0)]),
    _case(
        "course_passes_north",
        "The short way round: 359 to 0 is 1, 0 to 180 is -180.",
        [_row(n, course_deg=each) for n, each in enumerate((359, 0, 180, 0, 181, 1, 359))],
    ),
    _case("kinds", "Every kind.", [_row(n, kind=kind) for n, kind in enumerate(FixKind)]),
    _case(
        "thinned",
        "Numbers 2, 3 and 6 were thinned: inside `upto`, and neither fixes nor in a gap.",
        [KeptFix(1, _row(0)), KeptFix(4, _row(3), 3), KeptFix(5, _row(4))],
        upto=6,
        newest=10,
    ),
    _case(
        "thinned_long",
        "Many numbers left out, as a sampler leaves them out.",
        [
            KeptFix(seq, _row(seq), stands)
            for seq, stands in ((601, 1), (640, 39), (643, 3), (760, 117), (761, 1), (1400, 639))
        ],
        after=600,
        upto=1500,
        newest=1600,
    ),
    _standing("stands_for_1000", "Raw fixes each second.", 1000, (1, 5, 3, 60, 1)),
    _standing("stands_for_200", "Raw fixes five times a second.", 200, (1, 5, 3, 300, 1)),
    _standing("stands_for_10000", "Raw fixes each ten seconds.", 10_000, (2, 6, 1, 30)),
    _standing("stands_for_hour", "Raw fixes each hour.", 3_600_000, (1, 6, 1, 24)),
    _case(
        "stands_for_otherwise",
        "Numbers of raw fixes that the time does not explain.",
        [KeptFix(n + 1, _row(n), each) for n, each in enumerate((1, 7, 1, 1, STANDS_MAX, 2))],
    ),
    _case(
        "holes",
        "After the first and the fourth the receiver was silent.",
        [KeptFix(n + 1, _row(n * 30), 1, n in (0, 4)) for n in range(6)],
    ),
    _case(
        "errors",
        "The receiver states its error.",
        [_row(n, error_dm=20 + n % 3) for n in range(6)],
    ),
    _case(
        "date_repaired",
        "A week rollover was mended, until the receiver knew the date.",
        [_row(n, date_repaired=n < 4) for n in range(7)],
    ),
    _case(
        "gaps",
        "Numbers 101 to 612 were released, 614 refused, 616 to 620 cut: a fix lies between.",
        [KeptFix(613, _row(0)), KeptFix(615, _row(2))],
        after=100,
        upto=620,
        newest=700,
        gaps=(
            Gap(101, 612, GapReason.RELEASED),
            Gap(614, 614, GapReason.REFUSED),
            Gap(616, 620, GapReason.CUT),
        ),
    ),
    _case(
        "gap_alone",
        "All that is left of a stream is a gap of damaged rows.",
        upto=7,
        gaps=(Gap(1, 7, GapReason.DAMAGED),),
    ),
    _case(
        "gaps_64",
        "As many gaps as there may be.",
        upto=200,
        gaps=tuple(Gap(3 * n, 3 * n + n % 2, GapReason.REFUSED) for n in range(1, 65)),
    ),
    _case("nothing", "Neither fixes nor anything else: only a question.", after=9, newest=11),
    _case(
        "live_beside_fixes",
        "The backlog begins with its oldest fix; the newest goes along for the map.",
        [BARE],
        newest=3600,
        live=LIVE,
    ),
    _case(
        "live_alone",
        "While a batch waits for its answer, one without fixes carries `live`.",
        after=500,
        newest=520,
        live=LIVE,
    ),
    _case("live_whole", "Everything of `live` is known.", live=WHOLE),
    _case(
        "previous",
        "The first batch of a run names the run before and what is believed stored of it.",
        [BARE],
        previous=Previous(NEXT, 86_400),
    ),
    _case("volatile", "A stream that is held in memory only.", [BARE], after=3, volatile=True),
    _case(
        "everything_at_once",
        "Everything is there.",
        [KeptFix(1, _row(0)), KeptFix(4, _row(3, satellites=9), 2, True)],
        newest=5,
        stream=NEXT,
        gaps=(Gap(2, 2, GapReason.REFUSED),),
        live=LIVE,
        previous=Previous(STREAM, 3),
        volatile=True,
    ),
    _case("resent", "A batch number far above `after`.", [_row(0)], after=5, batch=100_000),
    _case("after_far_above", "`after` far above the number.", [_row(0)], after=10**9, batch=1),
    _case("limits", "The least and the greatest of every column.", _limits()),
    _case(
        "numbers_at_their_limits",
        "The largest batch number, and the largest seq.",
        [KeptFix(MAX_COUNT, Fix(0, 0, 0), STANDS_MAX)],
        after=MAX_COUNT - 1,
        batch=MAX_COUNT,
    ),
    _case(
        "seq_from_0_to_its_limit",
        "One batch that speaks for all numbers there are.",
        [KeptFix(MAX_COUNT - 1, _row(0))],
        upto=MAX_COUNT,
        previous=Previous(NEXT, MAX_COUNT),
    ),
    _case(
        "fixes_4096",
        "As many fixes as there may be.",
        [
            Fix(
                T0 + 1000 * n,
                -47_000_000 + 90 * n,
                8_000_000 - 17 * n,
                4000 - n,
                100,
                90,
                9,
                12,
                FixKind.RTK,
            )
            for n in range(4096)
        ],
    ),
]

_PLAIN = {case.name: case for case in BATCHES}
_THREE = _case("", "", [_row(n, hdop_tenths=9) for n in range(3)])


def _other(name: str, note: str, case: Case, data: bytes) -> tuple[Case, bytes]:
    return replace(case, name=name, note=note), data


def _wrapped(head: str, name: str) -> bytes:
    """Return a golden batch in another msgpack form of an extension value."""
    content = encode_batch(_PLAIN[name].batch)[3:]
    return bytes.fromhex(head) + content


_BARE_SIZE = len(encode_batch(_PLAIN["one_fix_bare"].batch)) - 3
_THREE_HEAD = head_bits(number=1, count=3)
_LAT, _LON = plain(137_000_000, 28), plain(188_000_000, 29)


def _three(time: str, lat: str, hdop: str) -> bytes:
    """Return the batch of three rows with some columns written otherwise."""
    lon = _LON + plain(1, 4) + run([fold(120), 0], 0)
    kind, more = golomb(0, 0) + plain(0, 4), "00"
    return sealed(_THREE_HEAD + time + lat + lon + "000" + hdop + "0" + kind + more)


_TIME = "1" + golomb(T0 // 1000, 31) + plain(1, 4) + run([2, 0], 0)
_LATS = _LAT + plain(8, 4) + run([fold(90), 0], 7)
_HDOP = "1" + golomb(9, 4) + plain(0, 4)

# The same, said otherwise than Milepost says it.
OTHERS = [
    _other(
        "ext_16",
        "The length of the extension value in two bytes.",
        _PLAIN["one_fix_bare"],
        _wrapped(f"c8{_BARE_SIZE:04x}01", "one_fix_bare"),
    ),
    _other(
        "ext_32",
        "The length of the extension value in four bytes.",
        _PLAIN["one_fix_bare"],
        _wrapped(f"c9{_BARE_SIZE:08x}01", "one_fix_bare"),
    ),
    _other(
        "more_of_nothing",
        "The optional parts are announced, and none is there.",
        _PLAIN["one_fix_bare"],
        sealed(head_bits(number=1) + fix_bits(BARE) + "0" + "10001"),
    ),
    _other(
        "rare_columns_of_nothing",
        "The rare columns are announced, and none is told.",
        _PLAIN["one_fix_bare"],
        sealed(head_bits(number=1) + fix_bits(BARE) + "10000" + "0"),
    ),
    _other("three_rows", "Dense runs.", _THREE, _three(_TIME, _LATS, _HDOP)),
    _other(
        "finer_time_unit",
        "Whole seconds counted in milliseconds.",
        _THREE,
        _three("000" + golomb(T0, 41) + plain(1, 4) + run([2000, 0], 0), _LATS, _HDOP),
    ),
    _other(
        "longer_order",
        "An order that is not the shortest.",
        _THREE,
        _three(_TIME, _LAT + plain(13, 4) + run([fold(90), 0], 12), _HDOP),
    ),
    _other(
        "dense_zeros",
        "Differences that are all 0, as a run.",
        _THREE,
        _three(_TIME, _LATS, "1" + golomb(9, 4) + plain(3, 4) + run([0, 0], 2)),
    ),
    _other(
        "sparse_of_none",
        "Shape 14 with no difference.",
        _THREE,
        _three(_TIME, _LATS, "1" + golomb(9, 4) + plain(14, 4) + golomb(0, 3)),
    ),
    _other(
        "sparse_in_order_15",
        "Shape 14 with the highest orders.",
        _THREE,
        _three(
            _TIME,
            _LAT + plain(14, 4) + golomb(1, 3) + "1111" + run([0], 15) + "1111" + run([179], 15),
            _HDOP,
        ),
    ),
    _other(
        "missing_in_none",
        "Shape 15 with no row without a value.",
        _THREE,
        _three(_TIME, _LATS, "1" + golomb(9, 4) + plain(15, 4) + "0" + golomb(0, 3) + plain(0, 4)),
    ),
]

ACKS = [
    ("stored", "Everything up to 613 is stored or accounted for.", Ack(STREAM, 7, 613, MIN0)),
    ("nothing_stored_yet", "Nothing is stored of the stream.", Ack(STREAM, 7, 0, MIN0)),
    (
        "older_database",
        "The database is older than the batch supposes.",
        Ack(STREAM, 7, None, MIN0),
    ),
    ("refused_version", "Another version.", Ack(STREAM, 7, None, MIN0, "version")),
    ("refused_range", "A value is out of its range.", Ack(STREAM, 7, None, MIN0, "range")),
    ("refused_malformed", "It cannot be read.", Ack(STREAM, 7, None, MIN0, "malformed")),
    ("refused_one_letter", "The shortest word.", Ack(STREAM, 7, None, MIN0, "x")),
    (
        "refused_unknown_word",
        "A reader takes any word; 64 bytes are the longest.",
        Ack(STREAM, 7, None, MIN0, "x" * 64),
    ),
    (
        "refused_in_greek",
        "A word is UTF-8.",
        Ack(STREAM, 7, None, MIN0, "\u03bb\u03cc\u03b3\u03bf\u03c2"),
    ),
    (
        "numbers_at_their_limits",
        "The largest numbers and the last minute.",
        Ack(NEXT, MAX_COUNT, MAX_COUNT, MAX_TIME_MIN),
    ),
    ("first_of_all", "The smallest of everything.", Ack(bytes(8), 1, 0, 0)),
]
