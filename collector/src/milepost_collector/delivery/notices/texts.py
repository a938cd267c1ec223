"""What people read: one catalogue per language, and times where the vehicle goes.

A text says what the recipient knows: the order, when, and what went wrong; no name, no address, no
other stop. With an order id of 20 letters and no link it fits one SMS (`gsm.SMS_SEPTETS`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from milepost_collector.delivery.notices.rules import NoticeKind
from milepost_collector.delivery.notices.told import Span
from milepost_schemas.fix import instant

# An interval is told in so many minutes, outward: it never says more than is known.
_STEP_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All words of a language.

    Attributes:
        customer: What one who waits for `{order}` reads, by kind; `{when}` is an interval.
        untimed: Likewise where nobody knows when.
        staff: What others read, of `{stop}` of `{plan}`; `untimed_staff`: where nobody knows when.
        subjects: Of e-mails.
        causes: What went wrong, by kind of incident.
        link: What leads to the page of the delivery.
        between: An interval; `on_day`: one of another day than today.
        date: Of that day, for strftime; months are numbers, which every reader knows.
    """

    customer: Mapping[NoticeKind, str]
    untimed: Mapping[NoticeKind, str]
    staff: Mapping[NoticeKind, str]
    subjects: Mapping[NoticeKind, str]
    causes: Mapping[str, str]
    link: str
    between: str
    on_day: str
    date: str


_K = NoticeKind

_EN = Catalogue(
    customer={
        _K.ON_ITS_WAY: "Your delivery {order} is on its way, expected {when}.",
        _K.NEAR: "Your delivery {order} is near, expected {when}.",
        _K.ETA_MOVED: "Your delivery {order} is now expected {when}.",
        _K.DELIVERED: "Your delivery {order} was completed at {time}.",
        _K.INCIDENT: "Your delivery {order} could not be completed{cause}.",
    },
    untimed={
        _K.ON_ITS_WAY: "Your delivery {order} is on its way.",
        _K.NEAR: "Your delivery {order} is near.",
        _K.ETA_MOVED: "Your delivery {order} comes at another time.",
    },
    staff={
        _K.ON_ITS_WAY: "{plan}, stop {stop}: on the way{when}.",
        _K.NEAR: "{plan}, stop {stop}: near{when}.",
        _K.ETA_MOVED: "{plan}, stop {stop}: other time of arrival{when}.",
        _K.DELIVERED: "{plan}, stop {stop}: completed at {time}.",
        _K.INCIDENT: "{plan}, stop {stop}: incident{cause}.",
    },
    subjects={
        _K.ON_ITS_WAY: "Your delivery is on its way",
        _K.NEAR: "Your delivery is near",
        _K.ETA_MOVED: "A new time for your delivery",
        _K.DELIVERED: "Your delivery was completed",
        _K.INCIDENT: "Your delivery could not be completed",
    },
    causes={
        "late": "we are too late",
        "damaged": "it is damaged",
        "lost": "it cannot be found",
        "refused": "it was not accepted",
        "not_home": "nobody was there",
        "wrong_address": "the address was not found",
    },
    link=" Follow it: {link}",
    between="{begin} to {end}",
    on_day="on {date}, {begin} to {end}",
    date="%d/%m",
)

