"""Calling a provider through apprise, and what came of it; or writing into the file sink.

A call takes a thread. Apprise says only whether it succeeded, and logs why it did not, with numbers
and addresses: those lines are heard here and go nowhere else.
"""

import json
import logging
import os
import sys
import threading
from urllib.parse import parse_qs, unquote, urlsplit

import apprise

from milepost_collector.delivery.notices.texts import Text
from milepost_collector.notices.channel import FILE_SINK, Channel, ChannelError
from milepost_collector.notices.outcome import SENT, Outcome, Result, outcome_of

# Somebody to try a channel's URL with; nobody is called.
_NOBODY = {"phone": "+4915112345678", "email": "nobody@example.org", "order": "A-1"}

_ASSET = apprise.AppriseAsset(app_id="Milepost", app_desc="", storage_mode="memory")


class _Heard(threading.local):
    """What the plugin that runs in this thread has told and raised."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.errors: list[BaseException] = []


class _Listener(logging.Handler):
    """Hears what apprise logs, with the error that is being handled when it does."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard = _Heard()

    def emit(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self.heard.errors.append(error)
        if record.levelno >= logging.WARNING:
            self.heard.told.append(record.getMessage())


def _listener() -> _Listener:
    """Take what libraries log out of the program's log: it names people and secrets."""
    listener = _Listener()
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(listener)
    return listener


_LISTENER = _listener()


def check_channel(channel: Channel) -> None:
    """Check that a channel's URL is one that can be called; nobody is.

    Raises:
        ChannelError: It is not, or it reaches several at once.
    """
    if channel.template.startswith(FILE_SINK):
        if not _sink_path(channel.template):
            raise ChannelError(f"{channel.name} names no file: file:///path")
        return
    url = channel.url(_NOBODY.get(channel.needs or "", ""), "check")
    plugin = _plugin(url)
    _LISTENER.heard.told.clear()
    if plugin is None:
        raise ChannelError(f"{channel.name} is no URL that apprise knows, or something lacks in it")
    # One of several may be told and another one not: then there is no answer.
    if len(plugin) != 1:
        raise ChannelError(f"{channel.name} reaches {len(plugin)} at once; give each its own")


def call(url: str, text: Text, key: str) -> Outcome:
    """Send a text; return when that has come to something. Takes a thread.

    Args:
        url: From `Channel.url`; may hold secrets.
        text: What to send.
        key: The notice's id.
    """
    if url.startswith(FILE_SINK):
        return _write(url, text, key)
    heard = _LISTENER.heard
    heard.told.clear()
    heard.errors.clear()
    plugin = _plugin(url)
    if plugin is None:
        return Outcome(Result.REFUSED, "the address is none for this channel")
    # Whoever answers with another address is not the one that is configured.
    plugin.redirects = False
    # Not through `Apprise.notify`, which may try again by itself.
    if plugin.notify(
        body=text.body,
        title=text.subject if plugin.title_maxlen > 0 else "",
        body_format=apprise.NotifyFormat.TEXT,
    ):
        return SENT
    return outcome_of(heard.errors, heard.told)


def _plugin(url: str) -> apprise.NotifyBase | None:
    made = apprise.Apprise.instantiate(url, asset=_ASSET)
    return made if isinstance(made, apprise.NotifyBase) else None


def _sink_path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _write(url: str, text: Text, key: str) -> Outcome:
    """Append a line to a file; it is on the disk when this returns."""
    to = parse_qs(urlsplit(url).query).get("to", [""])[0]
    line = {"id": key, "to": to, "subject": text.subject, "body": text.body}
    try:
        file = os.open(_sink_path(url), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        return Outcome(Result.UNSENT, f"the file cannot be opened: {error.strerror}")
    try:
        os.write(file, (json.dumps(line, ensure_ascii=False) + "\n").encode())
        os.fsync(file)
    except OSError as error:
        return Outcome(Result.UNKNOWN, f"the file cannot be written: {error.strerror}")
    finally:
        os.close(file)
    return SENT
