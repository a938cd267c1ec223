"""Writing proofs into a folder, with all that is needed to verify them without us.

A plan's folder holds `chain.json`, its links as they are stored, and a folder for each proof: what
was told, its parts with their salts, and its pictures as files.
"""

import json
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any

from milepost_collector.delivery.chain import Linked
from milepost_collector.delivery.proof.drawing import svg
from milepost_collector.proof.pictures import signature_png
from milepost_collector.proof.telling import proof_told
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.proofs.reading import (
    StoredProof,
    UnknownProofError,
    links,
    picture,
    plans_with_proofs,
    proofs_of_plan,
)


async def write_out(
    database: AsyncDatabase, folder: Path, plan: str | None, stop: str | None
) -> int:
    """Write proofs; return how many.

    Args:
        database: In autocommit mode; a plan is read as of one moment.
        folder: Where to; made where it is missing.
        plan: Only of this plan; None: of all.
        stop: Only of this stop; None: of all.

    Raises:
        UnknownProofError: There are none.
        OSError: The folder cannot be written.
    """
    count = 0
    for name in await plans_with_proofs(database):
        if plan in (None, name):
            count += await _write_plan(database, folder, name, stop)
    if not count:
        raise UnknownProofError("there are no such proofs")
    return count


async def _write_plan(database: AsyncDatabase, folder: Path, plan: str, stop: str | None) -> int:
    async with database.transaction():
        await database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        proofs = [
            each for each in await proofs_of_plan(database, plan) if stop in (None, each.stop)
        ]
        if not proofs:
            return 0
        # A plan may be named `..`.
        here = folder / f"plan-{plan}"
        here.mkdir(parents=True)
        chain = [_link_told(link) async for link in links(database, plan)]
        _write_json(here / "chain.json", chain)
        for each in proofs:
            await _write_proof(database, here, each)
    return len(proofs)


async def _write_proof(database: AsyncDatabase, folder: Path, proof: StoredProof) -> None:
    here = folder / f"stop-{proof.stop}" / str(proof.id)
    here.mkdir(parents=True)
    told = proof_told(proof)
    told["parts"] = {
        kind: {"no": part.number, "salt": part.salt.hex(), "content": part.content}
        for kind, part in proof.parts.items()
    }
    if proof.photo is not None:
        photo = await picture(database, proof.id)
        (here / "photo.jpg").write_bytes(photo.content)
    if proof.proof.signature is not None:
        (here / "signature.svg").write_text(svg(proof.proof.signature))
        (here / "signature.png").write_bytes(signature_png(proof.proof.signature))
    _write_json(here / "proof.json", told)


def _link_told(link: Linked) -> dict[str, Any]:
    entry = asdict(link.entry)
    at = link.entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return {**entry, "at": at, "previous": link.previous.hex(), "hash": link.hash.hex()}


def _write_json(path: Path, told: object) -> None:
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
