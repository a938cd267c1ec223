"""What people read, and when it is quiet where they are."""

import re
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.delivery.notices.gsm import SMS_SEPTETS, septets
from milepost_collector.delivery.notices.hours import quiet_until
from milepost_collector.delivery.notices.rules import NoticeKind, QuietHours
from milepost_collector.delivery.notices.texts import (
    CATALOGUES,
    About,
    language,
    text_of,
)
from milepost_collector.delivery.notices.told import Span
from milepost_collector.delivery.states import IncidentKind
from milepost_schemas.fix import milliseconds

BERLIN = ZoneInfo("Europe/Berlin")
K = NoticeKind


def at(text: str) -> int:
    """Milliseconds of a time in Berlin, or with its own offset."""
    time = datetime.fromisoformat(text)
    return milliseconds((time if time.tzinfo else time.replace(tzinfo=BERLIN)).astimezone(UTC))


NOW = at("2026-11-23T13:00")
SPAN = Span(at("2026-11-23T14:07"), at("2026-11-23T14:21"), at("2026-11-23T14:12"))


def about(kind: NoticeKind, **more: object) -> About:
    """A text of order A-17 at stop s3 of tour-1."""
    told = {"order": "A-17", "plan": "tour-1", "stop": "s3", "time_ms": at("2026-11-23T12:59")}
    return About(kind, **{**told, **more})  # type: ignore[arg-type] # of one test


@pytest.mark.parametrize(
    ("words", "kind", "more", "body"),
    [
        (
            "en",
            K.ON_ITS_WAY,
            {"span": SPAN},
            "Your delivery A-17 is on its way, expected 14:05 to 14:25.",
        ),
        ("en", K.ON_ITS_WAY, {}, "Your delivery A-17 is on its way."),
        (
            "en",
            K.NEAR,
            {"span": SPAN, "link": "https://t.example.org/t/x"},
            "Your delivery A-17 is near, expected 14:05 to 14:25. "
            "Follow it: https://t.example.org/t/x",
        ),
        ("en", K.DELIVERED, {}, "Your delivery A-17 was completed at 12:59."),
        (
            "en",
            K.INCIDENT,
            {"cause": "not_home"},
            "Your delivery A-17 could not be completed: nobody was there.",
        ),
        ("en", K.INCIDENT, {"cause": "other"}, "Your delivery A-17 could not be completed."),
        (
            "de",
            K.ETA_MOVED,
            {"span": SPAN},
            "Ihre Lieferung A-17 kommt nun voraussichtlich 14:05 bis 14:25.",
        ),
        (
            "de",
            K.INCIDENT,
            {"cause": "damaged"},
            "Ihre Lieferung A-17 konnte nicht abgeschlossen werden: sie ist beschädigt.",
        ),
        ("en", K.NEAR, {"order": None, "span": SPAN}, "tour-1, stop s3: near, 14:05 to 14:25."),
        (
            "de",
            K.INCIDENT,
            {"order": None, "cause": "late"},
            "tour-1, Halt s3: Problem: wir sind zu spät.",
        ),
    ],
)
def test_text_says_what_is_known(
    words: str, kind: NoticeKind, more: dict[str, object], body: str
) -> None:
    """The order, when in steps outward, and why; in the time of the place."""
    assert text_of(about(kind, **more), CATALOGUES[words], BERLIN, NOW).body == body


def test_interval_of_another_day_says_the_day() -> None:
    """Who is told at night of the next day reads its date; an exact time is told as 5 minutes."""
    span = Span(*[at("2026-11-24T08:00")] * 3)
    found = [
        text_of(about(K.ETA_MOVED, span=span), words, BERLIN, NOW).body
        for words in CATALOGUES.values()
    ]
    assert found == [
        "Your delivery A-17 is now expected on 24/11, 08:00 to 08:05.",
        "Ihre Lieferung A-17 kommt nun voraussichtlich am 24.11., 08:00 bis 08:05.",
    ]


@given(
    st.integers(min_value=0, max_value=86_400_000), st.integers(min_value=0, max_value=7_200_000)
)
def test_interval_always_holds_the_forecast(begin_ms: int, length_ms: int) -> None:
    """Rounding never promises more than is known, and never more than five minutes less."""
    span = Span(NOW + begin_ms, NOW + begin_ms + length_ms, NOW + begin_ms)
    body = text_of(about(K.NEAR, span=span), CATALOGUES["en"], ZoneInfo("UTC"), span.from_ms).body
    found = re.search(r"(\d\d):(\d\d) to (\d\d):(\d\d)", body)
    assert found is not None
    first, last = (
        int(hours) * 60 + int(minutes)
        for hours, minutes in (found.groups()[:2], found.groups()[2:])
    )
    begin, end = ((ms / 60_000) % 1440 for ms in (span.from_ms, span.to_ms))
    assert first <= begin < first + 5
    assert 0 <= (last - end) % 1440 <= 5


