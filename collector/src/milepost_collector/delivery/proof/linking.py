"""A proof as links of a chain: the chain of plans' record, with the kinds of proofs.

The links of a proof are one that says that it was made, and one for each of its parts. A part's
link holds the digest of a salt and of what lies in the part's row, so the row can be erased and the
chain still holds. A chain is `proof/` and a plan: a plan is one vehicle's day, its name never
changes, and stops are named within it, while its vehicle may change and two plans may share a day.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from milepost_collector.delivery.chain import canonical, digest
from milepost_collector.delivery.changes import ChangeKind
from milepost_collector.delivery.proof.proof import Picture, Proof, Signature, Spot

CHAIN = "proof/"
MADE = "proof.made"
ERASED = ChangeKind.ERASED

_NAMESPACE = uuid.UUID("0f0b4c52-2f7e-4d0c-8f0e-8d1f3f6f4a63")


class PartKind(StrEnum):
    """What lies in rows that can be erased."""

    REQUEST = "request"
    PHOTO = "photo"
    SIGNATURE = "signature"
    NAME = "name"
    NOTE = "note"
    PLACE = "place"

    @property
    def link(self) -> str:
        """The kind of the link that names such a part."""
        return MADE if self is PartKind.REQUEST else f"proof.{self}"


PARTS = {kind.link: kind for kind in PartKind}


@dataclass(frozen=True, slots=True)
class Part:
    """Something personal of a proof.

    Attributes:
        kind: What it is.
        content: Canonical JSON.
        picture: The file of a photo.
    """

    kind: PartKind
    content: str
    picture: bytes | None = None

    def sealed(self, plan: str, stop: str) -> str:
        """Return the text that its digest is of."""
        picture = None if self.picture is None else hashlib.sha256(self.picture).digest()
        return sealed(plan, stop, self.kind, self.content, picture)


def sealed(plan: str, stop: str, kind: str, content: str, picture: bytes | None) -> str:
    """Return the text that a part's digest is of: all that its row says.

    Args:
        plan: Of the row, as all of these.
        stop: Which.
        kind: What it is.
        content: It.
        picture: The SHA-256 of its picture; None: it has none.
    """
    return canonical([plan, stop, kind, content, None if picture is None else picture.hex()])


def proof_id(plan: str, key: str) -> uuid.UUID:
    """Return the id of a proof: the same for the same key, however often it is sent."""
    return uuid.uuid5(_NAMESPACE, f"{plan}|{key}")


def fingerprint(stop: str, proof: Proof, photo: bytes | None) -> str:
    """Return a digest of what a phone sent, in hexadecimal digits."""
    picture = None if photo is None else hashlib.sha256(photo).hexdigest()
    return hashlib.sha256(canonical([stop, asdict(proof), picture]).encode()).hexdigest()


def parts_of(proof: Proof, picture: Picture | None, asked: str) -> list[Part]:
    """Return what is personal of a proof.

    Args:
        proof: What the phone told.
        picture: Its photo, as we have encoded it.
        asked: The `fingerprint` of what it sent.
    """
    parts = [Part(PartKind.REQUEST, canonical(asked))]
    if picture is not None:
        size = {
            "media_type": picture.media_type,
            "width_px": picture.width_px,
            "height_px": picture.height_px,
        }
        parts.append(Part(PartKind.PHOTO, canonical(size), picture.content))
    for kind, told in (
        (PartKind.SIGNATURE, proof.signature and asdict(proof.signature)),
        (PartKind.NAME, proof.name),
        (PartKind.NOTE, proof.note),
        (PartKind.PLACE, proof.place and asdict(proof.place)),
    ):
        if told is not None:
            parts.append(Part(kind, canonical(told)))
    return parts


@dataclass(frozen=True, slots=True)
class Laid:
    """A part as it lies in its row.

    Attributes:
        part: It.
        number: Of the row.
        salt: Of its digest.
    """

    part: Part
    number: int
    salt: bytes


def links_of(
    where: tuple[str, str], own: uuid.UUID, proof: Proof, orders: tuple[str, ...], laid: list[Laid]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the kinds of a proof's links, and what each says.

    Args:
        where: Its plan, and its stop there.
        own: Its id.
        proof: What the phone told.
        orders: Those that it is of.
        laid: Its parts.
    """
    found = []
    for each in laid:
        personal = [each.number, digest(each.salt, each.part.sealed(*where))]
        said: dict[str, Any] = {"proof": str(own), "personal": personal}
        if each.part.kind is PartKind.REQUEST:
            said |= {"told_at_ms": proof.told_at_ms, "orders": list(orders)}
        found.append((each.part.kind.link, said))
    return found


def proof_from(told_at_ms: int, orders: tuple[str, ...], contents: Mapping[PartKind, str]) -> Proof:
    """Return a proof from what is stored of it; what was erased of it is None.

    Args:
        told_at_ms: As its link says.
        orders: As that.
        contents: Of its parts that are still there.
    """
    signature = _decoded(contents, PartKind.SIGNATURE)
    place = _decoded(contents, PartKind.PLACE)
    return Proof(
        told_at_ms,
        orders,
        _decoded(contents, PartKind.NAME),
        _decoded(contents, PartKind.NOTE),
        place and Spot(**place),
        signature
        and Signature(
            signature["width_px"],
            signature["height_px"],
            tuple(tuple((x, y) for x, y in line) for line in signature["strokes"]),
        ),
    )


def _decoded(contents: Mapping[PartKind, str], kind: PartKind) -> Any:
    return json.loads(contents[kind]) if kind in contents else None
