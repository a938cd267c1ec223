"""What is told of an event, and whether and when each notice goes out.

In flow events, rules, how orders stand, what was told before, and our time; out flow notices, and
for each of them: send it now, hold it until then, or drop it for a reason.

Invariants:
- A notice is made once per order, attempt, kind and channel (`Notice.once`); of the time of arrival
  once per event.
- What is late, or happened before notices began, makes none: neither does history that is replayed.
- Whether it goes out is decided when it would, by what is known then: who has opted out meanwhile,
  or was erased, or knows better already, is not told.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from milepost_collector.delivery.notices.hours import quiet_until
from milepost_collector.delivery.notices.rules import NoticeKind, NoticeRule, NoticeRules
from milepost_collector.delivery.notices.told import Happening, Span

# RFC 9562, 5.5: the namespace of notices; a random UUID, fixed for ever.
_NAMESPACE = uuid.UUID("d3a4c1b7-3a55-4c1e-9f0e-5e0b6f5b8a91")


class Dropped(StrEnum):
    """Why a notice is not sent."""

    LATE = "late"
    STALE = "stale"
    OPTED_OUT = "opted_out"
    NO_ADDRESS = "no_address"
    ERASED = "erased"
    WITHDRAWN = "withdrawn"
    OVERTAKEN = "overtaken"
    NOT_MOVED = "not_moved"
    NO_RULE = "no_rule"


class Address(StrEnum):
    """What a channel needs of a contact; its words are those of channels' URLs."""

    PHONE = "phone"
    EMAIL = "email"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class OrderAt:
    """An order where it is brought.

    Attributes:
        order: Its id; None: the stop itself, for those of the house.
        plan: Where it is; `stop`: likewise.
        attempt: Which one is due there, or was made; from 1.
    """

    order: str | None
    plan: str
    stop: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told to somebody by a channel; nothing of it is personal.

    Attributes:
        id: The same for the same event, order and channel: the key by which a provider knows it.
        once: There is one at most of this, but for those that were dropped.
        at: Which order, and where.
        kind: What is told.
        channel: By what.
        happening: The event.
        stale_ms: From then on it helps nobody, our time; None: somebody wants it all the same.
        dropped: Why it is not sent; None: that is decided later.
    """

    id: uuid.UUID
    once: str
    at: OrderAt
    kind: NoticeKind
    channel: str
    happening: Happening
    stale_ms: int | None
    dropped: Dropped | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """Another notice of the same order and attempt by the same channel: made and not dropped.

    One of the time of arrival that was dropped because nothing had moved counts too: it knows
    better than those that were made before it.

    Attributes:
        kind: What it tells.
        is_newer: Whether it was made later than the one that is looked at.
        told_ms: When it was sent, or may have been, our time; None: it was not.
        span: The time of arrival that it tells.
        was_ms: The one before that, as `Span.eta_ms`.
    """

    kind: NoticeKind
    is_newer: bool
    told_ms: int | None
    span: Span | None
    was_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to be told.

    Attributes:
        to: The address for the channel; empty: the channel needs none; None: there is none.
        is_erased: Whether what was known of them was erased.
        has_opted_out: Whether they want to hear nothing.
        zone: Where they are.
    """

    to: str | None
    is_erased: bool
    has_opted_out: bool
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Send:
    """It goes out now, to this address."""

    to: str


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits until then, our time in milliseconds since 1970."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Drop:
    """It is not sent."""

    why: Dropped


def notices_of(
    happening: Happening,
    rules: NoticeRules,
    orders: Sequence[OrderAt],
    house: frozenset[str],
    *,
    now_ms: int,
    fresh_from_ms: int,
) -> Iterator[Notice]:
    """Yield what is to be told of an event.

    Args:
        happening: The event.
        rules: Those of the fleet.
        orders: The orders that it is of, and first the stop itself (`order` None).
        house: The channels that reach those of the house, who are told of a stop and not of orders.
        now_ms: Our time, milliseconds since 1970.
        fresh_from_ms: What happened before is history, and tells nobody anything.
    """
    if happening.time_ms < fresh_from_ms:
        return
    for rule in rules.on(happening.type):
        late_ms = happening.time_ms + round(rule.late_s * 1000)
        for channel in rule.by:
            for at in orders:
                if (at.order is None) == (channel in house):
                    made = _notice(happening, rule, channel, at)
                    yield made if now_ms <= late_ms else _dropped(made, Dropped.LATE)


