"""Subjects of events: partition, vehicle and type, whatever the vehicle is called."""

import uuid
from collections import Counter
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.feed.addresses import jetstream_subject, partition
from milepost_schemas.event import Event
from tests.collector.test_feed_mqtt_topics import NAMES


def subject(vehicle: str, kind: str = "fence.entered", partitions: int = 8) -> str:
    """The subject of an event of this kind."""
    event = Event(uuid.uuid4(), kind, "unit", vehicle, 0)
    return jetstream_subject(event, "milepost.events", partitions)


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        ("van-1", "milepost.events.3.van-1.fence.entered"),
        ("a.b", "milepost.events.5.a%2Eb.fence.entered"),
        ("* >", "milepost.events.5.%2A%20%3E.fence.entered"),
        ("", "milepost.events.0.%.fence.entered"),
    ],
)
def test_subject_of_an_event(vehicle: str, expected: str) -> None:
    """Partitions never change: consumers have divided the work by them."""
    assert subject(vehicle) == expected


@given(NAMES, st.integers(1, 1024))
def test_subject_of_any_name_has_six_tokens(vehicle: str, partitions: int) -> None:
    """No name makes more tokens, an empty one, a wildcard or a blank."""
    tokens = subject(vehicle, partitions=partitions).split(".")
    assert len(tokens) == 6
    assert all(tokens)
    assert 0 <= int(tokens[2]) < partitions
    assert unquote(tokens[3]) == (vehicle or "%")
    assert not set("".join(tokens)) & set("*> \t\r\n\0")


@pytest.mark.parametrize("partitions", [2, 8, 10])
def test_partition_spreads_vehicles(partitions: int) -> None:
    """A thousand vehicles with names like each other are spread evenly within a third."""
    shares = Counter(partition(f"van-{n}", partitions) for n in range(1000))
    assert set(shares) == set(range(partitions))
    assert max(shares.values()) < 4 / 3 * 1000 / partitions
    assert min(shares.values()) > 2 / 3 * 1000 / partitions