@pytest.mark.parametrize("words", CATALOGUES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_text_fits_one_sms(words: str, kind: NoticeKind) -> None:
    """Also its longest form, with an order's id of 30 letters, and for those of the house."""
    span = Span(*[at("2026-11-24T08:00")] * 3)
    for cause in IncidentKind:
        for order in ("A" * 30, None):
            told = about(kind, order=order, cause=cause, span=span, plan="P" * 30, stop="S" * 20)
            body = text_of(told, CATALOGUES[words], BERLIN, NOW).body
            found = septets(body)
            assert found is not None, body
            assert found <= SMS_SEPTETS, body


@pytest.mark.parametrize("words", CATALOGUES.values(), ids=CATALOGUES)
def test_catalogues_have_words_for_everything(words: object) -> None:
    """Each language knows each notice, and each kind of incident but `other`."""
    assert set(words.customer) == set(words.staff) == set(words.subjects) == set(NoticeKind)  # type: ignore[attr-defined] # any of them
    assert set(words.causes) == set(IncidentKind) - {IncidentKind.OTHER}  # type: ignore[attr-defined] # likewise


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("abc", 3), ("ÄÖÜäöüß€", 9), ("a~b", 4), ("„a“", None)]
)
def test_septets_are_those_of_the_standard(text: str, count: int | None) -> None:
    """Umlauts are letters of SMS, the euro sign takes two places, other quotes are none."""
    assert septets(text) == count


def test_language_is_the_recipients_where_there_are_words() -> None:
    """A region is left aside; who speaks something else reads the fleet's language."""
    found = [language(locale, "en") for locale in ("de", "de-AT", "DE", "fr", None, "", "en-GB")]
    assert found == ["de", "de", "de", "en", "en", "en", "en"]
    assert language("fr", "de") == "de"


NIGHT = QuietHours(time(21), time(7))
NOON = QuietHours(time(12), time(14, 30))


@pytest.mark.parametrize(
    ("now", "quiet", "until"),
    [
        ("2026-11-23T20:59", NIGHT, None),
        ("2026-11-23T21:00", NIGHT, "2026-11-24T07:00"),
        ("2026-11-24T00:00", NIGHT, "2026-11-24T07:00"),
        ("2026-11-24T06:59", NIGHT, "2026-11-24T07:00"),
        ("2026-11-24T07:00", NIGHT, None),
        ("2026-11-24T13:00", NOON, "2026-11-24T14:30"),
        ("2026-11-24T14:30", NOON, None),
        ("2026-11-24T11:59", NOON, None),
        # The night in which the clock is put forward is an hour shorter, and the other way round.
        ("2026-03-28T23:00", NIGHT, "2026-03-29T07:00"),
        ("2026-10-24T23:00", NIGHT, "2026-10-25T07:00"),
        # 02:30 is skipped, or comes twice: it is over when it is over for good.
        ("2026-03-29T01:00", QuietHours(time(22), time(2, 30)), "2026-03-29T03:30"),
        ("2026-10-25T02:15+02:00", QuietHours(time(22), time(2, 30)), "2026-10-25T02:30+01:00"),
    ],
)
def test_quiet_hours_go_by_the_clock_of_the_place(
    now: str, quiet: QuietHours, until: str | None
) -> None:
    """Over midnight too, and in the nights in which clocks are changed."""
    assert quiet_until(at(now), BERLIN, quiet) == (None if until is None else at(until))


@given(
    st.integers(min_value=at("2026-01-01T00:00"), max_value=at("2027-01-01T00:00")),
    st.times(),
    st.times(),
)
def test_quiet_hours_end_within_a_day(now_ms: int, begin: time, end: time) -> None:
    """Whatever they are, they end later than now, and soon; without them it is never quiet."""
    quiet = QuietHours(begin.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0))
    if quiet.begin == quiet.end:
        return
    until_ms = quiet_until(now_ms, BERLIN, quiet)
    if until_ms is not None:
        assert 0 < until_ms - now_ms <= 25 * 3_600_000
