"""What came back from a receiver, and what it means."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto

# These say that the receiver is away or has too much to do, whatever was sent (RFC 9110, 15.6; RFC
# 6585, 4).
_AWAY = frozenset({408, 429, 502, 503, 504})
_GONE = 410

# The longest that a receiver may tell us to wait.
MAX_RETRY_AFTER_S = 3600.0


class Meaning(Enum):
    """What an answer means for what comes after."""

    TAKEN = auto()
    REFUSED = auto()
    """The receiver is there and does not want it; it may want others."""
    AWAY = auto()
    """Nothing would have been taken."""
    GONE = auto()
    """It wants nothing any more (Standard Webhooks, "Failure responses")."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or why there is none.

    Attributes:
        status: HTTP status; None: there was no answer.
        took_s: From the first step to the end of the answer.
        body: Its beginning.
        error: For people; empty when it was taken.
        retry_after_s: How long the receiver told us to wait.
        is_forbidden: Nothing was sent, because we may not send to that address.
    """

    status: int | None
    took_s: float
    body: bytes = b""
    error: str = ""
    retry_after_s: float | None = None
    is_forbidden: bool = False

    @property
    def meaning(self) -> Meaning:
        """What it means."""
        if self.status is None or self.status in _AWAY:
            return Meaning.AWAY
        if self.status == _GONE:
            return Meaning.GONE
        return Meaning.TAKEN if 200 <= self.status < 300 else Meaning.REFUSED


def error_of(status: int, reason: str, location: str | None) -> str:
    """Say what is wrong with a status; empty for 2xx."""
    if 200 <= status < 300:
        return ""
    text = f"answered {status} {reason}".rstrip()
    if 300 <= status < 400 and location:
        return f"{text}; redirects are not followed (to {location[:200]!r})"
    return text


def retry_after_s(text: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` (RFC 9110, 10.2.3): seconds or a date; None where it says nothing.

    Args:
        text: The header's value.
        now: Real time.

    Returns:
        0 to `MAX_RETRY_AFTER_S`.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        told = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if told.tzinfo is None:  # "-0000": UTC, whose place is unknown
        told = told.replace(tzinfo=now.tzinfo)
    return min(max((told - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
