"""Reading rules from JSON: what is taken, and what each refusal says."""

from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.engine import RuleBook, Rules, RulesError, rules_from_json


def test_rules_of_nothing_are_the_usual_ones() -> None:
    """An empty object changes nothing."""
    assert rules_from_json({}) == RuleBook()
    assert rules_from_json({}).of("van-1") == Rules()


def test_rules_are_taken_for_all_and_for_some() -> None:
    """A rule holds for every vehicle, and one under `vehicles` only for that one."""
    book = rules_from_json(
        {
            "stop_s": 90,
            "idle_s": None,
            "vehicles": {"van-1": {"stop_s": 120, "speed_limit_mps": 25}},
        }
    )
    assert book.of("van-2") == Rules(stop_s=90, idle_s=None)
    assert book.of("van-1") == Rules(stop_s=120, idle_s=None, speed_limit_mps=25)


@pytest.mark.parametrize("each", fields(Rules), ids=lambda each: str(each.name))
def test_rules_hold_their_own_defaults(each: Any) -> None:
    """Every default is one that could have been written."""
    assert rules_from_json({each.name: each.default}) == RuleBook()


BAD: list[tuple[object, str]] = [
    (None, "is no JSON object of rules"),
    ([], "is no JSON object of rules"),
    (5, "is no JSON object of rules"),
    ("x", "is no JSON object of rules"),
    ({"speed": 5}, "unknown rule 'speed'"),
    ({"stop_s": None}, "stop_s = None is no number"),
    ({"stop_s": "60"}, "stop_s = '60' is no number"),
    ({"stop_s": True}, "stop_s = True is no number"),
    ({"stop_s": float("nan")}, "stop_s = nan is no number"),
    ({"stop_s": float("inf")}, "stop_s = inf is no number"),
    ({"stop_s": 19}, "stop_s = 19 is not from 20 to 3600"),
    ({"trip_m": 10**400}, f"trip_m = {10**400} is not from 50 to 10000"),
    ({"speed_limit_mps": 0}, "speed_limit_mps = 0 is not from 1 to 100"),
    ({"stop_s": 200}, "trip_end_s = 180 is less than stop_s = 200"),
    ({"idle_s": 50}, "idle_s = 50 is less than stop_s = 60"),
    ({"vehicles": []}, "vehicles is no JSON object"),
    ({"vehicles": {"van-1": 5}}, "vehicles.van-1 is no JSON object of rules"),
    ({"vehicles": {"van-1": {"x": 5}}}, "unknown rule 'vehicles.van-1.x'"),
    (
        {"vehicles": {"van-1": {"gap_s": 5}}},
        "vehicles.van-1.gap_s = 5 is not from 60 to 86400",
    ),
    (
        {"vehicles": {"van-1": {"stop_s": 400, "trip_end_s": 500}}},
        "vehicles.van-1.idle_s = 300 is less than stop_s = 400",
    ),
]


@pytest.mark.parametrize(("value", "text"), BAD)
def test_rules_refusal_names_the_rule_and_the_value(value: object, text: str) -> None:
    """Bad rules are refused with the rule's name, for whom it is, and what is wrong."""
    with pytest.raises(RulesError) as raised:
        rules_from_json(value)
    assert str(raised.value) == text


names = st.sampled_from([each.name for each in fields(Rules)]) | st.text(max_size=3)
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
rules = st.dictionaries(names, values, max_size=3)


@given(rules | st.fixed_dictionaries({"vehicles": values | st.dictionaries(names, rules | values)}))
def test_rules_of_anything_are_rules_or_an_error(value: object) -> None:
    """Whatever JSON holds, it is a rule book, or a refusal."""
    with suppress(RulesError):
        assert isinstance(rules_from_json(value), RuleBook)
