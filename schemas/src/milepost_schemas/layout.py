"""The columns of a batch: what each holds, in which range, and how its first value is written."""

from dataclasses import dataclass

from milepost_schemas.fix import FixKind

MAX_FIXES = 4096

# Far below what 64 bits hold, far above what any receiver writes: year 6429.
MAX_TIME_MS = 2**47


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Of the value, with its unit.
        low: Least legal value.
        high: Greatest legal value.
        first_bits: Width of the first value, written plainly from `low` on; 0: in exp-Golomb code.
        first_order: Order of that code, of the folded difference from `usual`.
        usual: What a first value is expected to be near.
        folded: The first value may be below `usual`.
        optional: A row may have no value.
    """

    name: str
    low: int
    high: int
    first_bits: int = 0
    first_order: int = 0
    usual: int = 0
    folded: bool = False
    optional: bool = True


LAT = Column("lat_e6", -90_000_000, 90_000_000, first_bits=28, optional=False)
LON = Column("lon_e6", -180_000_000, 180_000_000, first_bits=29, optional=False)
ALTITUDE = Column("altitude_dm", -20_000, 1_000_000, first_order=12, folded=True)
SPEED = Column("speed_dmps", 0, 10_000, first_order=7)
COURSE = Column("course_deg", 0, 359, first_bits=9)
HDOP = Column("hdop_tenths", 0, 999, first_order=4)
SATELLITES = Column("satellites", 0, 255, first_order=3)
KIND = Column("kind", 0, max(FixKind), usual=FixKind.THREE_D, folded=True, optional=False)
ERROR = Column("error_dm", 0, 65_535, first_order=6)

# Times are counted in the longest of these, in milliseconds, that divides all of them; the place in
# this row is written as so many zeros (and a one, but for the last). A first time of today's
# takes the bits of its order.
TIME_UNITS_MS = (1000, 100, 10, 1)
TIME_ORDERS = (31, 34, 38, 41)

STANDS_MAX = 2**31 - 1
STANDS_ORDER = 2

PERIOD_ORDER = 8
