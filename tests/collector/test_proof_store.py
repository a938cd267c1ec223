"""Proofs in a real database: counted once, kept for good, erased on demand, tampering shown."""

import asyncio
import json
from dataclasses import replace
from datetime import date
from typing import Any, LiteralString

import psycopg
import pytest

from milepost_collector.delivery.proof.linking import PartKind
from milepost_collector.delivery.proof.reading import ProofError, read_proof
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import StopState
from milepost_collector.proof.pictures import PictureError
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.erasing import erase_order, erase_plans
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.requests import KeyReusedError
from milepost_collector.store.plans.rows import UnknownOrderError, UnknownStopOfPlanError
from milepost_collector.store.plans.stopping import change_stop
from milepost_collector.store.proofs.erasing import erase_proofs, erase_proofs_of_order
from milepost_collector.store.proofs.reading import (
    ErasedPictureError,
    StoredProof,
    UnknownProofError,
    picture,
    proof,
    proofs_of_stop,
)
from milepost_collector.store.proofs.writing import ErasedStopError
from tests.collector.programs import DEADLINE_S
from tests.collector.proofs import (
    AT,
    NAME,
    NOTE,
    TOLD,
    corners,
    file,
    in_database,
    photo,
    planned,
    taken,
    took,
    tour,
    walked,
)
from tests.fixtures.servers import FreshDatabase

BY = By(Source.DISPATCHER, "erasure 1", AT)


def stored(database: FreshDatabase, stop: str = "s1", plan: str = "tour-1") -> list[StoredProof]:
    """Return the proofs of a stop."""
    return in_database(database, lambda connection: proofs_of_stop(connection, stop, plan))


def erase(database: FreshDatabase, plan: str = "tour-1", stop: str | None = None) -> int:
    """Erase proofs."""
    return in_database(database, lambda connection: erase_proofs(connection, plan, BY, stop=stop))


def overwrite(database: FreshDatabase, *statements: LiteralString) -> None:
    """Do what only the owner of the database can: turn its refusals off, and write."""
    with psycopg.connect(database.dsn) as connection:
        connection.execute("ALTER TABLE proof_link DISABLE TRIGGER USER")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0
        connection.execute("ALTER TABLE proof_link ENABLE ALWAYS TRIGGER proof_link_only_grows")


def test_proof_is_stored_as_it_was_told(database: FreshDatabase) -> None:
    """All of it, with both times and the orders of its stop, on both kinds of storage."""
    planned(database)
    one = took(database, picture=photo())
    (found,) = stored(database)
    told = replace(read_proof(TOLD, has_photo=True), orders=("o1", "o2"))
    assert one.is_new
    assert found.proof == told
    assert (found.id, found.plan, found.stop, found.key) == (one.id, "tour-1", "s1", "k1")
    assert (found.source, found.at, found.link, found.erased) == ("driver", AT, 1, ())
    assert found.photo is not None
    assert (found.photo.width_px, found.photo.height_px) == (400, 300)
    kept = in_database(database, lambda connection: picture(connection, one.id))
    assert (kept.media_type, len(kept.content)) == ("image/jpeg", found.photo.size_bytes)
    assert b"Secret" not in kept.content
    assert in_database(database, lambda connection: proof(connection, one.id)) == found
    assert [each.broken_at for each in walked(database)] == [None]


def test_only_what_was_told_is_stored(plain_database: FreshDatabase) -> None:
    """A place alone is a proof; there is no photo to be had of it."""
    planned(plain_database)
    one = took(plain_database, told={"time": TOLD["time"], "place": TOLD["place"]}, stop="s2")
    (found,) = stored(plain_database, "s2")
    assert found.proof.place is not None
    assert (found.proof.name, found.photo, found.proof.orders) == (None, None, ())
    with pytest.raises(UnknownProofError):
        in_database(plain_database, lambda connection: picture(connection, one.id))


def test_proof_of_some_orders_is_of_those(plain_database: FreshDatabase) -> None:
    """One was handed over, the other not."""
    planned(plain_database)
    took(plain_database, told=TOLD | {"orders": ["o2"]})
    assert [each.proof.orders for each in stored(plain_database)] == [("o2",)]
    with pytest.raises(UnknownOrderError, match="o9"):
        took(plain_database, "k2", told=TOLD | {"orders": ["o2", "o9"]})


def test_proof_that_comes_again_counts_once(plain_database: FreshDatabase) -> None:
    """A phone that heard no answer sends again; nothing is stored, and the id is the same."""
    planned(plain_database)
    first = took(plain_database, picture=photo())
    again = took(plain_database, picture=photo())
    assert (again.id, again.is_new) == (first.id, False)
    assert len(stored(plain_database)) == 1
    assert took(plain_database, "k2", picture=photo()).is_new
    assert [each.key for each in stored(plain_database)] == ["k1", "k2"]
    assert plain_database.value("SELECT links FROM proof_chain") == 12


