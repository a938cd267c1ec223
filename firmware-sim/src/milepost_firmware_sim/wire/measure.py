"""What the fixes of files cost: in our batches, and in each format beside them.

In flow streams of kept fixes, out flow bytes. Every batch is decoded again and compared before it
counts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from milepost_firmware_sim.wire.batches import batches_of, checked
from milepost_firmware_sim.wire.peers.entropy import ResidualModel
from milepost_firmware_sim.wire.peers.table import ENTROPY_KEY, PEERS
from milepost_schemas.batch import Batch, Envelope
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import STREAM_BYTES
from milepost_schemas.tracks.fixes import FixTrack


@dataclass(frozen=True, slots=True)
class WireFile:
    """What a file holds, as it would be sent.

    Attributes:
        name: Of the file.
        streams: Its tracks, each a stream of its own with numbers from 1; none is empty.
    """

    name: str
    streams: tuple[tuple[KeptFix, ...], ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What fixes cost.

    Attributes:
        fixes: How many.
        payload_bytes: Of our messages.
        peer_bytes: Of the messages of other formats, by key; the entropy bound is among them.
    """

    fixes: int
    payload_bytes: int
    peer_bytes: dict[str, float]

    @property
    def bytes_per_fix(self) -> float:
        """Ours."""
        return self.payload_bytes / self.fixes

    @property
    def peers(self) -> dict[str, float]:
        """Bytes a fix of each format, by key."""
        return {key: count / self.fixes for key, count in self.peer_bytes.items()}


def sent_as_is(name: str, tracks: Sequence[FixTrack]) -> WireFile:
    """Return the streams of a file of which every fix is kept."""
    streams = (
        tuple(
            KeptFix(seq, fix, hole=hole)
            for seq, (fix, hole) in enumerate(zip(track.fixes, track.holes, strict=True), 1)
        )
        for track in tracks
    )
    return WireFile(name, tuple(stream for stream in streams if stream))


def costs_of(files: Sequence[WireFile], size: int) -> list[Cost]:
    """Measure files, each for itself.

    The model of the entropy bound comes from the other files; where there is one file only, from
    that.

    Args:
        files: At least one.
        size: Fixes a batch; 1 or more.

    Raises:
        CodecError: A batch does not come back as it was sent.
    """
    told = [ResidualModel.of([_whole(one) for one in file.streams]) for file in files]
    everything = ResidualModel.together(told)
    costs = []
    for file, own in zip(files, told, strict=True):
        model = everything.without(own) if len(files) > 1 else own
        costs.append(_cost(file, size, model.bits_of(own) / 8))
    return costs


def total(costs: Sequence[Cost]) -> Cost:
    """Add up costs of the same formats; at least one."""
    peer_bytes = {key: sum(cost.peer_bytes[key] for cost in costs) for key in costs[0].peer_bytes}
    fixes, payload = (sum(cost.fixes for cost in costs), sum(cost.payload_bytes for cost in costs))
    return Cost(fixes, payload, peer_bytes)


def _cost(file: WireFile, size: int, entropy_bytes: float) -> Cost:
    payload_bytes = 0
    peer_bytes: dict[str, float] = {peer.key: 0 for peer in PEERS}
    for number, kept in enumerate(file.streams):
        for batch in batches_of(_stream_id(file.name, number), kept, size):
            payload_bytes += len(checked(batch))
            for peer in PEERS:
                peer_bytes[peer.key] += sum(map(len, peer.messages(batch)))
    peer_bytes[ENTROPY_KEY] = entropy_bytes
    return Cost(sum(map(len, file.streams)), payload_bytes, peer_bytes)


def _stream_id(name: str, number: int) -> bytes:
    """Return 8 bytes that look like random ones and are the same for the same file."""
    return hashlib.blake2b(f"{number} {name}".encode(), digest_size=STREAM_BYTES).digest()


def _whole(kept: tuple[KeptFix, ...]) -> Batch:
    return Batch(Envelope(bytes(STREAM_BYTES), 1, 0, kept[-1].seq, kept[-1].seq), kept)
