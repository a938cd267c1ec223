"""From an event to what people are told, and why not: decided without any I/O."""

import uuid
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from milepost_collector.delivery.notices.deciding import (
    Before,
    Drop,
    Dropped,
    Hold,
    Notice,
    OrderAt,
    Recipient,
    Send,
    decided,
    notices_of,
)
from milepost_collector.delivery.notices.rules import (
    NoticeKind,
    NoticeRule,
    NoticeRules,
    QuietHours,
)
from milepost_collector.delivery.notices.told import (
    Happening,
    Span,
    happening_of,
    withdrawn_by,
)
from milepost_schemas.event import Event

NOW = 1_795_262_400_000  # 2026-11-21T12:00:00Z
MINUTE = 60_000
K = NoticeKind

RULES = NoticeRules(
    (
        NoticeRule("stop.en_route", K.ON_ITS_WAY, ("sms",)),
        NoticeRule("stop.approaching", K.NEAR, ("sms", "mail"), stale_s=900),
        NoticeRule("eta.moved", K.ETA_MOVED, ("sms",), moved_s=900, every_s=1800),
        NoticeRule("stop.completed", K.DELIVERED, ("sms",), stale_s=43_200),
        NoticeRule("stop.incident", K.INCIDENT, ("sms", "desk"), stale_s=43_200, quiet=False),
    ),
    QuietHours(time(21), time(7)),
)
STOP = OrderAt(None, "p", "s", 1)
ORDERS = [STOP, OrderAt("a", "p", "s", 1), OrderAt("b", "p", "s", 1)]
ANNA = Recipient("+491", is_erased=False, has_opted_out=False, zone=ZoneInfo("UTC"))


def happening(kind: str, age_s: float = 0, *, eta_min: int | None = None) -> Happening:
    """An event of a stop; the vehicle is expected so many minutes from now."""
    span = None
    if eta_min is not None:
        eta_ms = NOW + eta_min * MINUTE
        span = Span(eta_ms - 5 * MINUTE, eta_ms + 10 * MINUTE, eta_ms)
    time_ms = NOW - round(age_s * 1000)
    return Happening(uuid.uuid4(), kind, time_ms, "p", "s", None, span)


def made(it: Happening, rules: NoticeRules = RULES, fresh_from_ms: int = 0) -> list[Notice]:
    """What is to be told now."""
    house = frozenset({"desk"})
    return list(notices_of(it, rules, ORDERS, house, now_ms=NOW, fresh_from_ms=fresh_from_ms))


def one(kind: str, age_s: float = 0, *, eta_min: int | None = None) -> Notice:
    """The notice by SMS for order a."""
    return made(happening(kind, age_s, eta_min=eta_min))[0]


def test_event_makes_a_notice_for_each_order_and_channel() -> None:
    """Those of the house are told of the stop, once; nobody is told of other events."""
    found = [(each.kind, each.channel, each.at.order) for each in made(happening("stop.incident"))]
    assert found == [
        (K.INCIDENT, "sms", "a"),
        (K.INCIDENT, "sms", "b"),
        (K.INCIDENT, "desk", None),
    ]
    near = {(each.channel, each.at.order) for each in made(happening("stop.approaching"))}
    assert near == {("sms", "a"), ("sms", "b"), ("mail", "a"), ("mail", "b")}
    assert made(happening("stop.arrived")) == []


def test_notice_is_the_same_whenever_it_is_made() -> None:
    """Its id comes of the event; what it tells once, of order, attempt, kind and channel."""
    it = happening("stop.approaching")
    assert [each.id for each in made(it)] == [each.id for each in made(it)]
    again = happening("stop.approaching")
    assert {each.id for each in made(it)} & {each.id for each in made(again)} == set()
    assert {each.once for each in made(it)} == {each.once for each in made(again)}
    assert len({each.once for each in made(it)}) == 4
    moved = [made(happening("eta.moved")) for _ in range(2)]
    assert {each.once for each in moved[0]} & {each.once for each in moved[1]} == set()


