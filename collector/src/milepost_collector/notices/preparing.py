"""Rules and channels as they are configured, checked before anything runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from milepost_collector.config import NoticesConfig
from milepost_collector.delivery.notices.rules import (
    NoticeRules,
    NoticeRulesError,
    notice_rules_from_json,
)
from milepost_collector.delivery.notices.texts import CATALOGUES
from milepost_collector.notices.channel import Channel, ChannelError, read_channels


@dataclass(frozen=True, slots=True)
class Prepared:
    """What notices are made and sent by.

    Attributes:
        rules: Those of the file.
        channels: By name, those that rules name or not.
    """

    rules: NoticeRules
    channels: Mapping[str, Channel]

    @property
    def house(self) -> frozenset[str]:
        """The channels that reach those of the house."""
        return frozenset(name for name, each in self.channels.items() if each.needs is None)

    @property
    def repeatable(self) -> list[str]:
        """The channels whose providers know a repeat."""
        return [name for name, each in self.channels.items() if each.is_repeatable]


def prepare(config: NoticesConfig) -> Prepared | None:
    """Read the rules and look at the channels; None: there are no rules, and nobody is told.

    Raises:
        NoticeRulesError: The rule file cannot be read or used; the message names it.
        ChannelError: A channel cannot be used; the message holds no secret.
    """
    if config.rules is None:
        return None
    channels = read_channels(config.channels)
    if channels:
        # apprise costs 0.15 s to import, and few have channels.
        from milepost_collector.notices.calling import check_channel

        for channel in channels.values():
            try:
                check_channel(channel)
            except ChannelError as error:
                raise ChannelError(f"[notices] channels.{error}") from None
    try:
        read = json.loads(config.rules.read_bytes().decode(), parse_constant=_refuse)
        rules = notice_rules_from_json(read, channels, CATALOGUES)
    except OSError as error:
        raise NoticeRulesError(f"notice file {config.rules}: {error.strerror}") from None
    except NoticeRulesError as error:
        raise NoticeRulesError(f"notice file {config.rules}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise NoticeRulesError(f"notice file {config.rules}: is no JSON: {error}") from None
    return Prepared(rules, channels)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")
