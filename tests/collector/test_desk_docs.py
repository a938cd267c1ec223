"""What the documents say of desks is what desks do."""

from dataclasses import fields
from pathlib import Path

import pytest

from milepost_collector.delivery.delay import Cause
from milepost_collector.delivery.desk import DESK_TYPES, DeskRules
from milepost_collector.delivery.desk.input_json import input_json
from milepost_collector.delivery.desk.rules import RANGES
from tests.collector.test_desk_inputs import EVERY

DOCS = Path(__file__).parents[2] / "collector" / "docs" / "desk.md"
TEXT = DOCS.read_text("utf-8")


@pytest.mark.parametrize("kind", DESK_TYPES)
def test_every_type_stands_in_the_table(kind: str) -> None:
    """Who reads the feed finds each type that desks tell."""
    assert any(f"`{kind}`" in line for line in TEXT.splitlines() if line.startswith("| `"))


@pytest.mark.parametrize("rule", fields(DeskRules), ids=lambda rule: str(rule.name))
def test_every_rule_stands_there_with_its_default_and_range(rule: object) -> None:
    """Numbers in the table are those of the program."""
    name = str(rule.name)  # type: ignore[attr-defined]
    default = rule.default  # type: ignore[attr-defined]
    low, high = RANGES[name]
    assert f"| `{name}` | {default:,.0f} | {low:,.0f} to {high:,.0f} |" in TEXT


def test_every_cause_and_every_kind_of_input_stands_there() -> None:
    """So do the causes of delay, and what the log is made of."""
    for word in (*Cause, *{input_json(entry)["kind"] for entry in EVERY}):
        assert f"`{word}`" in TEXT