_DE = Catalogue(
    customer={
        _K.ON_ITS_WAY: "Ihre Lieferung {order} ist unterwegs, erwartet {when}.",
        _K.NEAR: "Ihre Lieferung {order} ist in der Nähe, erwartet {when}.",
        _K.ETA_MOVED: "Ihre Lieferung {order} kommt nun voraussichtlich {when}.",
        _K.DELIVERED: "Ihre Lieferung {order} wurde um {time} abgeschlossen.",
        _K.INCIDENT: "Ihre Lieferung {order} konnte nicht abgeschlossen werden{cause}.",
    },
    untimed={
        _K.ON_ITS_WAY: "Ihre Lieferung {order} ist unterwegs.",
        _K.NEAR: "Ihre Lieferung {order} ist in der Nähe.",
        _K.ETA_MOVED: "Ihre Lieferung {order} kommt zu einer anderen Zeit.",
    },
    staff={
        _K.ON_ITS_WAY: "{plan}, Halt {stop}: unterwegs{when}.",
        _K.NEAR: "{plan}, Halt {stop}: in der Nähe{when}.",
        _K.ETA_MOVED: "{plan}, Halt {stop}: andere Ankunftszeit{when}.",
        _K.DELIVERED: "{plan}, Halt {stop}: abgeschlossen um {time}.",
        _K.INCIDENT: "{plan}, Halt {stop}: Problem{cause}.",
    },
    subjects={
        _K.ON_ITS_WAY: "Ihre Lieferung ist unterwegs",
        _K.NEAR: "Ihre Lieferung ist in der Nähe",
        _K.ETA_MOVED: "Eine neue Zeit für Ihre Lieferung",
        _K.DELIVERED: "Ihre Lieferung ist abgeschlossen",
        _K.INCIDENT: "Ihre Lieferung konnte nicht abgeschlossen werden",
    },
    causes={
        "late": "wir sind zu spät",
        "damaged": "sie ist beschädigt",
        "lost": "sie ist nicht auffindbar",
        "refused": "sie wurde nicht angenommen",
        "not_home": "es war niemand da",
        "wrong_address": "die Adresse wurde nicht gefunden",
    },
    link=" Verfolgen: {link}",
    between="{begin} bis {end}",
    on_day="am {date}, {begin} bis {end}",
    date="%d.%m.",
)

CATALOGUES: Mapping[str, Catalogue] = {"en": _EN, "de": _DE}


@dataclass(frozen=True, slots=True)
class About:
    """What a text is about.

    Attributes:
        kind: What is told.
        order: Whose recipient reads it; None: one of the house does.
        plan: Where the order is; `stop`: likewise.
        time_ms: When it happened, UTC milliseconds since 1970.
        span: When the vehicle is expected; None: unknown.
        cause: What went wrong; None: unknown.
        link: To the page of the delivery; None: there is none.
    """

    kind: NoticeKind
    order: str | None
    plan: str
    stop: str
    time_ms: int
    span: Span | None = None
    cause: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """What is sent.

    Attributes:
        subject: For channels that have one.
        body: Complete without the subject.
    """

    subject: str
    body: str


def language(locale: str | None, usual: str) -> str:
    """Return the language of a text: a recipient's, where we have it, else the fleet's.

    Args:
        locale: BCP 47, as `de-AT`; None: unknown.
        usual: One of `CATALOGUES`.
    """
    wanted = (locale or "").partition("-")[0].lower()
    return wanted if wanted in CATALOGUES else usual


def text_of(about: About, words: Catalogue, zone: ZoneInfo, now_ms: int) -> Text:
    """Write a text.

    Args:
        about: What of.
        words: The language.
        zone: Where the vehicle goes; times are of there.
        now_ms: Our time, UTC milliseconds since 1970: an interval of another day tells the day.
    """
    when = None if about.span is None else _when(about.span, words, zone, now_ms)
    cause = words.causes.get(about.cause or "")
    values = {
        "order": about.order,
        "plan": about.plan,
        "stop": about.stop,
        "time": f"{instant(about.time_ms).astimezone(zone):%H:%M}",
        "cause": f": {cause}" if cause else "",
    }
    if about.order is None:
        body = words.staff[about.kind].format(**values, when=f", {when}" if when else "")
        return Text(body, body)
    forms = words.customer if when else {**words.customer, **words.untimed}
    link = "" if about.link is None else words.link.format(link=about.link)
    body = forms[about.kind].format(**values, when=when) + link
    return Text(words.subjects[about.kind], body)


def _when(span: Span, words: Catalogue, zone: ZoneInfo, now_ms: int) -> str:
    begin_ms = span.from_ms // _STEP_MS * _STEP_MS
    end_ms = max(-(-span.to_ms // _STEP_MS) * _STEP_MS, begin_ms + _STEP_MS)
    begin, end, now = (_there(each, zone) for each in (begin_ms, end_ms, now_ms))
    form = words.between if begin.date() == now.date() else words.on_day
    return form.format(date=begin.strftime(words.date), begin=f"{begin:%H:%M}", end=f"{end:%H:%M}")


def _there(time_ms: int, zone: ZoneInfo) -> datetime:
    return instant(time_ms).astimezone(zone)
