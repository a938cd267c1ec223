"""What the commands say: for people, or as one line of JSON for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from milepost_collector.store.webhook_replays import DeadLetter
from milepost_collector.store.webhooks import Account
from milepost_collector.webhooks.answer import Answer, Meaning
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import milliseconds


def as_json(value: Any) -> str:
    """Write a value as one line; times as RFC 3339."""
    return json.dumps(value, default=_plain) + "\n"


def account_lines(accounts: Sequence[Account]) -> list[str]:
    """Describe how subscriptions stand, some lines each."""
    lines = []
    for each in accounts:
        wanted = f"types {', '.join(each.types)}" if each.types else "all types"
        whose = f"vehicles {', '.join(each.vehicles)}" if each.vehicles else "all vehicles"
        lines += [
            f"{each.id}  {each.url}\n",
            f"   {wanted}; {whose}; {_state(each)}\n",
            f"   delivered {each.delivered}{_time(', last', each.delivered_at)}; "
            f"waiting {each.waiting}; dead {each.dead}; not looked at yet {each.unqueued}\n",
        ]
        if each.signatures > 1:
            lines.append(f"   signed with {each.signatures} secrets\n")
        if each.last_error is not None:
            lines.append(f"   last error: {each.last_error}\n")
    return lines or ["no webhooks\n"]


def dead_letter_lines(letters: Sequence[DeadLetter]) -> list[str]:
    """Describe dead letters, a line each."""
    return [
        f"{rfc3339(milliseconds(each.dead_at))}  webhook {each.webhook}  {each.event or 'erased'}  "
        f"{each.type or ''}  {each.vehicle}  after {each.failures} tries: {each.error}\n"
        for each in letters
    ] or ["no dead letters\n"]


def answer_told(url: str, answer: Answer) -> dict[str, Any]:
    """Return what a test says, for machines."""
    return {
        "url": url,
        "taken": answer.meaning is Meaning.TAKEN,
        "status": answer.status,
        "took_ms": round(answer.took_s * 1000, 1),
        "error": answer.error or None,
        "answer": answer.body.decode(errors="replace"),
    }


def answer_lines(url: str, answer: Answer) -> list[str]:
    """Describe the answer to a test; its own text is indented, without control characters."""
    took = f"{answer.took_s * 1000:.0f} ms"
    if answer.meaning is Meaning.TAKEN:
        lines = [f"{url}: taken, answered {answer.status} in {took}\n"]
    else:
        lines = [f"{url}: not taken, {answer.error} after {took}\n"]
    text = answer.body.decode(errors="replace")
    lines += [f"   {_printable(line)}\n" for line in text.splitlines() if line.strip()]
    return lines


def _state(account: Account) -> str:
    if account.disabled_because is not None:
        return f"disabled: {account.disabled_because}"
    return "enabled" + _time(", failing since", account.failing_since)


def _time(words: str, time: datetime | None) -> str:
    return "" if time is None else f"{words} {rfc3339(milliseconds(time))}"


def _printable(text: str) -> str:
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _plain(value: object) -> str:
    return rfc3339(milliseconds(value)) if isinstance(value, datetime) else str(value)


def plain(rows: Sequence[Account] | Sequence[DeadLetter]) -> list[dict[str, Any]]:
    """Return rows for machines."""
    return [asdict(each) for each in rows]
