"""Proofs as they are stored."""

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from milepost_collector.delivery.chain import Linked
from milepost_collector.delivery.proof.linking import CHAIN, MADE, PARTS, PartKind, proof_from
from milepost_collector.delivery.proof.proof import Picture, Proof
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.proofs.chains import COLUMNS, as_linked

_PROOF = 'substring(said FROM \'"proof":"([0-9a-f-]{36})"\')'
_NUMBER = "substring(said FROM '\"personal\":\\[(\\d{1,18}),')::bigint"

_SELECT = (
    "SELECT chain, n, at, source, input, l.kind, l.stop, said, content, octet_length(picture), "
    "salt, no"
)
_PARTS = f"FROM proof_link AS l LEFT JOIN proof_part ON no = {_NUMBER} WHERE l.kind <> 'erased'"


class UnknownProofError(LookupError):
    """There is no such proof, or it has no photo."""


class ErasedPictureError(LookupError):
    """There was a photo, and it was erased."""


class DamagedProofError(ValueError):
    """What is stored of a proof makes no sense: somebody has written into the database."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo without its content.

    Attributes:
        media_type: `image/jpeg`.
        width_px: As it is to be seen.
        height_px: As that.
        size_bytes: Of the file.
    """

    media_type: str
    width_px: int
    height_px: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of a proof, but for its picture, as it is stored.

    Attributes:
        number: Of its row, as its link says.
        salt: Of its digest.
        content: Canonical JSON.
    """

    number: int
    salt: bytes
    content: str


@dataclass(frozen=True, slots=True)
class StoredProof:
    """A proof.

    Attributes:
        id: Its id.
        plan: Whose stop it is.
        stop: Which.
        key: What the phone gave it.
        source: Who gave it: `driver`, or another source of changes.
        at: When it came, in our time.
        link: The number of its first link.
        proof: What the phone told; what was erased of it is None.
        photo: Its photo; None: it has none, or it was erased.
        erased: What was erased of it.
        parts: What is there: by these the digests of the record can be made again.
    """

    id: uuid.UUID
    plan: str
    stop: str
    key: str
    source: str
    at: datetime
    link: int
    proof: Proof
    photo: Photo | None
    erased: tuple[PartKind, ...]
    parts: dict[PartKind, StoredPart]


async def proofs_of_stop(
    database: AsyncDatabase, stop: str, plan: str | None = None
) -> list[StoredProof]:
    """Return the proofs of a stop, the oldest first.

    Args:
        database: An open connection.
        stop: Its id.
        plan: Of this plan alone; None: of all that have such a stop.

    Raises:
        DamagedProofError: They make no sense, as from all functions here.
    """
    return await _proofs(
        database,
        "l.stop = %s AND (%s::text IS NULL OR chain = %s)",
        (stop, plan, plan and CHAIN + plan),
    )


async def proof(database: AsyncDatabase, own: uuid.UUID) -> StoredProof:
    """Return a proof.

    Raises:
        UnknownProofError: There is none.
    """
    found = await _proofs(database, f"{_PROOF} = %s", (str(own),))
    if not found:
        raise UnknownProofError(f"there is no proof {own}")
    return found[0]


async def proofs_of_plan(database: AsyncDatabase, plan: str) -> list[StoredProof]:
    """Return the proofs of a plan's stops, the oldest first."""
    return await _proofs(database, "chain = %s", (CHAIN + plan,))


async def plans_with_proofs(database: AsyncDatabase) -> list[str]:
    """Return the plans that have proofs, in the order of their names."""
    cursor = await database.execute("SELECT plan FROM proof_chain ORDER BY plan")
    return [plan for (plan,) in await cursor.fetchall()]


async def picture(database: AsyncDatabase, own: uuid.UUID) -> Picture:
    """Return the photo of a proof.

    Raises:
        UnknownProofError: There is no such proof, or it has none.
        ErasedPictureError: It was erased.
    """
    cursor = await database.execute(
        f"SELECT content, picture FROM proof_link AS l JOIN proof_part ON no = {_NUMBER} "  # noqa: S608 - ours
        f"WHERE {_PROOF} = %s AND l.kind = %s",
        (str(own), PartKind.PHOTO.link),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownProofError(f"there is no photo of a proof {own}")
    content, photo = row
    if content is None or photo is None:
        raise ErasedPictureError(f"the photo of proof {own} was erased")
    try:
        return Picture(**json.loads(content), content=bytes(photo))
    except (ValueError, TypeError):
        raise DamagedProofError(f"the photo of proof {own} cannot be read") from None


async def links(database: AsyncDatabase, plan: str) -> AsyncIterator[Linked]:
    """Return a plan's chain, the oldest link first."""
    cursor = await database.execute(
        f"SELECT {COLUMNS} FROM proof_link WHERE chain = %s ORDER BY n",  # noqa: S608 - ours
        (CHAIN + plan,),
    )
    for row in await cursor.fetchall():
        yield as_linked(row)


async def _proofs(
    database: AsyncDatabase, which: str, values: tuple[object, ...]
) -> list[StoredProof]:
    cursor = await database.execute(
        f"{_SELECT} {_PARTS} AND {which} ORDER BY chain, n",
        values,
    )
    rows = await cursor.fetchall()
    try:
        by_proof: dict[str, list[TupleRow]] = {}
        for row in rows:
            by_proof.setdefault(json.loads(row[7])["proof"], []).append(row)
        return [_stored(each) for each in by_proof.values()]
    except (ValueError, LookupError, TypeError):
        where = " and ".join(sorted({row[0] for row in rows}))
        told = f"{where}: what is stored cannot be read; run `milepost-collector proof verify`"
        raise DamagedProofError(told) from None


def _stored(rows: list[TupleRow]) -> StoredProof:
    (made,) = (row for row in rows if row[5] == MADE)
    chain, link, at, source, key, _, stop, said, *_ = made
    told: dict[str, Any] = json.loads(said)
    erased: list[PartKind] = []
    parts: dict[PartKind, StoredPart] = {}
    photo = None
    for *_, kind, _, _, content, size_bytes, salt, number in rows:
        part = PARTS[kind]
        if content is None:
            erased.append(part)
            continue
        parts[part] = StoredPart(number, bytes(salt), content)
        if part is PartKind.PHOTO:
            photo = Photo(**json.loads(content), size_bytes=size_bytes)
    return StoredProof(
        uuid.UUID(told["proof"]),
        chain.removeprefix(CHAIN),
        *(stop, key, source, at, link),
        proof_from(
            told["told_at_ms"],
            tuple(told["orders"]),
            {kind: part.content for kind, part in parts.items()},
        ),
        photo,
        tuple(erased),
        parts,
    )
