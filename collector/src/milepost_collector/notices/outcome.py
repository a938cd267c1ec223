"""What a call of a provider has come to, told from what went wrong on the way.

Only what certainly has sent nothing is tried again; whatever may have is unknown.
"""

import re
import smtplib
import socket
import ssl
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

# How apprise's plugins end the line in which they tell of an answer that is no success.
_STATUS = re.compile(r"error=(\d+)")

_TOO_MANY_REQUESTS = 429
_REQUEST_TIMEOUT = 408


class Result(StrEnum):
    """What is known after a call."""

    SENT = "sent"
    UNSENT = "unsent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call has come to.

    Attributes:
        result: UNSENT: certainly nothing went out, and a later try may succeed; REFUSED: nothing
            went out, and none will; UNKNOWN: nobody can say.
        reason: For people; no address, no secret. Empty where it was sent.
    """

    result: Result
    reason: str = ""


SENT = Outcome(Result.SENT)


def outcome_of(errors: Sequence[BaseException], told: Sequence[str]) -> Outcome:
    """Return what a call that was no success has come to.

    Args:
        errors: What was raised in it, the first one first.
        told: The lines in which its plugin told of it.
    """
    for error in errors:
        return _of_error(error)
    for line in told:
        if found := _STATUS.search(line):
            return _of_status(int(found[1]))
    return Outcome(Result.UNKNOWN, "the provider's plugin does not say why")


def _of_status(status: int) -> Outcome:
    reason = f"the provider answered {status}"
    if status == _TOO_MANY_REQUESTS:
        return Outcome(Result.UNSENT, reason)
    # Behind a gateway that answers 502 or 504 the message may have gone out.
    if status == _REQUEST_TIMEOUT or status < 400 or 500 <= status < 600:
        return Outcome(Result.UNKNOWN, reason)
    return Outcome(Result.REFUSED, reason)


def _of_error(error: BaseException) -> Outcome:
    links = list(_chain(error))
    for each in links:
        if isinstance(each, smtplib.SMTPRecipientsRefused):
            return _of_reply(max(code for code, _ in each.recipients.values()))
        if isinstance(each, smtplib.SMTPResponseException):
            return _of_reply(each.smtp_code)
        if isinstance(each, smtplib.SMTPNotSupportedError):
            return Outcome(Result.REFUSED, "the server cannot do what is asked for")
        if isinstance(each, requests.exceptions.InvalidURL):
            return Outcome(Result.REFUSED, "the channel's URL cannot be used")
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in links):
        return Outcome(Result.UNSENT, "the server's certificate is not valid")
    if any(_is_unconnected(each) for each in links):
        return Outcome(Result.UNSENT, "no connection")
    return Outcome(Result.UNKNOWN, f"the connection broke: {type(error).__name__}")


def _of_reply(code: int) -> Outcome:
    """RFC 5321, 4.2.1: 4yz may succeed later, 5yz will not; either way nothing was taken."""
    reason = f"the mail server answered {code}"
    return Outcome(Result.UNSENT if 400 <= code < 500 else Result.REFUSED, reason)


def _is_unconnected(error: BaseException) -> bool:
    if isinstance(error, NewConnectionError | ConnectTimeoutError | requests.ConnectTimeout):
        return True
    if isinstance(error, ConnectionRefusedError | socket.gaierror):
        return True
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    return isinstance(error, OSError) and any(
        frame.name == "create_connection" for frame in innermost
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came of, as far as libraries pass them on."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or any(each is other for other in seen):
            continue
        seen.append(each)
        yield each
        waiting += [each.__cause__, each.__context__, *each.args]
        if isinstance(each, MaxRetryError):
            waiting.append(each.reason)
