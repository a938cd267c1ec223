"""Faults of the receiver itself: sentences that are well-formed and wrong, or rightly void."""

import math
from datetime import UTC, datetime
from random import Random

from milepost_firmware_sim.faults.language import Fault
from milepost_firmware_sim.faults.stage import PlayTimes, SentenceStage, Stage
from milepost_firmware_sim.faults.voiding import lost, voided
from milepost_firmware_sim.replay.redate import moved_fields
from milepost_firmware_sim.sentence import (
    DAY_S,
    Sentence,
    place_field,
    place_of,
    second_of_day,
    time_fields,
)

_EARTH_M = 6_371_008.8
_WEEK_S = 7 * DAY_S
_USUAL_JUMP_M = 100.0
# The first day of GPS time, at which the clocks of many receivers begin.
_FACTORY = datetime(1980, 1, 6, tzinfo=UTC)


class Outage(SentenceStage):
    """No sky: everything void and empty, while the receiver's clock goes on."""

    def fields(self, sentence: Sentence, _time_s: float) -> list[bytes]:
        """Empty the sentence."""
        return lost(sentence)


class Void(SentenceStage):
    """Epochs marked void whose positions stand there all the same."""

    def hit(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Void an epoch as a whole, or not at all."""
        if self.random.random() >= self.fault.share:
            return lines
        return super().hit(time_s, lines)

    def fields(self, sentence: Sentence, _time_s: float) -> list[bytes]:
        """Mark the sentence void."""
        return voided(sentence)


class Jump(SentenceStage):
    """Positions off by one step."""

    def __init__(self, fault: Fault, random: Random, times: PlayTimes) -> None:
        super().__init__(fault, random, times)
        self._distance_m = _USUAL_JUMP_M if fault.distance_m is None else fault.distance_m
        chosen_deg = random.uniform(0.0, 360.0)
        self._direction_deg = chosen_deg if fault.direction_deg is None else fault.direction_deg

    def fields(self, sentence: Sentence, _time_s: float) -> list[bytes]:
        """Move the place."""
        first, place = place_field(sentence), place_of(sentence)
        if first is None or place is None:
            return sentence.fields
        lat_deg, lon_deg = moved_place(
            place.lat_deg, place.lon_deg, self._distance_m, self._direction_deg
        )
        fields = list(sentence.fields)
        fields[first : first + 2] = _angle(lat_deg, fields[first], 2, b"NS")
        fields[first + 2 : first + 4] = _angle(lon_deg, fields[first + 2], 3, b"EW")
        return fields


class Freeze(SentenceStage):
    """The place of the first epoch again and again; each kind of sentence in its own writing."""

    def __init__(self, fault: Fault, random: Random, times: PlayTimes) -> None:
        super().__init__(fault, random, times)
        self._places: dict[bytes, list[bytes]] = {}
        self._number = -1

    def fields(self, sentence: Sentence, time_s: float) -> list[bytes]:
        """Put the frozen place in."""
        if self.window.number(time_s) != self._number:
            self._places.clear()
            self._number = self.window.number(time_s)
        first = place_field(sentence)
        if first is None or place_of(sentence) is None:
            return sentence.fields
        here = sentence.fields[first : first + 4]
        place = self._places.setdefault(sentence.fields[0], here)
        return [*sentence.fields[:first], *place, *sentence.fields[first + 4 :]]


class Rollover(SentenceStage):
    """Dates some weeks back, as of a receiver that lost count of the GPS weeks."""

    def fields(self, sentence: Sentence, _time_s: float) -> list[bytes]:
        """Move the date."""
        return moved_fields(sentence, -self.fault.weeks * _WEEK_S)


class NoDate(SentenceStage):
    """Times of day without their date."""

    def fields(self, sentence: Sentence, _time_s: float) -> list[bytes]:
        """Empty the date."""
        places = time_fields(sentence)
        fields = list(sentence.fields)
        if places is not None and places.date_at is not None:
            fields[places.date_at] = b""
        elif places is not None and places.dated_by_parts:
            fields[places.time_at + 1 : places.time_at + 4] = [b"", b"", b""]
        return fields


class ColdStart(SentenceStage):
    """A receiver that was just switched on: no fix, and the clock of its factory ticking."""

    def __init__(self, fault: Fault, random: Random, times: PlayTimes) -> None:
        super().__init__(fault, random, times)
        self._since_s = (fault.since or _FACTORY).timestamp()
        self._number = -1
        self._offset_s = 0

    def fields(self, sentence: Sentence, time_s: float) -> list[bytes]:
        """Void the sentence and set its clock back."""
        if self.window.number(time_s) != self._number:
            self._number = self.window.number(time_s)
            self._offset_s = round(self._since_s - self.times.first_fix_s - time_s)
        fields = moved_fields(sentence, self._offset_s)
        return lost(Sentence(fields, sentence.checksum, sentence.start, sentence.end, b""))


class LeapSecond(SentenceStage):
    """A second that UTC inserts, at the end of a day; after it all times are one second behind.

    Where the play passes no midnight the second comes at once, as 23:59:60 all the same.
    """

    def __init__(self, fault: Fault, random: Random, times: PlayTimes) -> None:
        super().__init__(fault, random, times)
        begin_s = math.ceil(max(self.window.begin_s, 0.0))
        midnight_s = begin_s + (-round(times.first_fix_s + begin_s)) % DAY_S
        self._leap_s = float(midnight_s if midnight_s <= times.last_s else begin_s)

    def fields(self, sentence: Sentence, time_s: float) -> list[bytes]:
        """Write the inserted second, or be one behind."""
        places = time_fields(sentence)
        if time_s < self._leap_s or places is None:
            return sentence.fields
        inserted = time_s < self._leap_s + 1.0
        if inserted and self.fault.doubled:
            return sentence.fields
        fields = moved_fields(sentence, -1)
        if inserted and second_of_day(fields[places.time_at]) is not None:
            fields[places.time_at] = b"235960" + fields[places.time_at][6:]
        return fields


class DoubledSecond(Stage):
    """A receiver that tells the same epoch twice."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Repeat the epoch."""
        return lines * 2 if self.strikes() else lines


def moved_place(
    lat_deg: float, lon_deg: float, distance_m: float, direction_deg: float
) -> tuple[float, float]:
    """Return the latitude and longitude of a place so far away in a direction."""
    direction = math.radians(direction_deg)
    north_deg = math.degrees(distance_m * math.cos(direction) / _EARTH_M)
    shrink = max(math.cos(math.radians(lat_deg)), 0.01)
    east_deg = math.degrees(distance_m * math.sin(direction) / (_EARTH_M * shrink))
    moved_deg = min(max(lat_deg + north_deg, -90.0), 90.0)
    return moved_deg, (lon_deg + east_deg + 180.0) % 360.0 - 180.0


def _angle(angle_deg: float, before: bytes, digits: int, sides: bytes) -> tuple[bytes, bytes]:
    """Write an angle with as many decimals of a minute as the field had before; and its side."""
    decimals = len(before.partition(b".")[2])
    minute = 10**decimals
    degrees, minutes = divmod(round(abs(angle_deg) * 60.0 * minute), 60 * minute)
    whole, fraction = divmod(minutes, minute)
    text = f"{degrees:0{digits}}{whole:02}" + (f".{fraction:0{decimals}}" if decimals else "")
    return text.encode(), sides[:1] if angle_deg >= 0.0 else sides[1:]
