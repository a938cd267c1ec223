"""The words of the fault language: what each fault does, and which details it takes.

The parser, the command `faults` and the README's table all say what stands here.
"""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """Where in the receiver's way to the reader a fault acts, in this order."""

    FIX = "fix"  # the receiver errs: its sentences are rewritten, with right checksums
    LINE = "line"  # lines are lost, repeated, moved or added
    BYTE = "byte"  # bytes are lost or changed
    RATE = "rate"  # sender and reader do not agree on the rate
    PORT = "port"  # the port itself


class Detail(Enum):
    """What may stand behind a fault; the value shows how it is written."""

    SHARE = "20%"
    ONLY = "of RMC,GGA"
    DISTANCE = "300m"
    DIRECTION = "north-east or 45deg"
    BAUD = "4800"
    SENT = "sent 9600"
    WEEKS = "weeks 2048"
    SINCE = "from 2013-09-01T00:00:00Z"
    NAME = "as NAME"
    RECEIVER = "sirf"
    DOUBLED = "doubled"


@dataclass(frozen=True, slots=True)
class FaultWord:
    """One fault.

    Attributes:
        word: As it is written.
        level: Where it acts.
        does: What the reader sees, for people.
        takes: The details that it understands.
        share: Which part of the lines (epochs, bytes) it hits where no share is given.
        needs: A detail that must be given.
        once: It comes once and lasts; `for` and `every` make no sense.
    """

    word: str
    level: Level
    does: str
    takes: tuple[Detail, ...] = ()
    share: float = 1.0
    needs: Detail | None = None
    once: bool = False


_LINES = (Detail.SHARE, Detail.ONLY)

FAULT_WORDS = {
    one.word: one
    for one in (
        FaultWord("outage", Level.FIX, "no sky: void sentences without position, clock going on"),
        FaultWord(
            "void",
            Level.FIX,
            "epochs marked void (status V, quality 0), their positions left in",
            (Detail.SHARE,),
        ),
        FaultWord(
            "jump",
            Level.FIX,
            "positions off by a distance (100 m) in one direction (by the seed)",
            (Detail.DISTANCE, Detail.DIRECTION),
        ),
        FaultWord("freeze", Level.FIX, "the position stands still, the time goes on"),
        FaultWord(
            "rollover", Level.FIX, "dates 1024 weeks back, or as many as said", (Detail.WEEKS,)
        ),
        FaultWord("no-date", Level.FIX, "times of day without a date"),
        FaultWord(
            "cold-start",
            Level.FIX,
            "void sentences with a clock that begins at its factory's date (1980-01-06)",
            (Detail.SINCE,),
        ),
        FaultWord(
            "leap-second",
            Level.FIX,
            "23:59:60 at the next midnight of the play (or at once, where it passes none); "
            "doubled: 00:00:00 twice instead",
            (Detail.DOUBLED,),
            once=True,
        ),
        FaultWord(
            "doubled-second",
            Level.FIX,
            "all sentences of an epoch come twice",
            (Detail.SHARE,),
        ),
        FaultWord("drop", Level.LINE, "lines are lost", _LINES),
        FaultWord("duplicate", Level.LINE, "lines come twice", _LINES),
        FaultWord("swap", Level.LINE, "a line comes after the one behind it", _LINES),
        FaultWord(
            "second-receiver",
            Level.LINE,
            "between the lines those of another receiver (plain), so far away (30 m)",
            (Detail.DISTANCE, Detail.DIRECTION, Detail.RECEIVER),
        ),
        FaultWord(
            "binary", Level.LINE, "UBX frames between the lines", (Detail.SHARE, Detail.ONLY)
        ),
        FaultWord("no-checksum", Level.LINE, "lines without their checksum", _LINES),
        FaultWord("cut", Level.BYTE, "the rest of a line is lost, its line end stays", _LINES),
        FaultWord("glue", Level.BYTE, "line ends are lost", _LINES),
        FaultWord("flip", Level.BYTE, "bytes have one bit changed", _LINES, share=0.01),
        FaultWord(
            "baud",
            Level.RATE,
            "bytes as a port at this rate sees them, sent at another (9600)",
            (Detail.BAUD, Detail.SENT),
            needs=Detail.BAUD,
        ),
        FaultWord("silence", Level.PORT, "the receiver says nothing, the port stays open"),
        FaultWord(
            "stuck",
            Level.PORT,
            "the port stays open and passes nothing; up to 4096 bytes come afterwards",
        ),
        FaultWord(
            "unplug",
            Level.PORT,
            "the port closes, and comes back after `for` (5 s), under another name if said",
            (Detail.NAME,),
        ),
    )
}
