"""Topics: one address, one topic, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_schemas.topics import SHARDS, Address, Channel, TopicError, every, parse_topic

ADDRESSES = st.builds(
    Address,
    shard=st.integers(0, SHARDS - 1),
    device=st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True),
)


@given(ADDRESSES, st.sampled_from(Channel))
def test_topic_comes_back_as_its_address(address: Address, channel: Channel) -> None:
    """The topic of any address and channel is read as these."""
    assert parse_topic(address.topic(channel)) == (address, channel)


@given(st.from_regex(r"milepost/v1/[0-9]{1,3}/[a-z.]{0,3}/(up|ack|x)", fullmatch=True) | st.text())
def test_topic_that_is_read_is_the_only_one_of_its_address(topic: str) -> None:
    """A text is either refused or exactly what the address that it names would be given."""
    try:
        address, channel = parse_topic(topic)
    except TopicError:
        return
    assert address.topic(channel) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "milepost/v1",
        "milepost/v1/0/van",
        "milepost/v1/0/van/up/",
        "milepost/v1/0/van/up/up",
        "milepost/v1//van/up",
        "milepost/v1/0//up",
        "milepost/v1/64/van/up",
        "milepost/v1/-1/van/up",
        "milepost/v1/05/van/up",
        "milepost/v1/0x1/van/up",
        "milepost/v1/\u0665/van/up",
        "milepost/v1/0/van.1/up",
        "milepost/v1/0/v\u00e4n/up",
        "milepost/v1/0/+/up",
        "milepost/v1/0/van\n/up",
        "milepost/v1/0/" + "v" * 33 + "/up",
        "milepost/v1/0/van/down",
        "milepost/v1/0/van/UP",
        "milepost/v10/0/van/up",
        "milepost/v2/0/van/up",
        "Milepost/v1/0/van/up",
        "/milepost/v1/0/van/up",
    ],
)
def test_topic_of_another_form_is_refused(topic: str) -> None:
    """Whatever is not `milepost/v1/<0 to 63>/<id>/<channel>` raises a TopicError."""
    with pytest.raises(TopicError):
        parse_topic(topic)


@pytest.mark.parametrize(
    ("shard", "device"), [(-1, "van"), (64, "van"), (0, ""), (0, "a b"), (0, "v" * 33), (0, "a\n")]
)
def test_address_out_of_bounds_is_refused(shard: int, device: str) -> None:
    """No address can be made that has no topic."""
    with pytest.raises(TopicError):
        Address(shard, device)


def test_subscription_names_one_channel_of_all_devices_of_a_shard() -> None:
    """One level stands for any device."""
    assert every(Channel.UP, 63) == "milepost/v1/63/+/up"
