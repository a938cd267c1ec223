"""The chain of proofs, without a database: what was changed shows, what was erased is counted."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.delivery.chain import (
    FIRST,
    Entry,
    Linked,
    PersonalRow,
    Walked,
    canonical,
    linked,
    walk,
)
from milepost_collector.delivery.proof.linking import (
    CHAIN,
    ERASED,
    Laid,
    Part,
    fingerprint,
    links_of,
    parts_of,
    proof_id,
)
from milepost_collector.delivery.proof.proof import Picture, Proof, Signature, Spot
from tests.collector.proofs import AT

PLAN = "tour-1"
TEXT = st.text(max_size=20).filter(str.isprintable).map(lambda text: f"ż{text}")
NUMBER = st.floats(-90, 90)
PROOFS = st.builds(
    Proof,
    st.integers(0, 2**41),
    name=st.none() | TEXT,
    note=st.none() | TEXT,
    place=st.none() | st.builds(Spot, NUMBER, NUMBER, st.none() | st.floats(0, 100)),
    signature=st.none()
    | st.builds(
        Signature,
        st.just(300.0),
        st.just(100.0),
        st.lists(st.lists(st.tuples(NUMBER, NUMBER), min_size=1).map(tuple), min_size=1).map(tuple),
    ),
)
PICTURES = st.none() | st.builds(
    Picture, st.just("image/jpeg"), st.integers(1, 1600), st.integers(1, 1600), st.binary()
)
DAYS = st.lists(st.tuples(PROOFS, PICTURES), min_size=1, max_size=4)


@dataclass
class Kept:
    """A chain and what lies beside it, as a database keeps them."""

    rows: list[Linked] = field(default_factory=list)
    parts: dict[int, tuple[bytes, Part, str]] = field(default_factory=dict)
    erased: list[int] = field(default_factory=list)

    def add(self, said: list[tuple[str, dict[str, object]]], stop: str) -> None:
        """Add links at the end."""
        head = self.rows[-1].hash if self.rows else FIRST
        n = len(self.rows)
        self.rows += linked(
            head,
            [
                Entry(
                    *(CHAIN + PLAN, n + k, AT + timedelta(0, n), "driver", f"k{n}", kind, stop),
                    *(None, canonical(what)),
                )
                for k, (kind, what) in enumerate(said, 1)
            ],
        )

    def erase(self, number: int) -> None:
        """Erase a part, and say so."""
        self.erased.append(number)
        self.add([(ERASED, {"rows": [number]})], "s1")

    def walked(self, head: tuple[int, bytes] | None = None) -> Walked:
        """Walk along it."""
        rows = {
            number: PersonalRow(None, None)
            if number in self.erased
            else PersonalRow(salt, part.sealed(PLAN, stop))
            for number, (salt, part, stop) in self.parts.items()
        }
        end = head or (len(self.rows), self.rows[-1].hash)
        return walk(CHAIN + PLAN, self.rows, end, rows, self.erased)


def kept(day: list[tuple[Proof, Picture | None]]) -> Kept:
    """A chain of some proofs."""
    found = Kept()
    for n, (proof, picture) in enumerate(day):
        stop = f"s{n}"
        parts = parts_of(proof, picture, fingerprint(stop, proof, None))
        first = len(found.parts) + 1
        laid = [Laid(part, no, uuid.uuid4().bytes) for no, part in enumerate(parts, first)]
        found.add(links_of((PLAN, stop), proof_id(PLAN, f"k{n}"), proof, ("o1",), laid), stop)
        found.parts |= {each.number: (each.salt, each.part, stop) for each in laid}
    return found


@given(DAYS)
def test_chain_that_nobody_touched_is_whole(day: list[tuple[Proof, Picture | None]]) -> None:
    """Whatever was proved."""
    found = kept(day).walked()
    assert (found.broken_at, found.cause, found.erased) == (None, None, 0)


@given(DAYS, st.data())
def test_erased_parts_are_counted_and_nothing_is_broken(
    day: list[tuple[Proof, Picture | None]], data: st.DataObject
) -> None:
    """Any of them, in any order."""
    chain = kept(day)
    gone = data.draw(st.lists(st.sampled_from(sorted(chain.parts)), unique=True))
    for number in gone:
        chain.erase(number)
    found = chain.walked()
    assert (found.broken_at, found.erased) == (None, len(gone))


@given(DAYS, st.data())
def test_any_change_of_a_link_is_found_there(
    day: list[tuple[Proof, Picture | None]], data: st.DataObject
) -> None:
    """Any column of any row."""
    chain = kept(day)
    place = data.draw(st.integers(0, len(chain.rows) - 1))
    row = chain.rows[place]
    entry = row.entry
    other = data.draw(
        st.sampled_from(
            [
                replace(row, entry=replace(entry, at=entry.at + timedelta(microseconds=1))),
                replace(row, entry=replace(entry, source="dispatcher")),
                replace(row, entry=replace(entry, input=entry.input + "x")),
                replace(row, entry=replace(entry, kind=entry.kind + "x")),
                replace(row, entry=replace(entry, stop=None)),
                replace(row, entry=replace(entry, order="o9")),
                replace(row, entry=replace(entry, chain="proof/tour-2")),
                replace(row, entry=replace(entry, said=entry.said.replace("personal", "person"))),
                replace(row, hash=bytes(31) + b"x"),
                replace(row, previous=bytes(31) + b"x"),
            ]
        )
    )
    chain.rows[place] = other
    assert chain.walked().broken_at == place + 1


@given(DAYS, st.data())
def test_missing_doubled_and_swapped_links_are_found(
    day: list[tuple[Proof, Picture | None]], data: st.DataObject
) -> None:
    """Also at the end, where no later link would tell."""
    chain = kept(day)
    end = (len(chain.rows), chain.rows[-1].hash)
    place = data.draw(st.integers(0, len(chain.rows) - 1))
    rows = chain.rows
    without = rows[:place] + rows[place + 1 :]
    doubled = rows[: place + 1] + rows[place:]
    for other in (without, doubled, rows[:place]):
        chain.rows = other
        assert chain.walked(end).broken_at is not None
    if place:
        chain.rows = [*rows[: place - 1], rows[place], rows[place - 1], *rows[place + 1 :]]
        assert chain.walked(end).broken_at is not None


@given(DAYS, st.data())
def test_any_change_of_a_part_is_found_at_its_link(
    day: list[tuple[Proof, Picture | None]], data: st.DataObject
) -> None:
    """Content, picture, salt, and whose it is; and a part that is gone without a word."""
    chain = kept(day)
    number = data.draw(st.sampled_from(sorted(chain.parts)))
    salt, part, stop = chain.parts[number]
    link = next(row.entry.n for row in chain.rows if f'"personal":[{number},' in row.entry.said)
    for other in (
        (salt, replace(part, content=part.content + " "), stop),
        (salt, replace(part, picture=(part.picture or b"") + b"x"), stop),
        (salt[1:] + b"x", part, stop),
        (salt, part, stop + "x"),
        (salt, replace(part, picture=None, content="[]"), stop),
    ):
        chain.parts[number] = other
        found = chain.walked()
        assert (found.broken_at, found.erased) == (link, 0)
    del chain.parts[number]
    assert chain.walked().broken_at == link


@given(PROOFS)
def test_chain_holds_nothing_personal(proof: Proof) -> None:
    """Nor anything by which what is personal could be guessed: digests are salted."""
    one, two = (kept([(proof, None)]) for _ in range(2))
    for a, b in zip(one.rows, two.rows, strict=True):
        assert a.entry.said != b.entry.said
        for each in (proof.name, proof.note):
            assert each is None or each not in a.entry.said
