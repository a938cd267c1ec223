"""What a phone sends: a proof, or all that is wrong with it."""

import json
import math
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.delivery.proof.drawing import svg
from milepost_collector.delivery.proof.linking import PartKind, parts_of, proof_from
from milepost_collector.delivery.proof.proof import Signature, Spot
from milepost_collector.delivery.proof.reading import (
    MOST_POINTS,
    MOST_STROKES,
    ProofError,
    read_key,
    read_proof,
)
from tests.collector.proofs import NAME, NOTE, TOLD, WRITTEN

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
TIME = {"time": "2026-11-20T09:28:41.500Z"}


def wrong(more: dict[str, Any]) -> list[str]:
    """Read a proof that is none; return where it is wrong."""
    with pytest.raises(ProofError) as raised:
        read_proof(TIME | more, has_photo=True)
    return [problem.where for problem in raised.value.problems]


def written(**more: Any) -> dict[str, Any]:
    """A signature that is not quite the usual one."""
    return {"signature": WRITTEN | more}


def test_proof_is_read_as_it_was_told() -> None:
    """Every field has its place."""
    proof = read_proof(TOLD | {"orders": ["o1", "o2", "o1"]}, has_photo=False)
    assert proof.told_at_ms == 1_795_166_921_500
    assert proof.orders == ("o1", "o2")
    assert (proof.name, proof.note) == (NAME, NOTE)
    assert proof.place == Spot(48.137154, 11.576124, 8.5)
    assert proof.signature == Signature(300, 100, (((10, 50), (60, 20), (110, 80)), ((200, 50),)))


def test_what_is_not_told_is_unknown() -> None:
    """Nothing is made up: no accuracy is not 0 m."""
    proof = read_proof(TIME, has_photo=True)
    assert (proof.name, proof.note, proof.place, proof.signature, proof.orders) == (None,) * 5
    near = read_proof(TIME | {"place": {"lat_deg": 1, "lon_deg": 2}}, has_photo=False)
    assert near.place == Spot(1, 2, None)


@pytest.mark.parametrize("more", [{}, {"name": "  "}, {"note": "\u202e\u0000"}])
def test_proof_that_shows_nothing_is_refused(more: dict[str, str]) -> None:
    """A time alone is a tap."""
    with pytest.raises(ProofError, match="shows nothing"):
        read_proof(TIME | more, has_photo=False)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Anna \n\t Berg ", "Anna Berg"),
        ("Anna\u0000\u001b[31m", "Anna[31m"),
        ("\u202eanna\u2066", "anna"),
        ("\ud800x", "x"),
        ("A\u0308rger", "Ärger"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("<b>O'Neil</b>", "<b>O'Neil</b>"),
    ],
)
def test_name_keeps_what_people_see(text: str, kept: str) -> None:
    """A driver at a door is not told to type it again."""
    assert read_proof(TIME | {"name": text, "note": text}, has_photo=False).name == kept


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"time": "2026-11-20T09:28:41"}, "time"),
        ({"time": 1_795_166_921_500}, "time"),
        ({"name": 5}, "name"),
        ({"note": "x" * 501}, "note"),
        ({"orders": "o1"}, "orders"),
        ({"orders": ["../x"]}, "orders[0]"),
        ({"place": {"lat_deg": 91, "lon_deg": 0}}, "place.lat_deg"),
        ({"place": {"lat_deg": True, "lon_deg": 0}}, "place.lat_deg"),
        ({"place": {"lat_deg": 1, "lon_deg": math.nan}}, "place.lon_deg"),
        ({"place": {"lat_deg": 1}}, "place.lon_deg"),
        ({"place": {"lat_deg": 1, "lon_deg": 1, "accuracy_m": -1}}, "place.accuracy_m"),
        ({"photo": "x"}, "photo"),
        (written(width_px=0), "signature.width_px"),
        (written(height_px=5_000), "signature.height_px"),
        (written(strokes=[]), "signature.strokes"),
        (written(strokes=[[[-5, -5], [-6, -6]]]), "signature.strokes"),
        (written(strokes=[[[1, 1]], [[1, 1, 1]]]), "signature.strokes[1][0]"),
        (written(strokes=[[[1, 1], [math.inf, 1]]]), "signature.strokes[0][1]"),
        (written(strokes=[[[1, 1], ["1", 1]]]), "signature.strokes[0][1]"),
        (written(strokes=[[[1, 1]]] * (MOST_STROKES + 1)), "signature.strokes"),
        (written(strokes=[[[1, 1]] * MOST_POINTS, [[1, 1]]]), "signature.strokes[1]"),
        ({"signature": {"width_px": 3}}, "signature.height_px"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(more: dict[str, Any], where: str) -> None:
    """A page that is built wrong is mended by who reads this."""
    assert where in wrong(more)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Not one thing a try."""
    assert wrong({"name": 1, "note": 2, "orders": 3}) == ["orders", "name", "note"]


@given(ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(TOLD, ANYTHING)))
def test_whatever_comes_is_a_proof_or_an_error_of_ours(value: object) -> None:
    """No input raises anything else."""
    with suppress(ProofError):
        read_proof(value, has_photo=True)


@given(st.text(max_size=600))
def test_every_name_can_be_stored_and_read_again(text: str) -> None:
    """Whatever people type: it is one printable line that UTF-8 and PostgreSQL hold."""
    try:
        proof = read_proof(TIME | {"name": text}, has_photo=True)
    except ProofError:
        assert len(text) > 500
        return
    if proof.name is not None:
        assert "\x00" not in proof.name.encode().decode()
        assert len(proof.name.splitlines()) == 1
        assert read_proof(TIME | {"name": proof.name}, has_photo=True).name == proof.name


COORDINATE = st.floats(-100, 400, allow_nan=False)


@given(st.lists(st.lists(st.tuples(COORDINATE, COORDINATE).map(list), max_size=9), max_size=9))
def test_every_signature_is_drawn_and_read_again(strokes: list[list[list[float]]]) -> None:
    """What is stored of it gives the same strokes, and a drawing that is XML."""
    try:
        proof = read_proof(TIME | written(strokes=strokes), has_photo=True)
    except ProofError:
        assert not any(0 <= x <= 300 and 0 <= y <= 100 for stroke in strokes for x, y in stroke)
        return
    contents = {part.kind: part.content for part in parts_of(proof, None, "asked")}
    again = proof_from(proof.told_at_ms, (), {PartKind.SIGNATURE: contents[PartKind.SIGNATURE]})
    assert again.signature == proof.signature
    assert proof.signature is not None
    drawn = ET.fromstring(svg(proof.signature))
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == len(
        proof.signature.strokes
    )


@pytest.mark.parametrize("key", ["", "a b", "x" * 65, "é", None, 5, "a/b", "a\n"])
def test_key_that_is_none_is_refused(key: object) -> None:
    """It stands in the record for good: nothing personal fits in."""
    with pytest.raises(ProofError):
        read_key(key)


def test_key_of_a_phone_is_taken() -> None:
    """What `crypto.randomUUID()` makes."""
    key = "3b241101-e2bb-4255-8caf-4136c566a962"
    assert read_key(key) == key


def test_json_of_a_phone_is_what_is_read() -> None:
    """The form survives JSON."""
    assert read_proof(json.loads(json.dumps(TOLD)), has_photo=False).name == NAME
