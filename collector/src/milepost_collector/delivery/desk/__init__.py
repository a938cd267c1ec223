"""Desk events: what plans, movement, people, forecasts and time give to tell of a delivery day.

Pure: no I/O, no clock. `inputs` and `input_json` are the words of the log, `reducer` takes them in
one by one, `state` is what it remembers. `planning`, `movement`, `tapping`, `foreseeing` and
`hearing` each take one kind of input; `story` puts facts in the order of their own times, `claims`
says what follows from them, `ledger` tells and withdraws. `day` gives the day to `delivery.delay`.
"""

from milepost_collector.delivery.desk.input_json import InputError, input_json, input_of_json
from milepost_collector.delivery.desk.reducer import Change, OutOfOrderError, Told, desk
from milepost_collector.delivery.desk.rules import DeskRules, DeskRulesError, desk_rules_from_json
from milepost_collector.delivery.desk.state import DeskState, DeskStateError
from milepost_collector.delivery.desk.tapping import Refusal
from milepost_collector.delivery.desk.types import DESK_TYPES

__all__ = [
    "DESK_TYPES",
    "Change",
    "DeskRules",
    "DeskRulesError",
    "DeskState",
    "DeskStateError",
    "InputError",
    "OutOfOrderError",
    "Refusal",
    "Told",
    "desk",
    "desk_rules_from_json",
    "input_json",
    "input_of_json",
]
