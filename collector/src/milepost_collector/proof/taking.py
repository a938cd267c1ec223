"""Taking a proof from a phone: what an endpoint calls."""

import uuid
from dataclasses import dataclass

from milepost_collector.delivery.proof.linking import fingerprint
from milepost_collector.delivery.proof.proof import Proof
from milepost_collector.proof.darkroom import Darkroom
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By
from milepost_collector.store.proofs.writing import Given, is_stored, store_proof


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a proof.

    Attributes:
        id: Its id, also of its photo: the same in every repeat.
        is_new: Whether it had not come before.
    """

    id: uuid.UUID
    is_new: bool


async def take_proof(
    database: AsyncDatabase,
    darkroom: Darkroom,
    stop: tuple[str, str],
    proof: Proof,
    photo: bytes | None,
    by: By,
) -> Taken:
    """Store a proof, unless it has come before.

    Args:
        database: In autocommit mode: nothing is held while the photo is made ready.
        darkroom: Where that is done.
        stop: Its plan, and its id there.
        proof: As `delivery.proof.reading.read_proof` read it.
        photo: The file as the phone sent it.
        by: Who; `input` is the key that the phone gave it (`read_key`).

    Raises:
        PictureError: The photo is not taken.
        UnknownStopOfPlanError: The plan has, and had, no such stop.
        UnknownOrderError: The stop has no such order.
        ErasedStopError: Its plan, or one of its orders, was erased.
        KeyReusedError: The key came with another proof.
        OperationalError: The database is lost or busy (`connection.LOST`): try again.
    """
    given = Given(*stop, proof, fingerprint(stop[1], proof, photo), by)
    if await is_stored(database, given):
        return Taken(given.id, is_new=False)
    picture = None if photo is None else await darkroom.cleaned(photo)
    return Taken(given.id, await store_proof(database, given, picture))
