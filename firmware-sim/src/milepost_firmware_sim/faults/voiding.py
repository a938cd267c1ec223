"""What a receiver's sentences say when it has no fix.

Field numbers: NMEA 0183 v4.11; PUBX,00: u-blox interface descriptions. Pure.
"""

from milepost_firmware_sim.sentence import Sentence, place_field

_LOST_FIELDS = {
    b"RMC": (7, 8),
    b"GGA": (8, 9, 11),
    b"GNS": (8, 9, 10),
    b"VTG": (1, 3, 5, 7),
    b"GST": (2, 3, 4, 5, 6, 7, 8),
    b"GBS": (2, 3, 4, 5, 6, 7, 8),
    b"GSA": (*range(3, 15), 15, 16, 17),
}
_VOID_FIELDS = {
    b"RMC": {2: b"V", 12: b"N"},
    b"GGA": {6: b"0"},
    b"GLL": {6: b"V", 7: b"N"},
    b"VTG": {9: b"N"},
    b"GSA": {2: b"1"},
}
_COUNT_FIELD = {b"GGA": 7, b"GNS": 7}
_UBX_STATUS_FIELD = 8
_FIRST_SIGNAL_FIELD, _SATELLITE_FIELDS = 7, 4


def voided(sentence: Sentence) -> list[bytes]:
    """Return the fields of the sentence, marked void, its position left as it is."""
    fields = list(sentence.fields)
    formatter = sentence.formatter
    for index, value in _VOID_FIELDS.get(formatter, {}).items():
        if index < len(fields):
            fields[index] = value
    if formatter == b"GNS" and len(fields) > 6:
        fields[6] = b"N" * max(1, len(fields[6]))
    if fields[0] == b"PUBX" and place_field(sentence) is not None:
        fields[_UBX_STATUS_FIELD : _UBX_STATUS_FIELD + 1] = [b"NF"]
    return fields


def lost(sentence: Sentence) -> list[bytes]:
    """Return the fields of the sentence as of a receiver that sees no sky."""
    fields = voided(sentence)
    formatter = sentence.formatter
    first = place_field(sentence)
    emptied = set(_LOST_FIELDS.get(formatter, ()))
    if first is not None:
        emptied |= set(range(first, first + 4))
    if formatter == b"GSV":
        emptied |= set(range(_FIRST_SIGNAL_FIELD, len(fields), _SATELLITE_FIELDS))
    for index in emptied:
        if index < len(fields):
            fields[index] = b""
    count_at = _COUNT_FIELD.get(formatter)
    if count_at is not None and count_at < len(fields):
        fields[count_at] = b"00"
    return fields
