"""Rules of notices: which events are told to whom, by what, and when no more.

In flows JSON, out flow rules with durations in seconds, or a refusal that names the place.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import time
from enum import StrEnum
from typing import Any

from milepost_collector.ranges import fault


class NoticeRulesError(ValueError):
    """Rules cannot be used; the message says which and why."""


class NoticeKind(StrEnum):
    """What people are told."""

    ON_ITS_WAY = "on_its_way"
    NEAR = "near"
    ETA_MOVED = "eta_moved"
    DELIVERED = "delivered"
    INCIDENT = "incident"


# The types of the events that notices become for webhooks.
NOTICE_TYPES = tuple(f"notice.{kind}" for kind in NoticeKind)

# The channel that needs no address: the notice becomes an event, which webhooks carry.
WEBHOOK = "webhook"

CHANNEL_PATTERN = "^[a-z][a-z0-9_-]{0,31}$"

# A message that comes later than this helps nobody.
_USUAL_STALE_S = {
    NoticeKind.ON_ITS_WAY: 3600.0,
    NoticeKind.NEAR: 900.0,
    NoticeKind.ETA_MOVED: 1800.0,
    NoticeKind.DELIVERED: 43_200.0,
    NoticeKind.INCIDENT: 43_200.0,
}

_USUAL_EVERY_S = 1800.0


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody is told, by the clock where the vehicle goes.

    Attributes:
        begin: The first quiet minute; `end`: the first that is not, maybe of the next day.
    """

    begin: time
    end: time


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """What is told of one type of event. Durations in seconds.

    Attributes:
        on: The event's type, without the prefix of the product.
        notice: What it is told as.
        by: The channels.
        late_s: An event that is older when it reaches us is not told; 10 to 86,400.
        stale_s: A notice of an older event is not sent any more; `late_s` to 604,800, and not less
            than `every_s` where that counts.
        quiet: Whether it waits for the end of quiet hours.
        moved_s: So far the time of arrival must have moved from what was told last; 60 to 86,400.
        every_s: Of that nobody is told more often; 0 to 86,400.
    """

    on: str
    notice: NoticeKind
    by: tuple[str, ...]
    late_s: float = 600.0
    stale_s: float = 3600.0
    quiet: bool = True
    moved_s: float = 900.0
    every_s: float = _USUAL_EVERY_S


_RANGES = {
    "late_s": (10, 86_400),
    "stale_s": (10, 604_800),
    "moved_s": (60, 86_400),
    "every_s": (0, 86_400),
}
_KNOWN = {each.name for each in fields(NoticeRule)}


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """The rules of a fleet.

    Attributes:
        rules: In the order of the file.
        quiet: None: at any hour people are told.
        locale: For those whose own is unknown.
    """

    rules: tuple[NoticeRule, ...] = ()
    quiet: QuietHours | None = None
    locale: str = "en"

    def on(self, kind: str) -> list[NoticeRule]:
        """Return the rules for a type of event."""
        return [rule for rule in self.rules if rule.on == kind]

    def of(self, kind: NoticeKind, channel: str) -> NoticeRule | None:
        """Return the rule for a notice that was made; None: there is none any more."""
        found = (rule for rule in self.rules if rule.notice is kind and channel in rule.by)
        return next(found, None)


def notice_rules_from_json(
    value: object, channels: Collection[str], locales: Collection[str]
) -> NoticeRules:
    """Read rules: `rules`, and beside them `quiet` hours and the fleet's `locale`.

    Args:
        value: From JSON.
        channels: The names of those that are configured; `webhook` is always there.
        locales: For which there are texts.

    Raises:
        NoticeRulesError: Something is unknown, missing or out of range; the message names it.
    """
    book = _object(value, "")
    _refuse_unknown(book, {"rules", "quiet", "locale"}, "")
    given = book.get("rules", [])
    if not isinstance(given, list):
        raise NoticeRulesError("rules is no JSON array")
    rules = tuple(_rule(each, f"rules[{place}]", channels) for place, each in enumerate(given))
    seen: set[tuple[NoticeKind, str]] = set()
    for place, rule in enumerate(rules):
        for channel in rule.by:
            # One event may be told as one notice by a channel, and a notice may have two causes.
            if any(rule.on == other.on and channel in other.by for other in rules[:place]):
                raise NoticeRulesError(f"rules[{place}] tells {rule.on} by {channel} once more")
            if (rule.notice, channel) in seen and not _agree(rule, rules[:place], channel):
                raise NoticeRulesError(
                    f"rules[{place}] tells {rule.notice} by {channel} with other limits"
                )
            seen.add((rule.notice, channel))
    locale = book.get("locale", "en")
    if not isinstance(locale, str) or locale not in locales:
        raise NoticeRulesError(f"locale = {locale!r} is none of {', '.join(sorted(locales))}")
    return NoticeRules(rules, _quiet(book.get("quiet")), locale)