def test_late_event_tells_nobody() -> None:
    """Data that comes after a gap in the network makes notices that were dropped."""
    assert {each.dropped for each in made(happening("stop.approaching", 600))} == {None}
    assert {each.dropped for each in made(happening("stop.approaching", 601))} == {Dropped.LATE}


def test_history_makes_nothing_at_all() -> None:
    """What happened before notices began is not even noted."""
    assert made(happening("stop.approaching", 60), fresh_from_ms=NOW) == []
    assert made(happening("stop.approaching", 0), fresh_from_ms=NOW) != []


@pytest.mark.parametrize(
    ("recipient", "what"),
    [
        (ANNA, Send("+491")),
        (replace(ANNA, to=""), Send("")),
        (replace(ANNA, to=None), Drop(Dropped.NO_ADDRESS)),
        (replace(ANNA, has_opted_out=True), Drop(Dropped.OPTED_OUT)),
        (replace(ANNA, is_erased=True, to=None), Drop(Dropped.ERASED)),
        # 21:00 in Tokyo: nine hours before the one of the tests.
        (replace(ANNA, zone=ZoneInfo("Asia/Tokyo")), Drop(Dropped.STALE)),
    ],
)
def test_recipient_decides_what_becomes_of_a_notice(
    recipient: Recipient, what: Send | Drop
) -> None:
    """No address, the wish to hear nothing, erasure, and the hour where they are."""
    assert decided(one("stop.approaching"), recipient, [], RULES, NOW) == what


def test_quiet_hours_hold_what_still_helps_afterwards() -> None:
    """Delivered is told in the morning, near is not, and an incident at once by its rule."""
    night = replace(ANNA, zone=ZoneInfo("Asia/Tokyo"))
    morning = NOW + 10 * 60 * MINUTE
    assert decided(one("stop.completed"), night, [], RULES, NOW) == Hold(morning)
    assert decided(one("stop.completed"), night, [], RULES, morning) == Send("+491")
    assert decided(one("stop.incident"), night, [], RULES, NOW) == Send("+491")
    wanted = replace(one("stop.approaching"), stale_ms=None)
    assert decided(wanted, night, [], RULES, NOW) == Hold(morning)


def test_notice_that_waited_too_long_is_dropped() -> None:
    """It is dropped when its time is over, not before."""
    near = one("stop.approaching")
    assert decided(near, ANNA, [], RULES, NOW + 15 * MINUTE) == Send("+491")
    assert decided(near, ANNA, [], RULES, NOW + 15 * MINUTE + 1) == Drop(Dropped.STALE)


def test_notice_without_its_rule_is_dropped() -> None:
    """Rules were changed while it waited."""
    assert decided(one("stop.approaching"), ANNA, [], NoticeRules(), NOW) == Drop(Dropped.NO_RULE)


@pytest.mark.parametrize(
    ("kind", "newer", "is_overtaken"),
    [
        ("stop.en_route", K.NEAR, True),
        ("stop.en_route", K.DELIVERED, True),
        ("stop.en_route", K.ETA_MOVED, False),
        ("stop.approaching", K.DELIVERED, True),
        ("stop.approaching", K.INCIDENT, True),
        ("eta.moved", K.ETA_MOVED, True),
        ("eta.moved", K.NEAR, False),
        ("stop.completed", K.INCIDENT, False),
        ("stop.incident", K.DELIVERED, True),
        ("stop.incident", K.INCIDENT, False),
    ],
)
def test_what_is_newer_overtakes_what_waits(
    kind: str, newer: NoticeKind, *, is_overtaken: bool
) -> None:
    """Nobody is told that it is near after it was delivered; what came before overtakes nothing."""
    for is_newer in (True, False):
        other = Before(newer, is_newer, None, None)
        what = decided(one(kind), ANNA, [other], RULES, NOW)
        assert (what == Drop(Dropped.OVERTAKEN)) == (is_newer and is_overtaken)


