"""Moves the dates and times of a recording by whole seconds, and changes nothing else.

In flows a piece of a recording, out flows the same piece with every date and time moved. The
fraction of the second is never touched, nor the number of its digits, so an offset of whole seconds
is exact in every sentence whatever its resolution. A sentence whose checksum is wrong or missing
stays as it is: it was damaged on the way, and mending it would hide that.
"""

from milepost_firmware_sim.sentence import (
    DAY_S,
    Checksum,
    Sentence,
    date_of_day,
    day_of_field,
    day_of_parts,
    find_sentence,
    rewritten,
    second_of_day,
    time_fields,
)


def redate(piece: bytes, offset_s: int) -> bytes:
    """Return the piece with its times moved by `offset_s` seconds and its checksum made right.

    A date without a time of day moves as the midnight that it names. Empty fields stay empty, and
    hexadecimal letters keep their case.
    """
    if offset_s == 0:
        return piece
    sentence = find_sentence(piece)
    if sentence is None or sentence.checksum is not Checksum.RIGHT:
        return piece
    fields = moved_fields(sentence, offset_s)
    return piece if fields == sentence.fields else rewritten(piece, sentence, fields)


def moved_fields(sentence: Sentence, offset_s: int) -> list[bytes]:
    """Return the fields of a sentence with its time moved by whole seconds."""
    places = time_fields(sentence)
    fields = list(sentence.fields)
    if places is None:
        return fields
    time_field = fields[places.time_at]
    time_s = second_of_day(time_field)
    if time_s is None and time_field:
        return fields
    days, moved_s = divmod(int(time_s or 0.0) + offset_s, DAY_S)
    if time_s is not None:
        fields[places.time_at] = _clock_digits(moved_s) + time_field[6:]
    if places.dated_by_parts:
        _move_parts(fields, places.time_at, days)
    elif places.date_at is not None:
        fields[places.date_at] = _moved_date(fields[places.date_at], days)
    return fields


def _clock_digits(second: int) -> bytes:
    return b"%02d%02d%02d" % (second // 3600, second // 60 % 60, second % 60)


def _moved_date(field: bytes, days: int) -> bytes:
    day = day_of_field(field)
    if day is None:
        return field
    moved = date_of_day(day + days)
    return moved.strftime("%Y%m%d" if len(field) == 8 else "%d%m%y").encode()


def _move_parts(fields: list[bytes], time_at: int, days: int) -> None:
    day = day_of_parts(fields, time_at)
    if day is not None:
        moved = date_of_day(day + days).strftime("%d,%m,%Y").encode()
        fields[time_at + 1 : time_at + 4] = moved.split(b",")