@pytest.mark.parametrize(
    "more",
    [
        {"told": TOLD | {"name": "Somebody else"}},
        {"told": TOLD | {"time": "2026-11-20T09:28:42.500Z"}},
        {"picture": file(corners(), quality=50)},
        {"picture": None},
        {"stop": "s2"},
    ],
)
def test_key_with_another_proof_is_refused(
    plain_database: FreshDatabase, more: dict[str, Any]
) -> None:
    """Two proofs of one key would be one lost."""
    planned(plain_database)
    took(plain_database, picture=photo())
    with pytest.raises(KeyReusedError):
        took(plain_database, "k1", **({"picture": photo()} | more))
    assert len(stored(plain_database)) == 1


def test_proof_that_comes_twice_at_once_counts_once(plain_database: FreshDatabase) -> None:
    """And proofs of other keys are not lost by it."""
    planned(plain_database)
    keys = ["k1", "k1", "k1", "k2", "k3"]

    async def one(key: str) -> bool:
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            return (await taken(connection, key, picture=photo())).is_new

    async def all_() -> list[bool]:
        return await asyncio.gather(*map(one, keys))

    new = asyncio.run(all_())
    assert sum(new[:3]) == 1
    assert new[3:] == [True, True]
    assert sorted(each.key for each in stored(plain_database)) == ["k1", "k2", "k3"]
    assert [each.broken_at for each in walked(plain_database)] == [None]


def test_plans_have_chains_of_their_own(plain_database: FreshDatabase) -> None:
    """The same key and the same stop's name in another plan is another proof."""
    planned(plain_database, tour(), tour("tour-2", "van-2"))
    one, two = took(plain_database), took(plain_database, plan="tour-2")
    assert one.id != two.id
    assert two.is_new
    chains = [(each.chain, each.changes) for each in walked(plain_database)]
    assert chains == [("proof/tour-1", 5), ("proof/tour-2", 5)]


@pytest.mark.parametrize(("plan", "stop"), [("tour-9", "s1"), ("tour-1", "s9")])
def test_proof_of_no_stop_is_refused(plain_database: FreshDatabase, plan: str, stop: str) -> None:
    """And leaves nothing behind."""
    planned(plain_database)
    with pytest.raises(UnknownStopOfPlanError, match=stop):
        took(plain_database, plan=plan, stop=stop)
    assert plain_database.value("SELECT count(*) FROM proof_chain") == 0
    assert plain_database.value("SELECT count(*) FROM proof_part") == 0


def test_proof_that_is_refused_leaves_nothing(plain_database: FreshDatabase) -> None:
    """Its key is free for the one that is mended."""
    planned(plain_database)
    with pytest.raises(PictureError):
        took(plain_database, picture=photo()[:500])
    with pytest.raises(ProofError):
        took(plain_database, told={"time": TOLD["time"]})
    assert walked(plain_database) == []
    assert took(plain_database, picture=photo()).is_new


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE proof_link SET stop = 's2'",
        "DELETE FROM proof_link",
        "TRUNCATE proof_link",
        "UPDATE proof_link SET stop = 's2' WHERE false",
        "TRUNCATE proof_link, proof_part, proof_chain",
        "MERGE INTO proof_link USING proof_chain ON true WHEN MATCHED THEN DELETE",
        "SET session_replication_role = replica; DELETE FROM proof_link",
    ],
)
def test_database_refuses_to_change_the_chain(
    database: FreshDatabase, statement: LiteralString
) -> None:
    """Whoever asks, and also where nothing would be changed by it."""
    planned(database)
    took(database)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only grows"):
        database.run(statement)
    assert len(stored(database)) == 1


def test_erased_proof_is_erased_and_not_tampered_with(database: FreshDatabase) -> None:
    """Nothing personal is left in any row, and the chain says what was erased."""
    planned(database)
    one = took(database, picture=photo())
    took(database, "k2", stop="s2")
    assert erase(database, stop="s1") == 6
    assert erase(database, stop="s1") == 0
    (found,) = walked(database)
    assert (found.broken_at, found.erased) == (None, 6)
    (gone,) = stored(database)
    assert set(gone.erased) == set(PartKind)
    assert (gone.proof.name, gone.proof.place, gone.photo, gone.parts) == (None, None, None, {})
    assert gone.proof.told_at_ms == read_proof(TOLD, has_photo=True).told_at_ms
    with pytest.raises(ErasedPictureError):
        in_database(database, lambda connection: picture(connection, one.id))
    assert [each.proof.name for each in stored(database, "s2")] == [NAME]
    assert erase(database) == 5
    left = database.value(
        "SELECT string_agg(l::text, '') || (SELECT string_agg(p::text, '') FROM proof_part AS p) "
        "FROM proof_link AS l"
    )
    for personal in (NAME, NOTE, "48.137", "11.576", "strokes", NAME.encode().hex(), "ffd8ff"):
        assert personal not in left
    assert [each.erased for each in walked(database)] == [11]


