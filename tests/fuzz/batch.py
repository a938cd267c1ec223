"""The readers of batches and acks as a target for fuzzing; not part of the suite.

    python -m tests.fuzz.batch SECONDS [SEED]

turns bits of golden messages, cuts, repeats and joins them, goes on from what gets through, and
prints what became of it. Where atheris is installed (it is no dependency: into a separate
environment that sees this tree), coverage guides instead:

    PYTHONPATH=schemas/src:. python -m tests.fuzz.batch --atheris CORPUS -max_total_time=600

Whatever is read must be legal, and come back as it was from an honest writer's bytes; what is not
is refused with one of four words, the same by every reader.
"""

import random
import sys
import time
from collections import Counter
from math import inf

import msgpack

from milepost_schemas.ack import decode_ack, encode_ack
from milepost_schemas.batch import Batch, addressed, decode_batch, encode_batch
from milepost_schemas.bulk import decode_batches
from milepost_schemas.message import STREAM_BYTES, MessageError, seal_message
from tests.schemas.legal import check_legal, golden, pieces

REASONS = {"version", "size", "malformed", "range"}

# What gets through is mutated further; so many of them are kept.
_POOL = 4000
_LONGEST_BYTES = 3000

# So many messages are also read in bulk.
_TOGETHER = 60


def judged(data: bytes) -> Batch | str:
    """Return the batch, or with which word it is refused."""
    try:
        return decode_batch(data)
    except MessageError as error:
        return error.reason


def one(data: bytes) -> str:
    """Read one input as a batch and as an ack; return what became of it as a batch.

    Raises:
        AssertionError: A finding; and so is any other exception.
    """
    named = addressed(data)
    batch = judged(data)
    if isinstance(batch, Batch):
        check_legal(batch)
        assert named == (batch.envelope.stream, batch.envelope.batch)
        assert decode_batch(encode_batch(batch)) == batch
    try:
        ack = decode_ack(data)
    except MessageError as error:
        reason = error.reason
    else:
        reason = "read"
        assert decode_ack(encode_ack(ack)) == ack
    became = "read" if isinstance(batch, Batch) else batch
    assert {became, reason} <= {"read", *REASONS}
    return became


def together(messages: list[bytes]) -> None:
    """Read messages in bulk and one by one, and compare.

    Raises:
        AssertionError: A finding.
    """
    read = decode_batches(messages)
    fixes = read.rows.kept_fixes()
    for place, data in enumerate(messages):
        start, count = int(read.starts[place]), int(read.counts[place])
        batch, came = judged(data), read.envelopes[place]
        if isinstance(batch, Batch):
            assert (came, tuple(fixes[start : start + count])) == (batch.envelope, batch.fixes)
        else:
            assert isinstance(came, MessageError)
            assert (came.reason, count) == (batch, 0)


class Mutation:
    """Makes messages of messages, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._pool = [
            bytes.fromhex(case["hex"])
            for name in ("v1/batches.json", "v1/acks.json")
            for case in golden(name)
        ]
        self._pool += [pieces(case) for case in golden("v1/refused.json")]
        self._pool = [data for data in self._pool if len(data) <= _LONGEST_BYTES]
        self._golden = len(self._pool)

    def keep(self, data: bytes) -> None:
        """Take a message into the pool, in the place of an older one that is not golden."""
        if len(self._pool) < _POOL:
            self._pool.append(data)
        else:
            self._pool[self.chance.randrange(self._golden, _POOL)] = data

    def make(self) -> bytes:
        """Return the next message."""
        chance = self.chance
        data = chance.choice(self._pool)
        if chance.random() < 0.1:
            return self._bytewise(data)
        content = _content(data)
        if content is None:
            return self._bytewise(data)
        bits = _bits(content)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            bits = self._bitwise(bits)
        bits = bits[: 8 * _LONGEST_BYTES]
        size_bytes = -(-len(bits) // 8)
        number = int("1" + bits.ljust(8 * size_bytes, "0"), 2)
        version = 1 if chance.random() < 0.98 else chance.randint(1, 127)
        return seal_message(
            version, bytes(STREAM_BYTES), number.to_bytes(size_bytes + 1, "big")[1:]
        )

    def _bytewise(self, data: bytes) -> bytes:
        chance = self.chance
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.randrange(6))
        some = bytes(chance.randrange(256) for _ in range(chance.randrange(4)))
        return data[:at] + some + data[until:]

    def _bitwise(self, bits: str) -> str:
        chance = self.chance
        at = chance.randrange(len(bits) + 1)
        until = min(len(bits), at + chance.choice((1, 1, 4, 8, 28, 64)))
        match chance.randrange(7):
            case 0:  # turned
                turned = "".join("1" if bit == "0" else "0" for bit in bits[at:until])
                return bits[:at] + turned + bits[until:]
            case 1:  # drawn
                drawn = "".join(chance.choice("01") for _ in range(until - at))
                return bits[:at] + drawn + bits[until:]
            case 2:  # left out
                return bits[:at] + bits[until:]
            case 3:  # repeated
                return bits[:until] + bits[at:]
            case 4:  # all zeros or ones
                return bits[:at] + chance.choice("01") * (until - at) + bits[until:]
            case 5:  # joined with another, here or there
                other = _content(chance.choice(self._pool)) or b""
                tail = _bits(other)
                return bits[:at] + tail[chance.choice((at, chance.randrange(len(tail) + 1))) :]
            case _:  # cut
                return bits[:at]


def _content(data: bytes) -> bytes | None:
    """Return the bits behind a message's stream; None if it is none."""
    try:
        value = msgpack.unpackb(data)
    except (ValueError, RecursionError, TypeError):
        return None
    return value.data[STREAM_BYTES:] if isinstance(value, msgpack.ExtType) else None


def _bits(content: bytes) -> str:
    return f"{int.from_bytes(content, 'big'):0{8 * len(content)}b}" if content else ""


def _together(messages: list[bytes]) -> None:
    try:
        together(messages)
    except Exception:
        sys.stderr.write(f"finding in bulk: {[data.hex() for data in messages]}\n")
        raise


def run(seed: int, *, seconds: float = inf, messages: float = inf) -> Counter[str]:
    """Read mutated messages, for so long or so many; return what became of them."""
    mutation = Mutation(seed)
    outcome: Counter[str] = Counter()
    until_s = time.monotonic() + seconds
    gathered: list[bytes] = []
    while time.monotonic() < until_s and outcome.total() < messages:
        data = mutation.make()
        gathered.append(data)
        if len(gathered) == _TOGETHER:
            _together(gathered)
            gathered.clear()
        try:
            became = one(data)
        except Exception:
            sys.stderr.write(f"finding: {data.hex()}\n")
            raise
        outcome[became] += 1
        if became == "read" and mutation.chance.random() < 0.2:
            mutation.keep(data)
    return outcome


def _atheris(arguments: list[str]) -> None:
    import atheris  # type: ignore[import-untyped]  # installed beside

    atheris.instrument_all()
    atheris.Setup(arguments, one)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--atheris":
        _atheris([sys.argv[0], *sys.argv[2:]])
    else:
        done = run(int(sys.argv[2]) if len(sys.argv) > 2 else 1, seconds=float(sys.argv[1]))
        sys.stdout.write(f"{done.total()} messages: {dict(done)}\n")
