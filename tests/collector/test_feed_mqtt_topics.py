"""Topics of events: one per vehicle and type, whatever the vehicle is called."""

import uuid
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from milepost_collector.feed.addresses import mqtt_topic
from milepost_schemas.event import Event
from milepost_schemas.topics import TopicError, parse_topic

# Whatever text a database may hold.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def topic(vehicle: str, kind: str = "fence.entered") -> str:
    """The topic of an event of this kind."""
    return mqtt_topic(Event(uuid.uuid4(), kind, "unit", vehicle, 0))


@pytest.mark.parametrize(
    ("vehicle", "kind", "expected"),
    [
        ("van-1", "fence.entered", "milepost/v1/events/van-1/fence/entered"),
        ("A_b-9", "vehicle.gap", "milepost/v1/events/A_b-9/vehicle/gap"),
        ("a/b", "trip.ended", "milepost/v1/events/a%2Fb/trip/ended"),
        ("+", "trip.ended", "milepost/v1/events/%2B/trip/ended"),
        ("#", "trip.ended", "milepost/v1/events/%23/trip/ended"),
        ("50%", "trip.ended", "milepost/v1/events/50%25/trip/ended"),
        ("a\0b", "trip.ended", "milepost/v1/events/a%00b/trip/ended"),
        ("Tür 7", "trip.ended", "milepost/v1/events/T%C3%BCr%207/trip/ended"),
        ("a.b~", "trip.ended", "milepost/v1/events/a%2Eb%7E/trip/ended"),
        ("", "trip.ended", "milepost/v1/events/%/trip/ended"),
    ],
)
def test_topic_of_an_event(vehicle: str, kind: str, expected: str) -> None:
    """A name stands in it as it is where it can, and escaped where it could mean something."""
    assert topic(vehicle, kind) == expected


@given(NAMES, NAMES)
def test_topic_of_any_name_is_its_own(one: str, other: str) -> None:
    """It has the levels that it should, no wildcard, and no other name has the same."""
    found = topic(one)
    levels = found.split("/")
    assert (levels[:3], levels[4:]) == (["milepost", "v1", "events"], ["fence", "entered"])
    assert not set(found) & set("+#\0")
    assert found.isascii()
    assert unquote(levels[3]) == (one or "%")
    assert (topic(other) == found) == (other == one)
    assert topic_matches_sub("milepost/v1/events/+/fence/entered", found)
    with pytest.raises(TopicError):
        parse_topic(found)