def test_proof_that_comes_again_after_its_erasure_is_not_stored_again(
    plain_database: FreshDatabase,
) -> None:
    """A phone that was long out of reach does not undo an erasure."""
    planned(plain_database)
    took(plain_database)
    erase(plain_database)
    assert not took(plain_database).is_new
    with pytest.raises(KeyReusedError):
        took(plain_database, stop="s2")
    assert plain_database.value("SELECT count(content) FROM proof_part") == 0


def test_late_proof_of_an_erased_plan_is_refused(plain_database: FreshDatabase) -> None:
    """Who took it would be known again; what came before comes again without harm."""
    planned(plain_database)
    took(plain_database)

    async def work(connection: AsyncDatabase) -> None:
        await erase_plans(connection, BY, before=date(2026, 11, 21), vehicle=None)
        await erase_proofs(connection, "tour-1", BY)

    in_database(plain_database, work)
    with pytest.raises(ErasedStopError, match="plan tour-1 was erased"):
        took(plain_database, "k2", stop="s2")
    assert not took(plain_database).is_new
    assert plain_database.value("SELECT count(content) FROM proof_part") == 0


def test_late_proof_of_an_erased_order_is_refused(plain_database: FreshDatabase) -> None:
    """Of other orders it is taken."""
    planned(plain_database)

    async def work(connection: AsyncDatabase) -> None:
        await change_stop(connection, "tour-1", "s1", StopState.COMPLETED, BY)
        await erase_order(connection, "o1", BY)
        await erase_proofs_of_order(connection, "o1", BY)

    in_database(plain_database, work)
    with pytest.raises(ErasedStopError, match="order o1 was erased"):
        took(plain_database)
    assert took(plain_database, told=TOLD | {"orders": ["o2"]}).is_new


def test_proof_that_comes_while_its_plan_is_erased_does_not_outlive_it(
    plain_database: FreshDatabase,
) -> None:
    """Either it is there before and is erased, or it comes after and is refused."""
    planned(plain_database)

    async def both() -> None:
        one = await connect_async(plain_database.dsn, autocommit=True)
        other = await connect_async(plain_database.dsn, autocommit=True)
        async with one, other:
            async with one.transaction():
                await one.execute("UPDATE plan SET erased_at = %s", (AT,))
                late = asyncio.ensure_future(taken(other))
                await _until_somebody_waits(one)
                await erase_proofs(one, "tour-1", BY)
            with pytest.raises(ErasedStopError):
                await late

    asyncio.run(both())
    assert walked(plain_database) == []


async def _until_somebody_waits(connection: AsyncDatabase) -> None:
    deadline_s = asyncio.get_running_loop().time() + DEADLINE_S
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    while await (await connection.execute(waiting)).fetchone() is None:
        assert asyncio.get_running_loop().time() < deadline_s, "nobody waits"
        await asyncio.sleep(0.01)


def test_erasure_of_what_is_not_there_writes_nothing(plain_database: FreshDatabase) -> None:
    """A plan without proofs has no chain."""
    planned(plain_database)
    assert erase(plain_database) == 0
    assert walked(plain_database) == []


def test_proof_is_one_with_what_it_is_stored_with(plain_database: FreshDatabase) -> None:
    """In somebody's transaction that fails it is not stored; nor half of it."""
    planned(plain_database)

    async def fails(connection: AsyncDatabase) -> None:
        async with connection.transaction():
            await taken(connection, picture=photo())
            await erase_proofs(connection, "tour-1", BY)
            raise LookupError

    with pytest.raises(LookupError):
        in_database(plain_database, fails)
    assert walked(plain_database) == []


