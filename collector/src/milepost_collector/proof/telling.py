"""What the command says of proofs, to people and to machines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from milepost_collector.delivery.chain import Walked
from milepost_collector.store.proofs.reading import StoredProof
from milepost_schemas.fix import instant


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of all chains.

    Attributes:
        chains: What the walk along each found.
        unlike: In what chains are not those that were noted elsewhere.
    """

    chains: Sequence[Walked]
    unlike: dict[str, str]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was changed that was not to be."""
        return not self.unlike and all(each.broken_at is None for each in self.chains)


def verified_json(found: Verified) -> str:
    """Return it for machines; `proof verify --heads` takes it again."""
    told = {
        "sound": found.is_sound,
        "chains": [asdict(each) for each in found.chains],
        "unlike": found.unlike,
    }
    return json.dumps(told) + "\n"


def verified_lines(found: Verified) -> Iterator[str]:
    """Return it for people."""
    yield f"chains  {len(found.chains)}\n"
    yield f"links   {sum(each.changes for each in found.chains)}\n"
    yield f"erased  {sum(each.erased for each in found.chains)}\n"
    for each in found.chains:
        if each.broken_at is not None:
            yield f"{each.chain}: link {each.broken_at}: {each.cause}\n"
    for chain, told in found.unlike.items():
        yield f"{chain}: {told}\n"
    yield "nothing was tampered with\n" if found.is_sound else "TAMPERED WITH\n"


def proof_lines(proof: StoredProof) -> str:
    """Return a proof for people."""
    told = proof.proof
    lines = [
        f"proof {proof.id}",
        f"  stop       {proof.stop} of plan {proof.plan}",
        f"  when       {written(instant(told.told_at_ms))}, by the {proof.source}",
        f"  stored     {written(proof.at)}, link {proof.link}",
        f"  orders     {', '.join(told.orders or ()) or '-'}",
    ]
    if told.name is not None:
        lines.append(f"  name       {told.name}")
    if told.note is not None:
        lines.append(f"  note       {told.note}")
    if told.place is not None:
        near = "" if told.place.accuracy_m is None else f", within {told.place.accuracy_m:g} m"
        lines.append(f"  place      {told.place.lat_deg:.6f}, {told.place.lon_deg:.6f}{near}")
    if proof.photo is not None:
        size = f"{proof.photo.width_px} x {proof.photo.height_px}"
        lines.append(f"  photo      {size} pixels, {proof.photo.size_bytes} bytes")
    if told.signature is not None:
        lines.append(f"  signature  {len(told.signature.strokes)} strokes")
    if proof.erased:
        lines.append(f"  erased     {', '.join(each for each in proof.erased)}")
    return "".join(f"{line}\n" for line in lines)


def proofs_json(proofs: Sequence[StoredProof]) -> str:
    """Return proofs for machines."""
    return json.dumps({"proofs": [proof_told(each) for each in proofs]}, ensure_ascii=False) + "\n"


def proof_told(proof: StoredProof) -> dict[str, Any]:
    """Return a proof as JSON has it; what is not there is null."""
    told = asdict(proof.proof)
    del told["told_at_ms"], told["orders"]
    return {
        "id": str(proof.id),
        "plan": proof.plan,
        "stop": proof.stop,
        "orders": list(proof.proof.orders or ()),
        "key": proof.key,
        "source": proof.source,
        "time": written(instant(proof.proof.told_at_ms)),
        "recordedat": written(proof.at),
        "link": proof.link,
        **told,
        "photo": proof.photo and asdict(proof.photo),
        "erased": list(proof.erased),
    }


def written(moment: datetime) -> str:
    """Return a time as RFC 3339 has it, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