def _notice(happening: Happening, rule: NoticeRule, channel: str, at: OrderAt) -> Notice:
    whose = at.order or f"{at.plan}/{at.stop}"
    attempt = f"{whose}|{at.plan}|{at.attempt}|{rule.notice}|{channel}"
    is_moved = rule.notice is NoticeKind.ETA_MOVED
    return Notice(
        uuid.uuid5(_NAMESPACE, f"{happening.event}|{whose}|{rule.notice}|{channel}"),
        f"{attempt}|{happening.event}" if is_moved else attempt,
        at,
        rule.notice,
        channel,
        happening,
        happening.time_ms + round(rule.stale_s * 1000),
    )


def _dropped(made: Notice, why: Dropped) -> Notice:
    return Notice(
        made.id, made.once, made.at, made.kind, made.channel, made.happening, made.stale_ms, why
    )


# What a notice of one kind makes pointless of those that were made before it.
_OVERTAKES: dict[NoticeKind, frozenset[NoticeKind]] = {
    NoticeKind.ON_ITS_WAY: frozenset(),
    NoticeKind.NEAR: frozenset({NoticeKind.ON_ITS_WAY}),
    NoticeKind.ETA_MOVED: frozenset({NoticeKind.ETA_MOVED}),
    NoticeKind.DELIVERED: frozenset(NoticeKind) - {NoticeKind.DELIVERED},
    NoticeKind.INCIDENT: frozenset(NoticeKind) - {NoticeKind.INCIDENT, NoticeKind.DELIVERED},
}


def decided(
    notice: Notice,
    recipient: Recipient,
    before: Iterable[Before],
    rules: NoticeRules,
    now_ms: int,
) -> Send | Hold | Drop:
    """Decide what becomes of a notice now.

    Args:
        notice: One that waits.
        recipient: As it is now.
        before: All others of the same order and attempt by the same channel, the oldest first.
        rules: Those of the fleet.
        now_ms: Our time, milliseconds since 1970.
    """
    others = list(before)
    rule = rules.of(notice.kind, notice.channel)
    if rule is None:
        return Drop(Dropped.NO_RULE)
    if (why := _hindrance(notice, recipient)) is not None:
        return Drop(why)
    if any(each.is_newer and notice.kind in _OVERTAKES[each.kind] for each in others):
        return Drop(Dropped.OVERTAKEN)
    until_ms = None
    if rule.quiet and rules.quiet is not None:
        until_ms = quiet_until(now_ms, recipient.zone, rules.quiet)
    if notice.kind is NoticeKind.ETA_MOVED and (moved := _moved(notice, others, rule, now_ms)):
        if isinstance(moved, Drop):
            return moved
        until_ms = max(until_ms or 0, moved.until_ms)
    out_ms = now_ms if until_ms is None else until_ms
    if notice.stale_ms is not None and out_ms > notice.stale_ms:
        return Drop(Dropped.STALE)
    return Send(recipient.to or "") if until_ms is None else Hold(until_ms)


def _hindrance(notice: Notice, recipient: Recipient) -> Dropped | None:
    if recipient.is_erased:
        return Dropped.ERASED
    if recipient.has_opted_out:
        return Dropped.OPTED_OUT
    return Dropped.NO_ADDRESS if recipient.to is None else None


def _moved(
    notice: Notice, others: Sequence[Before], rule: NoticeRule, now_ms: int
) -> Hold | Drop | None:
    """Say what keeps somebody from being told of another time of arrival; None: nothing."""
    told = [each for each in others if each.told_ms is not None]
    span = notice.happening.span
    known_ms = _known_ms(notice, others)
    moved_ms = None if known_ms is None or span is None else abs(span.eta_ms - known_ms)
    if moved_ms is not None and moved_ms < rule.moved_s * 1000:
        return Drop(Dropped.NOT_MOVED)
    last_ms = max(
        (each.told_ms or 0 for each in told if each.kind is NoticeKind.ETA_MOVED), default=None
    )
    if last_ms is not None:
        free_ms = last_ms + round(rule.every_s * 1000)
        if now_ms < free_ms:
            return Hold(free_ms)
    return None


def _known_ms(notice: Notice, others: Sequence[Before]) -> int | None:
    """Return the time of arrival that somebody knows: told last, or what it was at first."""
    told = [each for each in others if each.told_ms is not None and each.span is not None]
    if told:
        last = max(told, key=lambda each: each.told_ms or 0)
        return last.span.eta_ms if last.span is not None else None
    first = [each.was_ms for each in others if each.was_ms is not None and not each.is_newer]
    return first[0] if first else notice.happening.was_ms