TAMPERED: dict[str, tuple[int, LiteralString]] = {
    "stop of a link": (3, "UPDATE proof_link SET stop = 's2' WHERE n = 3"),
    "time of the driver": (
        1,
        "UPDATE proof_link SET said = regexp_replace(said, '\"told_at_ms\":17', "
        "'\"told_at_ms\":16') WHERE n = 1",
    ),
    "our time": (1, "UPDATE proof_link SET at = at - interval '1 hour' WHERE n = 1"),
    "who": (2, "UPDATE proof_link SET source = 'dispatcher' WHERE n = 2"),
    "a link gone": (4, "DELETE FROM proof_link WHERE n = 4"),
    "the last link gone": (10, "DELETE FROM proof_link WHERE n = 10"),
    "all links gone": (1, "DELETE FROM proof_link"),
    "chain gone": (1, "TRUNCATE proof_link"),
    "head changed": (10, "UPDATE proof_chain SET head = sha256('x')"),
    "head gone": (1, "DELETE FROM proof_chain"),
    "name changed": (3, "UPDATE proof_part SET content = '\"Eve\"' WHERE kind = 'name' AND no < 6"),
    "salt changed": (4, "UPDATE proof_part SET salt = sha256('x') WHERE kind = 'note' AND no < 6"),
    "place gone": (5, "DELETE FROM proof_part WHERE kind = 'place' AND no < 6"),
    "erased without a word": (
        2,
        "UPDATE proof_part SET content = NULL, salt = NULL, erased_at = now() WHERE no = 2",
    ),
    "parts swapped": (
        3,
        "UPDATE proof_part AS a SET content = b.content, salt = b.salt FROM proof_part AS b "
        "WHERE a.kind = 'name' AND b.kind = 'name' AND a.no <> b.no",
    ),
    "part of another stop": (2, "UPDATE proof_part SET stop = 's2' WHERE no = 2"),
    "part of another plan": (2, "UPDATE proof_part SET plan = 'tour-2' WHERE no = 2"),
    "part of another kind": (3, "UPDATE proof_part SET kind = 'note' WHERE no = 3"),
    "part that nobody told": (
        11,
        "INSERT INTO proof_part (plan, stop, kind, salt, content, made_at) "
        "VALUES ('tour-1', 's1', 'name', 'x', '\"Eve\"', now())",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_named_by_its_first_link(plain_database: FreshDatabase, what: str) -> None:
    """Also by who owns the database, as long as the chain is not made anew."""
    planned(plain_database)
    took(plain_database)
    took(plain_database, "k2", stop="s2")
    broken_at, statement = TAMPERED[what]
    overwrite(plain_database, statement)
    found = walked(plain_database)[0]
    assert (found.chain, found.broken_at) == ("proof/tour-1", broken_at)
    assert found.cause is not None


def test_picture_that_was_changed_shows(plain_database: FreshDatabase) -> None:
    """One pixel of it, or another picture in its place."""
    planned(plain_database)
    took(plain_database, picture=photo())
    overwrite(
        plain_database,
        "UPDATE proof_part SET picture = set_byte(picture, octet_length(picture) - 20, 7) "
        "WHERE kind = 'photo'",
    )
    (found,) = walked(plain_database)
    assert (found.broken_at, found.cause) == (2, "its personal row 2 is not what was written")


def test_tampering_after_an_erasure_shows(plain_database: FreshDatabase) -> None:
    """Erasure is no cover for it."""
    planned(plain_database)
    took(plain_database)
    took(plain_database, "k2", stop="s2")
    erase(plain_database, stop="s1")
    overwrite(plain_database, "UPDATE proof_part SET content = '\"Eve\"' WHERE no = 8")
    (found,) = walked(plain_database)
    assert (found.broken_at, found.erased) == (8, 5)


def test_content_where_something_was_erased_shows(plain_database: FreshDatabase) -> None:
    """Whether it is something else, or what was there, from a backup."""
    planned(plain_database)
    took(plain_database)
    ((salt, content),) = plain_database.rows("SELECT salt, content FROM proof_part WHERE no = 3")
    erase(plain_database)
    again = "UPDATE proof_part SET content = %s, salt = %s, erased_at = NULL WHERE no = 3"
    plain_database.run(again, '"Eve"', salt)
    (found,) = walked(plain_database)
    assert (found.broken_at, found.cause) == (3, "its personal row 3 is not what was written")
    plain_database.run(again, content, salt)
    (found,) = walked(plain_database)
    assert (found.broken_at, found.cause) == (6, "it erased personal row 3, which is there again")


def test_record_says_nothing_personal(plain_database: FreshDatabase) -> None:
    """Ids, times and salted digests: two proofs of the same have nothing in common."""
    planned(plain_database)
    took(plain_database, picture=photo())
    took(plain_database, "k2", picture=photo())
    rows = [json.loads(said) for (said,) in plain_database.rows("SELECT said FROM proof_link")]
    assert {key for row in rows for key in row} == {"proof", "personal", "told_at_ms", "orders"}
    digests = [row["personal"][1] for row in rows]
    assert len(set(digests)) == len(digests) == 12
