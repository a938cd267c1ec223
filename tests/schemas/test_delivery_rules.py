"""The model of the delivery can fail: without any one rule of the protocol it finds a violation.

A rule is taken out of the code under test, the same random faults are played, and hypothesis has to
come upon something lost, stored twice, unaccounted for or out of order.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from milepost_agent.buffer import Buffer
from milepost_agent.buffer.beginning import left_open
from milepost_agent.buffer.file import BufferFile
from milepost_agent.buffer.row import HeldFix
from milepost_schemas.ack import Ack
from milepost_schemas.batch import Batch, Envelope, Gap, encode_batch
from milepost_schemas.delivery import admission
from milepost_schemas.delivery.admission import Admission
from milepost_schemas.delivery.effect import Effect, Rewind, Stored
from milepost_schemas.delivery.packing import pack
from milepost_schemas.delivery.sender import Ledger, Sender, Want
from milepost_schemas.fix import Fix, KeptFix
from tests.schemas import test_delivery_model as model


def admits_without_previous(
    envelope: Envelope, last_seq: int | None, _previous_last_seq: int | None
) -> Admission:
    """Judge a batch without asking for the run before."""
    return admission.admit(replace(envelope, previous=None), last_seq, None)


def admits_above_what_is_stored(
    envelope: Envelope, last_seq: int | None, previous_last_seq: int | None
) -> Admission:
    """Apply a batch although something before it is missing."""
    stored = max(last_seq or 0, envelope.after)
    return admission.admit(envelope, stored, previous_last_seq)


def admits_what_is_stored(
    envelope: Envelope, last_seq: int | None, previous_last_seq: int | None
) -> Admission:
    """Apply all of a batch, also what is stored already."""
    verdict = admission.admit(envelope, last_seq, previous_last_seq)
    if verdict.apply_from is None:
        return verdict
    return replace(verdict, apply_from=envelope.after + 1)


def admits_backwards(
    envelope: Envelope, last_seq: int | None, previous_last_seq: int | None
) -> Admission:
    """Let an old batch move `last_seq` back."""
    verdict = admission.admit(envelope, last_seq, previous_last_seq)
    if verdict.last_seq is None:
        return verdict
    return Admission(envelope.after + 1, envelope.gaps, envelope.upto)


def admits_without_gaps(
    envelope: Envelope, last_seq: int | None, previous_last_seq: int | None
) -> Admission:
    """Forget what a batch says of missing numbers."""
    return replace(admission.admit(envelope, last_seq, previous_last_seq), gaps=())


class RewindsOneStream(Sender):
    """Takes an ack of an older database as said of one stream only."""

    def acknowledged(self, ack: Ack, now_s: float) -> list[Effect]:
        stored = {each.stream: each.stored for each in self.ledgers}
        effects = super().acknowledged(ack, now_s)
        if Rewind() in effects:
            for each in self.ledgers:
                each.stored = 0 if each.stream == ack.stream else stored[each.stream]
            return [Stored(ack.stream, 0)]
        return effects


class NeverRewinds(Sender):
    """Goes on as if the database could not forget."""

    def acknowledged(self, ack: Ack, now_s: float) -> list[Effect]:
        stored = {each.stream: each.stored for each in self.ledgers}
        effects = super().acknowledged(ack, now_s)
        if Rewind() in effects:
            for each in self.ledgers:
                each.stored = stored[each.stream]
            return []
        return effects


class BelievesWhatItSent(Sender):
    """Takes any answer as if everything sent so far were stored."""

    def acknowledged(self, ack: Ack, now_s: float) -> list[Effect]:
        effects = super().acknowledged(ack, now_s)
        believed: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Stored):
                ledger = next(each for each in self.ledgers if each.stream == effect.stream)
                ledger.stored = ledger.newest
                believed.append(Stored(effect.stream, ledger.newest))
            else:
                believed.append(effect)
        return believed


class OneStreamForEver(Buffer):
    """Goes on counting in the stream that it finds in the file, as if no image were ever old."""

    def begin_stream(self) -> bytes:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(BufferFile, "begin", goes_on)
            return super().begin_stream()


def goes_on(file: BufferFile, stream: bytes, spare_stream: bytes | None) -> None:
    """Begin no stream where there is one."""
    if file.streams:
        file.current = list(file.streams)[-1]
    else:
        begin(file, stream, spare_stream)


def numbers_open_ends_in_their_streams(
    file: BufferFile, stream: bytes, spare_stream: bytes | None
) -> None:
    """Give the open end of the run before the number behind the newest one of its stream."""
    if spare_stream is None:
        begin(file, stream, None)
        return
    with file.transaction() as transaction:
        for held in list(transaction.streams.values()):
            end = left_open(transaction, held) if held.is_open else None
            if end is not None:
                place = held.newest + 1
                numbered = HeldFix(held.stream, place, False, end.fix, end.stands_for, end.hole)
                transaction.insert(held.no, [numbered])
                transaction.streams[held.stream] = replace(held, newest=place)
    begin(file, stream, None)


begin = BufferFile.begin


def never_reloads(_sender: Sender, _ledgers: Sequence[Ledger]) -> None:
    """Go on as if the buffer always held the same streams."""


def packs_without_gaps(
    want: Want, fixes: Sequence[KeptFix], _gaps: Sequence[Gap], live: Fix | None
) -> tuple[Batch, bytes]:
    """Leave out what the buffer gave up."""
    batch, _ = pack(want, fixes, (), live)
    return batch, encode_batch(batch)


REMOVED: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "the run before is compared": (model, "admit", admits_without_previous),
    "nothing is applied above what is stored": (model, "admit", admits_above_what_is_stored),
    "what is stored is dropped": (model, "admit", admits_what_is_stored),
    "last_seq never goes back": (model, "admit", admits_backwards),
    "gaps are recorded": (model, "admit", admits_without_gaps),
    "gaps are told": (model, "pack", packs_without_gaps),
    "all streams are rewound": (model, "Sender", RewindsOneStream),
    "a forgetful database is refilled": (model, "Sender", NeverRewinds),
    "only what the ack names is believed": (model, "Sender", BelievesWhatItSent),
    "a stream is one run": (model, "Buffer", OneStreamForEver),
    "an open end gets a stream of its own": (
        BufferFile,
        "begin",
        numbers_open_ends_in_their_streams,
    ),
    "the sender learns which streams are held": (Sender, "reload", never_reloads),
}


@pytest.mark.parametrize("rule", REMOVED)
def test_model_finds_a_violation_without_the_rule(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With this one rule taken out, random faults break what the delivery promises."""
    where, name, without_it = REMOVED[rule]
    monkeypatch.setattr(where, name, without_it)
    model.make_evictions_small(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(
            model.Delivery,
            settings=settings(
                max_examples=2000,
                stateful_step_count=50,
                phases=[Phase.generate],
                database=None,
                derandomize=True,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
