"""Silence: a vehicle's desk tells it, a plan's desk remembers it for where delay came from."""

from collections.abc import Mapping
from typing import Any

from milepost_collector.delivery.desk.facts import Silence, Span
from milepost_collector.delivery.desk.inputs import HeardInput, SilentInput
from milepost_collector.delivery.desk.ledger import DESK
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.events.difference import Difference
from milepost_collector.events.revision import revision
from milepost_schemas.event import Event, event_id, rfc3339

SILENT = "vehicle.silent"
HEARD = "vehicle.heard"

VEHICLE_TYPES = (SILENT, HEARD)


def take_silence(state: DeskState, entry: SilentInput) -> list[Event]:
    """Take in that a unit is silent; who is silent already is no more so."""
    if state.silence is not None:
        return []
    since_ms = min(entry.since_ms, entry.at_ms)
    state.silence = Silence(entry.device, since_ms, entry.at_ms, entry.number, entry.reason)
    return [] if state.plan is not None else [_silent(state, state.silence)]


def take_hearing(state: DeskState, entry: HeardInput) -> list[Event]:
    """Take in that a unit was heard; silence that had been none when it was told is withdrawn."""
    silence = state.silence
    if silence is None or silence.device != entry.device:
        return []
    state.silence = None
    heard_ms = max(min(entry.heard_ms, entry.at_ms), silence.since_ms)
    was_none = heard_ms <= silence.noticed_ms
    if state.plan is not None:
        if not was_none:
            span = Span(silence.number, silence.since_ms, entry.number, heard_ms)
            state.silences.append(span)
        return []
    if was_none:
        return revision(Difference(gone=[_silent(state, silence)]), ())
    data = {
        "device": silence.device,
        "silent_at": rfc3339(silence.since_ms),
        "silent_s": round((heard_ms - silence.since_ms) / 1000, 3),
        "reason": silence.reason,
    }
    return [_event(state, HEARD, entry.number, heard_ms, entry.device, data)]


def _silent(state: DeskState, silence: Silence) -> Event:
    data = {
        "device": silence.device,
        "noticed_at": rfc3339(silence.noticed_ms),
        "reason": silence.reason,
    }
    return _event(state, SILENT, silence.number, silence.since_ms, silence.device, data)


def _event(
    state: DeskState,
    kind: str,
    number: int,
    time_ms: int,
    device: str,
    data: Mapping[str, Any],
) -> Event:
    identity = event_id(state.desk, number, kind, device)
    return Event(identity, kind, DESK, state.vehicle, time_ms, data)