def _agree(rule: NoticeRule, earlier: Sequence[NoticeRule], channel: str) -> bool:
    """Whether the limits are those of the rules before that make the same notice."""
    return all(
        replace(other, on=rule.on, by=rule.by) == rule
        for other in earlier
        if other.notice is rule.notice and channel in other.by
    )


def _rule(value: object, where: str, channels: Collection[str]) -> NoticeRule:
    given = _object(value, where)
    _refuse_unknown(given, _KNOWN, f"{where}.")
    on, quiet = given.get("on"), given.get("quiet", True)
    if not isinstance(on, str) or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", on):
        raise NoticeRulesError(f"{where}.on = {on!r} is no type of event, as stop.completed")
    notice = given.get("notice")
    if not isinstance(notice, str) or notice not in set(NoticeKind):
        raise NoticeRulesError(f"{where}.notice = {notice!r} is none of {', '.join(NoticeKind)}")
    if not isinstance(quiet, bool):
        raise NoticeRulesError(f"{where}.quiet = {quiet!r} is neither true nor false")
    kind = NoticeKind(notice)
    durations = _durations(given, where)
    every_s = durations.get("every_s", _USUAL_EVERY_S) if kind is NoticeKind.ETA_MOVED else 0.0
    usual = {"stale_s": max(_USUAL_STALE_S[kind], every_s)}
    by = _by(given.get("by"), f"{where}.by", channels)
    made = NoticeRule(on, kind, by, quiet=quiet, **{**usual, **durations})
    if made.stale_s < every_s:
        raise NoticeRulesError(
            f"{where}.stale_s = {made.stale_s:g} is less than every_s = {every_s:g}"
        )
    if made.stale_s < made.late_s:
        raise NoticeRulesError(
            f"{where}.stale_s = {made.stale_s:g} is less than late_s = {made.late_s:g}"
        )
    return made


def _by(value: object, where: str, channels: Collection[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise NoticeRulesError(f"{where} is no JSON array of channels")
    for name in value:
        if name != WEBHOOK and (not isinstance(name, str) or name not in channels):
            known = ", ".join(sorted({*channels, WEBHOOK}))
            raise NoticeRulesError(f"{where}: {name!r} is no channel; there is {known}")
    if len(set(value)) < len(value):
        raise NoticeRulesError(f"{where} names a channel twice")
    return tuple(value)


def _durations(given: Mapping[str, Any], where: str) -> dict[str, float]:
    found = {}
    for name, limits in _RANGES.items():
        if name not in given:
            continue
        value = given[name]
        if (wrong := fault(value, *limits)) is not None:
            raise NoticeRulesError(f"{where}.{name} = {value!r} {wrong}")
        found[name] = float(value)
    return found


def _quiet(value: object) -> QuietHours | None:
    if value is None:
        return None
    given = _object(value, "quiet")
    _refuse_unknown(given, {"from", "to"}, "quiet.")
    begin, end = (_minute(given.get(name), f"quiet.{name}") for name in ("from", "to"))
    if begin == end:
        raise NoticeRulesError("quiet.from and quiet.to are the same: leave quiet out")
    return QuietHours(begin, end)


def _minute(value: object, where: str) -> time:
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise NoticeRulesError(f"{where} = {value!r} is no time of day, as 21:00")
    return time.fromisoformat(value)


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NoticeRulesError(f"{where} is no JSON object".strip())
    return value


def _refuse_unknown(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise NoticeRulesError(f"unknown key {where + str(name)!r}")
