"""The golden bytes in schemas/vectors, on which all implementations in any language agree."""

import re
from typing import Any

import pytest

from milepost_schemas.ack import Ack, decode_ack, encode_ack
from milepost_schemas.batch import (
    Batch,
    Envelope,
    Gap,
    GapReason,
    Previous,
    addressed,
    decode_batch,
    decode_fixes,
    encode_batch,
)
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.message import MessageError
from tests.schemas.legal import SCHEMAS, golden, pieces


def cases(name: str) -> list[Any]:
    """Return the cases of a file, each with its name as the test's."""
    return [pytest.param(case, id=case["name"]) for case in golden(name)]


def envelope_of(said: dict[str, Any]) -> Envelope:
    """Build the envelope that a vector describes."""
    previous, live = said["previous"], said["live"]
    if live is not None:
        live = Fix(**{**live, "kind": FixKind(live["kind"])})
    return Envelope(
        **{
            **said,
            "stream": bytes.fromhex(said["stream"]),
            "gaps": tuple(Gap(a, b, GapReason(reason)) for a, b, reason in said["gaps"]),
            "live": live,
            "previous": previous
            and Previous(bytes.fromhex(previous["stream"]), previous["stored"]),
        }
    )


def fix_of(row: list[Any]) -> KeptFix:
    """Build the fix that a vector's row describes."""
    seq, time_ms, *measured, stands_for, hole = row
    fix = Fix.of(time_ms, measured)
    return KeptFix(seq, fix, stands_for, hole)


def read_whole(what: str, data: bytes) -> None:
    """Read a batch with its fixes, or an ack."""
    if what == "ack":
        decode_ack(data)
    else:
        decode_fixes(*decode_batch(data))


@pytest.mark.parametrize("case", cases("batches.json"))
def test_batch_vector_is_read_and_written_byte_for_byte(case: dict[str, Any]) -> None:
    """A golden batch is read as described, and its description is written as the same bytes."""
    data = bytes.fromhex(case["hex"])
    described = Batch(envelope_of(case["envelope"]), tuple(map(fix_of, case["fixes"])))
    envelope, columns = decode_batch(data)
    assert Batch(envelope, decode_fixes(envelope, columns)) == described
    assert encode_batch(described).hex() == data.hex()


@pytest.mark.parametrize("case", cases("acks.json"))
def test_ack_vector_is_read_and_written_byte_for_byte(case: dict[str, Any]) -> None:
    """A golden ack is read as described, and its description is written as the same bytes."""
    data = bytes.fromhex(case["hex"])
    described = Ack(**{**case["ack"], "stream": bytes.fromhex(case["ack"]["stream"])})
    assert decode_ack(data) == described
    assert encode_ack(described).hex() == data.hex()


@pytest.mark.parametrize("case", cases("refused.json"))
def test_refused_vector_is_refused_with_its_reason(case: dict[str, Any]) -> None:
    """A golden bad message is refused with its word, and answered if it says which it is."""
    data = pieces(case)
    with pytest.raises(MessageError) as caught:
        read_whole(case["what"], data)
    assert caught.value.reason == case["reason"]
    if case["what"] == "batch":
        named = addressed(data)
        assert (named and [named[0].hex(), named[1]]) == case["addressed"]


def test_examples_in_the_wire_document_are_golden_bytes() -> None:
    """The bytes that wire.md explains one by one are those of the vectors that it names."""
    text = (SCHEMAS / "wire.md").read_text(encoding="utf-8")
    explained = [
        "".join(re.findall(r"^ *((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:   .*)?$", block, re.MULTILINE))
        for block in re.findall(r"```hex\n(.*?)```", text, re.DOTALL)
    ]
    by_name = {
        case["name"]: case["hex"] for name in ("batches.json", "acks.json") for case in golden(name)
    }
    assert [block.replace(" ", "") for block in explained] == [
        by_name["everything_at_once"],
        by_name["stored"],
    ]
