"""What the commands say of notices: for people, or as one line of JSON for machines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from milepost_collector.store.notice_accounts import NoticeAccount
from milepost_collector.store.notices import NoticeState
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import milliseconds


def as_json(value: Any) -> str:
    """Write a value as one line; times as RFC 3339."""
    return json.dumps(value, default=_plain) + "\n"


def listed(accounts: Sequence[NoticeAccount], counts: Mapping[NoticeState, int]) -> dict[str, Any]:
    """Return notices and counts for machines."""
    return {"counts": dict(counts), "notices": [asdict(each) for each in accounts]}


def lines(accounts: Sequence[NoticeAccount], counts: Mapping[NoticeState, int]) -> list[str]:
    """Describe notices, a line each, and how many of all stand how."""
    told = [
        f"{each.number}  {rfc3339(milliseconds(each.made_at))}  {each.kind} by {each.channel}  "
        f"{_whose(each)}  {_state(each)}\n"
        for each in accounts
    ]
    summary = ", ".join(f"{state} {count}" for state, count in counts.items() if count)
    return [*told, f"all: {summary}\n" if summary else "no notices\n"]


def _whose(account: NoticeAccount) -> str:
    where = f"stop {account.stop} of {account.plan}"
    return where if account.order is None else f"order {account.order}, {where}"


def _state(account: NoticeAccount) -> str:
    reason = f": {account.reason}" if account.reason else ""
    if account.state == NoticeState.WAITING and account.held_to is not None:
        return f"waiting until {rfc3339(milliseconds(account.held_to))}"
    if account.state == NoticeState.WAITING and account.retry_at is not None:
        return f"waiting, tried {account.tries} times{reason}"
    if account.state == NoticeState.SENT and account.told_at is not None:
        return f"sent {rfc3339(milliseconds(account.told_at))}"
    return f"{account.state}{reason}"


def _plain(value: object) -> str:
    return rfc3339(milliseconds(value)) if isinstance(value, datetime) else str(value)
