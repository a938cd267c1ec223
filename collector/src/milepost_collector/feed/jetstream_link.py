"""A connection to a JetStream: events as a chain of messages, each behind the one before it.

In: events in order. Out: one message an event, subject `{prefix}.{partition}.{vehicle}.{type}`,
header `Nats-Msg-Id` the event's id.

Invariant: the stream holds the events in the order of the feed, without gaps. Each message names
the event that it expects to be the last before it (`Nats-Expected-Last-Msg-Id`), so when one is
lost on its way (a cluster elects a leader, a disk is full for a moment) those after it are refused
too, and a process that was believed dead cannot write behind its successor.

Rejected: to expect sequence numbers (`Nats-Expected-Last-Sequence`). A stranger's message takes the
number that an event was to have, and the one behind that fits. Rejected: `publish_async` of
nats-py, which never tells of an error (2.16).
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

from milepost_collector.config import JetStreamConfig
from milepost_collector.feed.addresses import jetstream_subject
from milepost_collector.feed.carrying import AwayError, payload
from milepost_collector.store.feed import Cursor, CursorError, FeedEvent

_CONFIRMED_S = 10.0

# As for MQTT: unconfirmed at a time, and handed over in one turn.
_WINDOW = 250
_WITHOUT_PAUSE = 20

# nats-server, server/errors.json: JSStreamWrongLastMsgIDErrF.
_WRONG_LAST_ID = 10070


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How far the stream is.

    Attributes:
        is_empty: It has never held a message.
        cursor: Of the last event in it; None where that cannot be known.
        event_id: Of that event.
        message_id: Of its newest message; None where that cannot be known.
    """

    is_empty: bool = False
    cursor: Cursor | None = None
    event_id: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the server says to a message: in the stream, there already, or refused."""

    is_repeat: bool = False
    error: str = ""
    error_code: int = 0


class JetStreamLink:
    """A connection to the stream.

    Attributes:
        is_empty: Whether the stream has never held a message.
        last: The cursor of its last event; None where that cannot be known.
        last_event: The id of that event.
    """

    def __init__(
        self, config: JetStreamConfig, client: Client, ended: asyncio.Event, end: StreamEnd
    ) -> None:
        self.is_empty = end.is_empty
        self.last = end.cursor
        self.last_event = end.event_id
        self._config = config
        self._client = client
        self._ended = ended
        self._inbox = client.new_inbox()
        self._answers: dict[str, asyncio.Future[_Answer]] = {}
        self._count = itertools.count()
        self._last_id = end.message_id
        # The stream held the event before already, so perhaps the next one too: then it is not put
        # behind the others, and the one after it would wait for it in vain.
        self._repeats = False

    async def listen(self) -> None:
        """Begin to hear answers."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_answer)

    async def publish(self, events: Sequence[FeedEvent]) -> None:
        """Publish events in this order and wait for the acknowledgement of each.

        Raises:
            AwayError: The link broke, no acknowledgement came for 10 s, or somebody else writes to
                the stream.
        """
        done = 0
        while done < len(events):
            is_sure = self._last_id is not None and not self._repeats
            window = _WINDOW if is_sure else 1
            done += await self._publish_window(events[done : done + window])

    async def _publish_window(self, events: Sequence[FeedEvent]) -> int:
        """Publish some; return how many of the first are in the stream now."""
        before = self._last_id
        futures = []
        for number, event in enumerate(events, 1):
            futures.append(await self._hand_over(event, before))
            before = str(event.event.id)
            if number % _WITHOUT_PAUSE == 0:
                await asyncio.sleep(0)
        answers = await self._answered(futures)
        for number, answer in enumerate(answers):
            if answer.error_code == _WRONG_LAST_ID and number > 0 and self._repeats:
                return number
            if answer.error:
                raise AwayError(f"JetStream: event {events[number].event.id}: {answer.error}")
            self._repeats = answer.is_repeat
            if not answer.is_repeat:
                self._last_id = str(events[number].event.id)
        return len(events)

    async def _hand_over(self, event: FeedEvent, behind: str | None) -> "asyncio.Future[_Answer]":
        subject = jetstream_subject(
            event.event, self._config.subject_prefix, self._config.partitions
        )
        headers = {
            Header.MSG_ID.value: str(event.event.id),
            Header.EXPECTED_STREAM.value: self._config.stream,
        }
        if behind is not None:
            headers[Header.EXPECTED_LAST_MSG_ID.value] = behind
        reply = f"{self._inbox}.{next(self._count)}"
        self._answers[reply] = asyncio.get_running_loop().create_future()
        await self._client.publish(subject, payload(event), reply=reply, headers=headers)
        return self._answers[reply]

    async def _answered(self, futures: Sequence["asyncio.Future[_Answer]"]) -> list[_Answer]:
        ended = asyncio.create_task(self._ended.wait())
        all_came = asyncio.create_task(asyncio.wait(futures, timeout=_CONFIRMED_S))
        try:
            await asyncio.wait({ended, all_came}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            all_came.cancel()
            self._answers.clear()
        unanswered = sum(not future.done() for future in futures)
        if unanswered:
            raise AwayError(f"JetStream: {unanswered} events were not acknowledged")
        return [future.result() for future in futures]

    async def _on_answer(self, message: Msg) -> None:
        future = self._answers.get(message.subject)
        if future is not None and not future.done():
            future.set_result(_read_answer(message))


def _read_answer(message: Msg) -> _Answer:
    """Read an answer to a publish (NATS, JetStream wire API: `PubAck`)."""
    if not message.data:  # with status 503: nobody takes this subject
        return _Answer(error="no stream takes its subject")
    try:
        said = msgspec.json.decode(message.data)
        error = said.get("error")
        if error:
            return _Answer(error=str(error.get("description")), error_code=error.get("err_code", 0))
        return _Answer(is_repeat=bool(said.get("duplicate")))
    except (msgspec.DecodeError, AttributeError):
        return _Answer(error=f"the answer {message.data!r} cannot be read")


def cursor_in(data: bytes | None) -> Cursor | None:
    """Return the place of the event in a message; None where it is none of ours."""
    try:
        return Cursor.parse(msgspec.json.decode(data or b"")["cursor"])
    except (msgspec.DecodeError, TypeError, LookupError, CursorError):
        return None