def told(ago_min: int, eta_min: int | None, kind: NoticeKind = K.ETA_MOVED) -> Before:
    """Somebody was told so many minutes ago of an arrival so many minutes from now."""
    span = happening("", eta_min=eta_min).span
    return Before(kind, is_newer=False, told_ms=NOW - ago_min * MINUTE, span=span)


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ([], Send("+491")),
        ([told(40, 46)], Drop(Dropped.NOT_MOVED)),
        ([told(40, 45)], Send("+491")),
        ([told(40, 75)], Send("+491")),
        ([told(29, 30)], Hold(NOW + MINUTE)),
        ([told(30, 30)], Send("+491")),
        # What was told with another notice counts, but may be followed by a move at once.
        ([told(5, 50, K.ON_ITS_WAY)], Drop(Dropped.NOT_MOVED)),
        ([told(5, 30, K.ON_ITS_WAY)], Send("+491")),
        # A notice without a time tells none.
        ([told(40, 30), told(5, None, K.NEAR)], Send("+491")),
        ([told(40, 59), told(35, 30, K.ON_ITS_WAY)], Send("+491")),
        ([told(40, 30), told(35, 59, K.ON_ITS_WAY)], Drop(Dropped.NOT_MOVED)),
    ],
)
def test_time_of_arrival_is_told_when_it_has_moved_and_not_too_often(
    before: list[Before], what: object
) -> None:
    """By how much is counted from what this person was told last."""
    assert decided(one("eta.moved", eta_min=60), ANNA, before, RULES, NOW) == what


def test_small_moves_add_up_to_one_that_is_told() -> None:
    """Three moves of six minutes, of which nobody was told, are one of eighteen."""
    seen: list[Before] = []
    found = []
    for step in (1, 2, 3):
        it = happening("eta.moved", eta_min=60 + 6 * step)
        it = replace(it, was_ms=NOW + (54 + 6 * step) * MINUTE)
        found.append(decided(made(it)[0], ANNA, seen, RULES, NOW))
        seen.append(
            Before(K.ETA_MOVED, is_newer=False, told_ms=None, span=it.span, was_ms=it.was_ms)
        )
    assert found == [Drop(Dropped.NOT_MOVED), Drop(Dropped.NOT_MOVED), Send("+491")]


def test_event_is_read_as_desks_write_it() -> None:
    """Plan, stop, order, attempt, times and the kind of incident; unbelievable ones are unknown."""
    data = {
        "plan": "p",
        "stop": "s",
        "attempt": 2,
        "incident": "not_home",
        "eta_at": "2026-11-21T12:10:00.000Z",
        "earliest_at": "2026-11-21T12:05:00.000Z",
        "latest_at": "2026-11-21T12:20:00.000Z",
        "was_at": "2026-11-21T12:00:00.000Z",
    }
    event = Event(uuid.uuid4(), "eta.moved", "desk", "van-1", NOW, data)
    span = Span(NOW + 5 * MINUTE, NOW + 20 * MINUTE, NOW + 10 * MINUTE)
    assert happening_of(event) == Happening(
        event.id, "eta.moved", NOW, "p", "s", None, span, "not_home", 2, NOW
    )
    odd = {"eta_at": 5, "earliest_at": "x", "was_at": "2026-11-21T12:00", "attempt": True}
    found = happening_of(replace(event, data={**data, **odd}))
    assert found == Happening(event.id, "eta.moved", NOW, "p", "s", None, None, "not_home")
    assert happening_of(replace(event, data={"plan": "p"})) is None
    assert happening_of(replace(event, data={"order": "o"})) is not None
    gone = replace(event, type="event.withdrawn", data={"withdraws": str(event.id)})
    assert withdrawn_by(gone) == event.id
    assert withdrawn_by(replace(gone, data={"withdraws": "x"})) is None
    assert withdrawn_by(event) is None
