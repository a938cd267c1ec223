"""The makes of receivers that the simulator can be: a row of differences for each.

Sources: the makers' public protocol manuals, named beside each row. Pure data; `sentence_sets`
writes by it.
"""

from dataclasses import dataclass
from enum import Enum

from milepost_firmware_sim.sky import System


class ReceiverSet(Enum):
    """A make of receiver: its talkers, sentences and number formats."""

    PLAIN = "plain"
    UBLOX = "ublox"
    SIRF = "sirf"
    MEDIATEK = "mediatek"
    QUECTEL = "quectel"


@dataclass(frozen=True, slots=True)
class Make:
    """What tells one make of receiver from another.

    Attributes:
        order: Its sentences of one epoch; GSA and GSV are several.
        talker: Of all but GSV.
        systems: What it receives.
        second_decimals: Digits after the second.
        minute_decimals: Digits after the minute of an angle (five are 2 cm).
        speed_decimals: Of knots; km/h have as many.
        dilution_decimals: Of HDOP and its like.
        identified: NMEA 4.1: RMC has a navigational status, GSA a system, GSV a signal.
        gsa_by_system: GSA names its system by its talker.
        course_when_standing: It writes a course at standstill too.
        gga_tail: Age and station of corrections, as written without any.
        sky_every_s: GSV only in seconds that this divides.
        no_dilution: How HDOP is written without a fix.
        start: What it says of itself when it starts.
    """

    order: tuple[str, ...]
    talker: str = "GP"
    systems: tuple[System, ...] = (System.GPS,)
    second_decimals: int = 2
    minute_decimals: int = 5
    speed_decimals: int = 3
    dilution_decimals: int = 2
    identified: bool = False
    gsa_by_system: bool = False
    course_when_standing: bool = True
    gga_tail: str = ","
    sky_every_s: int = 1
    no_dilution: str = ""
    start: tuple[str, ...] = ()


MAKES = {
    ReceiverSet.PLAIN: Make(("RMC", "VTG", "GGA", "GSA")),
    # u-blox M8/M9 (UBX-13003221, UBX-19035940): NMEA 4.1, all systems. The navigational status of
    # RMC is V, "not a navigating equipment", with every good fix.
    ReceiverSet.UBLOX: Make(
        ("RMC", "VTG", "GGA", "GSA", "GSV", "GLL"),
        talker="GN",
        systems=(System.GPS, System.GLONASS, System.GALILEO, System.BEIDOU),
        identified=True,
        course_when_standing=False,
        no_dilution="99.99",
        start=(
            "GNTXT,01,01,02,u-blox AG - www.u-blox.com",
            "GNTXT,01,01,02,ANTSTATUS=OK",
        ),
    ),
    # SiRFstar III/IV (NMEA Reference Manual 2.2, CS-129435): GPS alone, GSV each fifth second.
    ReceiverSet.SIRF: Make(
        ("GGA", "GSA", "GSV", "RMC"),
        second_decimals=3,
        minute_decimals=4,
        speed_decimals=2,
        dilution_decimals=1,
        gga_tail=",0000",
        sky_every_s=5,
        start=("PSRFTXT,Version:GSW3.5.0", "PSRFTXT,TOW:  0", "PSRFTXT,Baud rate: 4800"),
    ),
    # MediaTek MT3333 (PMTK command packet manual): GPS and GLONASS, GSV each fifth second.
    ReceiverSet.MEDIATEK: Make(
        ("GGA", "GSA", "GSV", "RMC", "VTG"),
        talker="GN",
        systems=(System.GPS, System.GLONASS),
        second_decimals=3,
        minute_decimals=4,
        speed_decimals=2,
        gsa_by_system=True,
        sky_every_s=5,
        start=("PMTK011,MTKGPS", "PMTK010,001"),
    ),
    # Quectel LC29H (GNSS Protocol Specification V1.1): NMEA 4.1, all systems.
    ReceiverSet.QUECTEL: Make(
        ("GGA", "GLL", "GSA", "GSV", "RMC", "VTG"),
        talker="GN",
        systems=(System.GPS, System.GLONASS, System.GALILEO, System.BEIDOU),
        second_decimals=3,
        minute_decimals=6,
        speed_decimals=2,
        identified=True,
        start=("PQTMVERNO,LC29HAANR01A03S,2022/07/21,10:12:45",),
    ),
}
