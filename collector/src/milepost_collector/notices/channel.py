"""Channels: addresses of providers, each with places for whom and what.

In flows the text of the configuration (`[notices.channels]`), out flow URLs for apprise, or for the
file sink. A text may hold secrets, so no error and no log repeats it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from milepost_collector.delivery.notices.deciding import Address
from milepost_collector.delivery.notices.rules import CHANNEL_PATTERN, WEBHOOK
from milepost_schemas.plan import Contact

FILE_SINK = "file://"

_KEY = "idempotency_key"

_PLACE = re.compile(r"\{([a-z_]*)\}")


class ChannelError(ValueError):
    """A channel cannot be used; the message names it and does not hold its URL."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to people.

    Attributes:
        name: As rules call it.
        template: The URL with places for the address and the key; it may hold secrets.
        needs: What of a contact it needs; None: it reaches those of the house.
        is_repeatable: Whether its provider knows a repeat by its key.
    """

    name: str
    template: str
    needs: Address | None
    is_repeatable: bool

    def __repr__(self) -> str:
        return f"Channel({self.name})"

    def url(self, to: str, key: str) -> str:
        """Return the URL for a notice.

        Args:
            to: The recipient's address; empty where it needs none.
            key: The notice's id.
        """
        values = {self.needs: to, _KEY: key}
        return _PLACE.sub(lambda place: quote(values[place[1]], safe=""), self.template)

    def address(self, contact: Contact, order: str | None) -> str | None:
        """Return what it needs of a contact; empty: it needs nothing; None: that is unknown."""
        match self.needs:
            case Address.PHONE:
                return contact.phone
            case Address.EMAIL:
                return contact.email
            case Address.ORDER:
                return order
            case None:
                return ""


def read_channels(given: Mapping[str, str]) -> dict[str, Channel]:
    """Read the channels of a configuration.

    Raises:
        ChannelError: A name or a place in a URL is none of ours.
    """
    return {name: _channel(name, template) for name, template in given.items()}


def _channel(name: str, template: str) -> Channel:
    if not re.fullmatch(CHANNEL_PATTERN, name) or name == WEBHOOK:
        raise ChannelError(f"{name[:40]!r} is no name of a channel: {CHANNEL_PATTERN}")
    if not re.match(r"[a-z0-9+]+://", template):
        raise ChannelError(f"{name} is no URL that begins with scheme://")
    places = _PLACE.findall(template)
    needed = [place for place in places if place != _KEY]
    known = [*Address, _KEY]
    for place in needed:
        if place not in known:
            raise ChannelError(f"{name}: {{{place}}} is none of {', '.join(known)}")
    if len(set(needed)) > 1:
        raise ChannelError(f"{name} has places for {' and '.join(sorted(set(needed)))}: give one")
    if "{" in _PLACE.sub("", template) or "}" in _PLACE.sub("", template):
        raise ChannelError(f"{name} has a brace without its partner; write %7B or %7D")
    return Channel(name, template, Address(needed[0]) if needed else None, _KEY in places)
