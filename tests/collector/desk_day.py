"""A delivery day by hand: twelve stops, and what goes wrong on such days."""

from milepost_collector.delivery.desk import DeskState
from milepost_collector.delivery.desk.inputs import PlannedStop, TapKind
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind
from tests.collector.desk_log import Log, place, planned, stop

WINDOWS = {4: ("09:00", "09:40"), 6: ("10:00", "10:45")}
# Every 25 minutes.
ARRIVALS = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(500, 780, 25)]


def stops(*without: int) -> list[PlannedStop]:
    """Return the stops of the day."""
    return [
        stop(number, WINDOWS.get(number), arrives)
        for number, arrives in enumerate(ARRIVALS, 1)
        if number not in without
    ]


def visit(log: Log, name: str, came: str, tapped: str, left: str) -> None:
    """Let the vehicle come, its driver complete the stop, and go on."""
    log.arrive(came, name)
    log.tap(tapped, TapKind.COMPLETE, name)
    log.depart(left, name, came=came)


def morning(log: Log) -> None:
    """Play the day until half past ten."""
    log.plan("06:00", planned(stops()))
    loaded = tuple(f"p{number:02}-1" for number in range(1, 13) if number != 9)
    log.tap("07:30", TapKind.SCAN, parcels=loaded)
    log.set_out("08:05")
    log.foresee("08:10", s01="08:20", s02="08:47")
    visit(log, "s01", "08:21", "08:23", "08:24")
    log.arrive("08:46", "s02")
    log.tap("08:48", TapKind.INCIDENT, "s02", incident=IncidentKind.NOT_HOME, photo="photo-1")
    log.depart("08:49", "s02", came="08:46")
    log.arrive("09:11", "s03")
    log.depart("09:15", "s03", came="09:11")
    log.foresee("09:19", s04="09:50", s05="10:05", s06="10:50")
    log.tick("09:20")
    log.tick("09:42")
    log.arrive("09:52", "s04", came="09:51")
    log.tap("09:55", TapKind.COMPLETE, "s04")
    log.depart("09:56", "s04", came="09:51")
    log.arrive("10:05", "s05")
    log.depart("10:09", "s05", came="10:05")
    log.tap("10:10", TapKind.COMPLETE, "s05", place=place(9))
    log.foresee("10:12", s06="10:33", s07="11:00")


def afternoon(log: Log) -> None:
    """Play the rest of it."""
    visit(log, "s06", "10:32", "10:35", "10:36")
    log.silent("10:47", "10:40")
    log.heard("11:20")
    log.arrive("11:20", "s07", came="10:58")
    log.depart("11:20", "s07", left="11:02", came="10:58")
    log.arrive("11:20", "s08", came="11:18")
    log.tap("11:21", TapKind.COMPLETE, "s07", tapped="11:01", key="k7")
    log.tap("11:22", TapKind.COMPLETE, "s08")
    log.depart("11:23", "s08", came="11:18")
    log.arrive("11:44", "s09")
    log.tap("11:46", TapKind.INCIDENT, "s09", incident=IncidentKind.LOST)
    log.depart("11:47", "s09", came="11:44")
    log.plan("11:50", planned(stops(11)))
    visit(log, "s10", "12:06", "12:08", "12:09")
    visit(log, "s12", "12:30", "12:33", "12:34")
    log.tap("12:40", TapKind.REATTEMPT, "s02")
    log.tap("12:41", TapKind.START, "s02")
    visit(log, "s02", "12:55", "12:57", "12:58")
    log.tap("12:59", TapKind.COMPLETE, "s07", tapped="11:01", key="k7")
    log.tap("13:10", TapKind.RETURN, "s09", source=Source.DISPATCHER)
    log.tap("13:15", TapKind.SKIP, "s03", source=Source.DISPATCHER)


def day() -> Log:
    """Return the whole day of the plan."""
    log = Log()
    morning(log)
    afternoon(log)
    return log


def silence() -> Log:
    """Return the day of the vehicle's own desk."""
    log = Log(DeskState.of_vehicle("van-1"))
    log.silent("10:47", "10:40")
    log.heard("11:20")
    return log
