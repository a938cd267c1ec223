"""The event engine: `engine(state, fixes, definitions) -> state, events`.

Pure: no clock, no I/O, no randomness. The same fixes in the same order give the same events with
the same ids, however they are cut into batches, and beside whichever other devices.

The way of the data: `tracks` puts fixes behind what is remembered, `belief` and `judging` say which
of them tell where a vehicle was, `grid` and `means` where it was in the mean; `motion` makes stops
and trips of that (`passing` for all vehicles of which nothing comes, `mover`, `places` and `trips`
for the others), `nearby`, `fencing` and `crossing` take them past fences, `speeding` looks how fast
they are, `telling` puts the events in order; `run` does this for many devices at once. `state`,
`motion_state` and `tail` are what is remembered between batches; `shape` (with `ways`), `fence`,
`rules` and `definitions` are what people define, and `planned` makes fences of vehicles' plans.
"""

from milepost_collector.engine.belief import Doubted
from milepost_collector.engine.definitions import Definitions, Version
from milepost_collector.engine.fence import Fence, FenceError, fences_from_geojson
from milepost_collector.engine.judging import Doubt
from milepost_collector.engine.planned import planned_fences
from milepost_collector.engine.rules import RuleBook, Rules, RulesError, rules_from_json
from milepost_collector.engine.run import Run, run_engine
from milepost_collector.engine.state import EngineState, EngineStateError
from milepost_collector.engine.tracks import Job

__all__ = [
    "Definitions",
    "Doubt",
    "Doubted",
    "EngineState",
    "EngineStateError",
    "Fence",
    "FenceError",
    "Job",
    "RuleBook",
    "Rules",
    "RulesError",
    "Run",
    "Version",
    "fences_from_geojson",
    "planned_fences",
    "rules_from_json",
    "run_engine",
]
