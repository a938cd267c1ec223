"""Reading rules of notices from JSON, and channels from the configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from milepost_collector.config import ConfigError, NoticesConfig, read_config
from milepost_collector.delivery.notices.deciding import Address
from milepost_collector.delivery.notices.rules import (
    NoticeKind,
    NoticeRule,
    NoticeRules,
    NoticeRulesError,
    QuietHours,
    notice_rules_from_json,
)
from milepost_collector.delivery.notices.texts import CATALOGUES
from milepost_collector.notices.channel import ChannelError, read_channels
from milepost_collector.notices.preparing import prepare
from milepost_schemas.plan import Contact
from tests.collector.snippets import DOCS

# apprise imports a module that Python is about to give up, when it looks for its plugins.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

RULE: dict[str, Any] = {"on": "stop.completed", "notice": "delivered", "by": ["sms"]}


def read(value: object) -> NoticeRules:
    """Read rules where two channels are configured."""
    return notice_rules_from_json(value, ("sms", "mail"), CATALOGUES)


def test_rules_of_nothing_tell_nobody() -> None:
    """An empty object is a book without rules, in English, at any hour."""
    assert read({}) == NoticeRules((), None, "en")


def test_rules_are_read_with_what_is_usual_for_their_kind() -> None:
    """How long a notice helps somebody depends on what it tells; all else can be said."""
    book = read(
        {
            "locale": "de",
            "quiet": {"from": "21:30", "to": "07:00"},
            "rules": [
                RULE,
                {
                    "on": "eta.moved",
                    "notice": "eta_moved",
                    "by": ["mail", "webhook"],
                    "late_s": 60,
                    "stale_s": 90,
                    "quiet": False,
                    "moved_s": 1200,
                    "every_s": 0,
                },
            ],
        }
    )
    assert book.locale == "de"
    assert book.quiet is not None
    assert (f"{book.quiet.begin:%H:%M}", f"{book.quiet.end:%H:%M}") == ("21:30", "07:00")
    delivered, moved = book.rules
    assert (delivered.stale_s, delivered.late_s, delivered.quiet) == (43_200, 600, True)
    assert moved == NoticeRule(
        "eta.moved",
        NoticeKind.ETA_MOVED,
        ("mail", "webhook"),
        late_s=60,
        stale_s=90,
        quiet=False,
        moved_s=1200,
        every_s=0,
    )
    assert book.on("eta.moved") == [moved]
    assert book.of(NoticeKind.ETA_MOVED, "webhook") == moved
    assert book.of(NoticeKind.ETA_MOVED, "sms") is None
    assert isinstance(book.quiet, QuietHours)


def test_notice_of_two_causes_has_one_set_of_limits() -> None:
    """Two events may make the same notice by a channel, when nothing else of it differs."""
    other = {**RULE, "on": "order.delivered"}
    assert len(read({"rules": [RULE, other]}).rules) == 2
    with pytest.raises(NoticeRulesError, match="tells delivered by sms with other limits"):
        read({"rules": [RULE, {**other, "late_s": 60}]})
    with pytest.raises(NoticeRulesError, match=r"rules\[1\] tells stop.completed by sms once more"):
        read({"rules": [RULE, {**RULE, "notice": "near"}]})


BAD: list[tuple[object, str]] = [
    (None, "is no JSON object"),
    ([], "is no JSON object"),
    ({"rule": []}, "unknown key 'rule'"),
    ({"rules": {}}, "rules is no JSON array"),
    ({"rules": [5]}, "rules[0] is no JSON object"),
    ({"rules": [{**RULE, "til": 1}]}, "unknown key 'rules[0].til'"),
    ({"rules": [{**RULE, "on": "completed"}]}, "rules[0].on = 'completed' is no type of event"),
    ({"rules": [{**RULE, "on": None}]}, "rules[0].on = None is no type of event"),
    ({"rules": [{**RULE, "notice": "gone"}]}, "rules[0].notice = 'gone' is none of on_its_way,"),
    ({"rules": [{**RULE, "notice": ["near"]}]}, "rules[0].notice = ['near'] is none of"),
    ({"rules": [{**RULE, "by": []}]}, "rules[0].by is no JSON array of channels"),
    ({"rules": [{**RULE, "by": "sms"}]}, "rules[0].by is no JSON array of channels"),
    ({"rules": [{**RULE, "by": ["fax"]}]}, "'fax' is no channel; there is mail, sms, webhook"),
    ({"rules": [{**RULE, "by": [{}]}]}, "{} is no channel"),
    ({"rules": [{**RULE, "by": ["sms", "sms"]}]}, "rules[0].by names a channel twice"),
    ({"rules": [{**RULE, "quiet": 1}]}, "rules[0].quiet = 1 is neither true nor false"),
    ({"rules": [{**RULE, "late_s": "60"}]}, "rules[0].late_s = '60' is no number"),
    ({"rules": [{**RULE, "late_s": True}]}, "rules[0].late_s = True is no number"),
    ({"rules": [{**RULE, "every_s": float("nan")}]}, "rules[0].every_s = nan is no number"),
    ({"rules": [{**RULE, "late_s": 9}]}, "rules[0].late_s = 9 is not from 10 to 86400"),
    ({"rules": [{**RULE, "stale_s": 60}]}, "rules[0].stale_s = 60 is less than late_s = 600"),
    (
        {"rules": [{**RULE, "notice": "eta_moved", "every_s": 3600, "stale_s": 1800}]},
        "rules[0].stale_s = 1800 is less than every_s = 3600",
    ),
    ({"quiet": {"from": "21:00"}}, "quiet.to = None is no time of day"),
    ({"quiet": {"from": "24:00", "to": "7:00"}}, "quiet.from = '24:00' is no time of day"),
    ({"quiet": {"from": "07:00", "to": "07:00"}}, "quiet.from and quiet.to are the same"),
    ({"quiet": "night"}, "quiet is no JSON object"),
    ({"locale": "fr"}, "locale = 'fr' is none of de, en"),
    ({"locale": ["en"]}, "locale = ['en'] is none of de, en"),
]


@pytest.mark.parametrize(("value", "said"), BAD)
def test_rules_that_cannot_be_used_are_refused_by_place(value: object, said: str) -> None:
    """The refusal names the place and the value."""
    with pytest.raises(NoticeRulesError) as refused:
        read(value)
    assert said in str(refused.value)


def test_channels_know_what_they_need() -> None:
    """The places in a URL say for whom it is, and whether its provider knows a repeat."""
    channels = read_channels(
        {
            "sms": "json://sms.example.org/{phone}?+Idempotency-Key={idempotency_key}",
            "mail": "mailtos://u:p@example.org?to={email}",
            "push": "ntfys://push.example.org/{order}",
            "desk": "ntfys://push.example.org/desk",
        }
    )
    needs = {name: each.needs for name, each in channels.items()}
    assert needs == {
        "sms": Address.PHONE,
        "mail": Address.EMAIL,
        "push": Address.ORDER,
        "desk": None,
    }
    assert [name for name, each in channels.items() if each.is_repeatable] == ["sms"]
    assert channels["sms"].url("+49 1", "k/1").endswith("/%2B49%201?+Idempotency-Key=k%2F1")
    contact = Contact(phone="+491", email="a@b")
    found = [each.address(contact, "o-1") for each in channels.values()]
    assert found == ["+491", "a@b", "o-1", ""]
    assert channels["sms"].address(Contact(), "o-1") is None
    assert "example" not in repr(channels)


SECRET = "s3cret"


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [
        ("SMS", f"json://{SECRET}", "is no name of a channel"),
        ("webhook", f"json://{SECRET}", "is no name of a channel"),
        ("sms", f"{SECRET}@host", "sms is no URL that begins with scheme://"),
        ("sms", f"json://{SECRET}/{{fax}}", "sms: {fax} is none of phone, email, order"),
        ("sms", f"json://{SECRET}/{{phone}}/{{email}}", "sms has places for email and phone"),
        ("sms", f"json://{SECRET}/{{Phone}}", "sms has a brace without its partner"),
    ],
)
def test_channel_that_cannot_be_used_is_refused_without_its_secret(
    name: str, url: str, said: str
) -> None:
    """The refusal says what is wrong with the URL, and not the URL."""
    with pytest.raises(ChannelError) as refused:
        read_channels({name: url})
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'channels = "json://{SECRET}"', "notices.channels: is no table of names and URLs"),
        (f'channels = {{ sms = ["json://{SECRET}"] }}', "notices.channels: sms is no URL"),
        (f'channels = {{ sms = "{SECRET}" }}', "notices.channels: sms is no URL that begins"),
        ("parallel = 0", "notices.parallel = 0"),
    ],
)
def test_configuration_of_notices_never_repeats_secrets(
    tmp_path: Path, text: str, said: str
) -> None:
    """Whatever is wrong in the file, the line names the key and holds no URL."""
    file = tmp_path / "collector.toml"
    file.write_text(f"[notices]\n{text}\n")
    with pytest.raises(ConfigError) as refused:
        read_config(file)
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


def test_channels_can_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret need not lie in a file."""
    monkeypatch.setenv("MILEPOST_NOTICES__CHANNELS__SMS", "json://sms.example.org/{phone}")
    assert read_config(None).notices.channels == {"sms": "json://sms.example.org/{phone}"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nobody://x/{phone}", "[notices] channels.sms is no URL that apprise knows"),
        (f"twilio://{SECRET}/{{phone}}", "[notices] channels.sms is no URL that apprise knows"),
        (
            "twilio://AC" + "a" * 32 + ":" + "b" * 32 + "@+4915112345678/{phone}/+4915112345679",
            "[notices] channels.sms reaches 2 at once",
        ),
        ("file://", "[notices] channels.sms names no file"),
    ],
)
def test_channels_are_tried_before_anything_runs(tmp_path: Path, url: str, said: str) -> None:
    """A URL that no plugin takes, or that reaches several people, is refused at the start."""
    rules = tmp_path / "notices.json"
    rules.write_text("{}")
    with pytest.raises(ChannelError) as refused:
        prepare(NoticesConfig(rules=rules, channels={"sms": url}))
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "is no JSON"),
        ('{"rules": NaN}', "NaN is no JSON value"),
        ('{"locale": "fr"}', "locale = 'fr'"),
    ],
)
def test_rule_file_that_cannot_be_used_is_named(
    tmp_path: Path, text: str | None, said: str
) -> None:
    """The refusal names the file."""
    file = tmp_path / "notices.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(NoticeRulesError, match=r"notice file .*notices\.json: ") as refused:
        prepare(NoticesConfig(rules=file))
    assert said in str(refused.value)


def test_without_rules_nothing_is_prepared() -> None:
    """Channels alone tell nobody."""
    assert prepare(NoticesConfig(channels={"sms": "json://x/{phone}"})) is None


def test_rules_of_the_documentation_are_rules() -> None:
    """Whoever copies the example has rules that work with its channels."""
    _, text = (DOCS / "notices.md").read_text().split("```json\n")
    book = notice_rules_from_json(
        json.loads(text.partition("```")[0]), ("sms", "mail", "desk"), CATALOGUES
    )
    assert {rule.notice for rule in book.rules} == set(NoticeKind)
