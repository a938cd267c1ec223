"""The waiting room between the broker and the next transaction."""

import asyncio

import pytest

from milepost_collector.ingest.waiting import ROUND_BYTES, WaitingRoom
from tests.collector.batches import raw_message


def devices(room: WaitingRoom, limit: int = 100) -> list[tuple[str, bytes]]:
    """Take from a room; return device and payload of each message."""
    return [(each.address.device, each.payload) for each in room.take(limit)]


def test_room_keeps_the_newest_message_of_a_device() -> None:
    """A newer message of a device takes the place of the older one, which is counted."""
    room = WaitingRoom()
    for payload in (b"old", b"new"):
        room.put(raw_message(payload))
    assert devices(room) == [("van-1", b"new")]
    assert room.dropped == 1


def test_room_gives_those_who_wait_longest_first() -> None:
    """A round takes at most its limit, in the order of arrival."""
    room = WaitingRoom()
    for name in ("c", "a", "b"):
        room.put(raw_message(b"", device=name))
    assert [name for name, _ in devices(room, 2)] == ["c", "a"]
    assert [name for name, _ in devices(room, 2)] == ["b"]


def test_room_that_is_full_refuses_and_takes_again_when_it_is_not() -> None:
    """What exceeds the limit of bytes is dropped and counted; taking makes room."""
    room = WaitingRoom(max_bytes=10)
    room.put(raw_message(b"123456", device="a"))
    room.put(raw_message(b"12345", device="b"))
    room.put(raw_message(b"1234", device="c"))
    assert room.dropped == 1
    assert [name for name, _ in devices(room)] == ["a", "c"]
    room.put(raw_message(b"1234567890", device="b"))
    assert [name for name, _ in devices(room)] == ["b"]


def test_room_counts_the_bytes_of_a_replaced_message_back() -> None:
    """A message that takes another's place needs only room for the difference."""
    room = WaitingRoom(max_bytes=10)
    for _ in range(5):
        room.put(raw_message(b"12345678"))
    assert devices(room) == [("van-1", b"12345678")]


def test_room_puts_back_only_where_nothing_newer_waits() -> None:
    """A message that was left in a round gives way to a newer one of its device."""
    room = WaitingRoom()
    for name in ("a", "b"):
        room.put(raw_message(b"old", device=name))
    left = room.take(2)
    room.put(raw_message(b"new", device="a"))
    room.put_back(left)
    assert devices(room) == [("a", b"new"), ("b", b"old")]


def test_room_gives_no_more_bytes_than_asked_for_but_always_one_message() -> None:
    """A round is bounded by bytes too; a message larger than that goes alone."""
    room = WaitingRoom()
    for name, payload in (("a", b"12345678"), ("b", b"1234"), ("c", b"12"), ("d", b"1")):
        room.put(raw_message(payload, device=name))
    rounds = [[each.address.device for each in room.take(9, 6)] for _ in range(3)]
    assert rounds == [["a"], ["b", "c"], ["d"]]


def test_room_keeps_aside_what_cannot_be_taken_now() -> None:
    """A message whose row is held is not taken again before its time, and holds up nobody."""
    room = WaitingRoom()
    room.put(raw_message(b"old", device="a"))
    room.put_aside(room.take(1))
    room.put(raw_message(b"x", device="b"))
    assert devices(room) == [("b", b"x")]
    assert devices(room) == []
    room.put(raw_message(b"new", device="a"))
    assert devices(room) == []
    room.bring_back()
    assert devices(room) == [("a", b"new")]


def test_room_that_keeps_aside_keeps_the_newest_and_counts_its_bytes() -> None:
    """What came while the row was found to be held takes the older one's place."""
    room = WaitingRoom(max_bytes=8)
    room.put(raw_message(b"old", device="a"))
    left = room.take(1)
    room.put(raw_message(b"newer", device="a"))
    room.put_aside(left)
    room.put(raw_message(b"1234", device="b"))
    assert devices(room) == []
    room.put(raw_message(b"123", device="b"))
    room.bring_back()
    assert devices(room) == [("b", b"123"), ("a", b"newer")]
    room.put(raw_message(b"12345678", device="c"))
    assert devices(room) == [("c", b"12345678")]


def test_room_does_not_wake_for_what_is_kept_aside() -> None:
    """Who waits sleeps until it is brought back."""

    async def story() -> None:
        room = WaitingRoom()
        room.put(raw_message(b"x"))
        room.put_aside(room.take(1))
        room.put(raw_message(b"y"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(room.some(), 0.01)
        room.bring_back()
        await asyncio.wait_for(room.some(), 30)

    asyncio.run(story())


def test_room_wakes_who_waits_for_a_message() -> None:
    """Waiting ends with the first message, and begins anew once all are taken."""

    async def story() -> None:
        room = WaitingRoom()
        waiting = asyncio.create_task(room.some())
        await asyncio.sleep(0)
        assert not waiting.done()
        room.put(raw_message(b"x"))
        await asyncio.wait_for(waiting, 30)
        room.put(raw_message(b"y", device="b"))
        room.take(1)
        await asyncio.wait_for(room.some(), 30)
        room.take(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(room.some(), 0.01)

    asyncio.run(story())


def test_room_counts_the_bytes_of_what_two_rounds_put_aside() -> None:
    """Two rounds that both met a held row leave one message, and its bytes alone."""
    room = WaitingRoom(max_bytes=8)
    older, newer = raw_message(b"older"), raw_message(b"newer")
    room.put_aside([newer])
    room.put_aside([older])
    room.put_back([older])
    assert room.take() == []
    room.bring_back()
    assert devices(room) == [("van-1", b"newer")]
    room.put(raw_message(b"12345678"))
    assert devices(room) == [("van-1", b"12345678")]


def test_room_keeps_the_place_of_a_message_that_a_newer_one_replaces() -> None:
    """Who sends again does not go to the end of those who wait."""
    room = WaitingRoom()
    for name, payload in (("a", b"1"), ("b", b"2"), ("a", b"3")):
        room.put(raw_message(payload, device=name))
    assert devices(room) == [("a", b"3"), ("b", b"2")]


def test_room_that_holds_more_than_a_round_calls_for_a_second() -> None:
    """What is put aside does not count for it."""
    room = WaitingRoom()
    told = []
    room.put(raw_message(b"x" * ROUND_BYTES, device="a"))
    told.append(room.holds_enough)
    room.put(raw_message(b"x", device="b"))
    told.append(room.holds_enough)
    room.put_aside([room.take()[0]])
    told.append(room.holds_enough)
    assert told == [False, True, False]
