"""The golden bytes in schemas/vectors, on which all implementations in any language agree.

Each folder there is a version of the wire. An old agent's messages stay readable for ever, so the
cases of every folder are held against the readers of today.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from milepost_schemas.ack import Ack, decode_ack, encode_ack
from milepost_schemas.batch import (
    VERSION,
    Batch,
    Envelope,
    Gap,
    GapReason,
    Previous,
    addressed,
    decode_batch,
    encode_batch,
)
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.message import MessageError
from tests.schemas.legal import SCHEMAS, check_legal, golden, pieces
from tests.schemas.make_vectors import FILES, text

VERSIONS = sorted(folder.name for folder in (SCHEMAS / "vectors").iterdir())
NEWEST = f"v{VERSION}"


def cases(file: str) -> list[Any]:
    """Return the cases of a file of every version, each with its name as the test's."""
    return [
        pytest.param(case, id=f"{version}-{case['name']}")
        for version in VERSIONS
        for case in golden(f"{version}/{file}")
    ]


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


def rows_of(said: Any) -> Iterator[list[Any]]:
    """Yield the rows that a vector describes, all of them or by first and step."""
    if isinstance(said, list):
        yield from said
        return
    for n in range(said["count"]):
        pairs = zip(said["first"], said["step"], strict=True)
        yield [first if step is None else first + n * step for first, step in pairs]


def fix_of(row: list[Any]) -> KeptFix:
    """Build the fix that a vector's row describes."""
    seq, time_ms, *measured, stands_for, hole = row
    return KeptFix(seq, Fix.of(time_ms, measured), stands_for, bool(hole))


def described(case: dict[str, Any]) -> Batch:
    """Build the batch that a vector describes."""
    return Batch(envelope_of(case["envelope"]), tuple(map(fix_of, rows_of(case["fixes"]))))


def test_every_version_up_to_the_newest_has_its_vectors() -> None:
    """A version without golden bytes, or one that was thrown away, is a broken promise."""
    assert [f"v{version}" for version in range(1, VERSION + 1)] == VERSIONS


@pytest.mark.parametrize("case", cases("batches.json"))
def test_batch_vector_is_read_as_described(case: dict[str, Any]) -> None:
    """A golden batch is read as described, and says only what is legal."""
    batch = decode_batch(bytes.fromhex(case["hex"]))
    assert batch == described(case)
    check_legal(batch)


@pytest.mark.parametrize("case", cases("batches.json"))
def test_batch_vector_is_addressed(case: dict[str, Any]) -> None:
    """Stream and number of a golden batch are read alone."""
    envelope = case["envelope"]
    stream, number = bytes.fromhex(envelope["stream"]), envelope["batch"]
    assert addressed(bytes.fromhex(case["hex"])) == (stream, number)


@pytest.mark.parametrize("case", golden(f"{NEWEST}/batches.json"), ids=lambda case: case["name"])
def test_batch_vector_is_written_as_short_or_shorter(case: dict[str, Any]) -> None:
    """The writer of today says what a golden batch says in no more bytes."""
    data = encode_batch(described(case))
    assert decode_batch(data) == described(case)
    assert len(data) <= len(bytes.fromhex(case["hex"]))


@pytest.mark.parametrize("case", cases("acks.json"))
def test_ack_vector_is_read_as_described(case: dict[str, Any]) -> None:
    """A golden ack is read as described."""
    assert decode_ack(bytes.fromhex(case["hex"])) == ack_of(case)


@pytest.mark.parametrize("case", golden(f"{NEWEST}/acks.json"), ids=lambda case: case["name"])
def test_ack_vector_is_written_byte_for_byte(case: dict[str, Any]) -> None:
    """An ack can be written in one way only."""
    assert encode_ack(ack_of(case)).hex() == case["hex"]


def ack_of(case: dict[str, Any]) -> Ack:
    """Build the ack that a vector describes."""
    return Ack(**{**case["ack"], "stream": bytes.fromhex(case["ack"]["stream"])})


@pytest.mark.parametrize("case", cases("refused.json"))
def test_refused_vector_is_refused_with_its_reason(case: dict[str, Any]) -> None:
    """A golden bad message is refused with its word, and answered if it says which it is."""
    data = pieces(case)
    with pytest.raises(MessageError) as caught:
        (decode_ack if case["what"] == "ack" else decode_batch)(data)
    assert caught.value.reason == case["reason"]
    if case["what"] == "batch":
        named = addressed(data)
        assert (named and [named[0].hex(), named[1]]) == case["addressed"]


@pytest.mark.parametrize("file", FILES)
def test_vectors_are_what_their_script_writes(file: str) -> None:
    """The frozen files and the script that shows how they came about say the same."""
    frozen = (SCHEMAS / "vectors" / "v1" / file).read_text(encoding="utf-8")
    assert text(file) == frozen


def test_examples_in_the_wire_document_are_golden_bytes() -> None:
    """What wire.md explains bit by bit is what the vectors hold that it names."""
    document = (SCHEMAS / "wire.md").read_text(encoding="utf-8")
    explained = re.findall(r"`(\w+)` of `vectors/(.*?)`.*?```bits\n(.*?)```", document, re.DOTALL)
    assert [(name, file) for name, file, _ in explained] == [
        ("everything_at_once", "v1/batches.json"),
        ("stored", "v1/acks.json"),
    ]
    for name, file, block in explained:
        case = next(case for case in golden(file) if case["name"] == name)
        assert shown(block) == case["hex"]


def shown(block: str) -> str:
    """Return the bytes of an example: lines that begin with hex digits, then lines of bits."""
    words = [
        re.match(r" *(x )?((?:[0-9a-f]+ )*[0-9a-f]+)(?:  |$)", line) for line in block.splitlines()
    ]
    told = [(match[1], match[2].replace(" ", "")) for match in words if match]
    bits = "".join(digits for is_hex, digits in told if not is_hex)
    head = "".join(digits for is_hex, digits in told if is_hex)
    assert set(bits) <= {"0", "1"}
    assert len(bits) % 8 == 0
    return head + f"{int(bits, 2):0{len(bits) // 4}x}"
